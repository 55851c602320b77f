"""Apply the filters of DescribeNetworkInterfaces, which MiniStack ignores.

Other calls of EC2 had the same fault: https://github.com/ministackorg/ministack/issues/273.
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import ec2

ID = "NetworkInterfaceId"


def apply() -> None:
    """Change MiniStack."""
    ec2._ACTION_MAP["DescribeNetworkInterfaces"] = _describe


def _describe(params: Any) -> Any:
    filters, ids = ec2._parse_filters(params), ec2._parse_member_list(params, ID)
    found = [
        ec2._eni_fields_xml(interface)
        for interface in ec2._network_interfaces.values()
        if (not ids or interface[ID] in ids) and matches(interface, filters)
    ]
    answer = f"<networkInterfaceSet>{''.join(found)}</networkInterfaceSet>"
    return ec2._xml(200, "DescribeNetworkInterfacesResponse", answer)


def matches(interface: Mapping[str, Any], filters: Mapping[str, list[str]]) -> bool:
    """Return whether an interface passes all `filters`: allowed values by a filter's name."""
    values = {
        "subnet-id": {interface["SubnetId"]},
        "group-id": {group["GroupId"] for group in interface["Groups"]},
    }
    return all(values[name] & set(wanted) for name, wanted in filters.items())
