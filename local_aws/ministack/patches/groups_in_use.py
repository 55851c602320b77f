"""Refuse to delete a stack's security group while a network interface has it.

MiniStack deletes it. The switch is `vpc.groups`.
"""

from ministack.services import ec2

from local_aws import switches
from local_aws.ministack.patches.interface_filters import matches
from local_aws.ministack.resource_steps import before_deletion


def apply() -> None:
    """Change MiniStack."""
    before_deletion("AWS::EC2::SecurityGroup", _refuse_use)


def _refuse_use(group: str) -> None:
    used = any(
        matches(interface, {"group-id": [group]}) for interface in ec2._network_interfaces.values()
    )
    if used and switches.seconds("vpc.groups"):
        raise ValueError(f"resource {group} has a dependent object")
