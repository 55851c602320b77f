"""Network interfaces that attach instances to the account's subnets.

SageMaker deletes them some time after the instances, and does so as the execution role. Without the
role they stay. The switch `vpc.interfaces` has the source.
"""

import threading
from collections.abc import Mapping

from local_aws import switches
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope

# What the role must be able to describe: "SageMaker roles" in the Developer Guide.
DESCRIBED = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
DELETING = ("ec2:DeleteNetworkInterfacePermission", "ec2:DeleteNetworkInterface")
DESCRIPTION = "[Do not delete] ENI managed by SageMaker"


class AttachError(Exception):
    """The role may not attach an instance; the message names the missing permission."""


def attach(scope: Scope, vpc: Mapping[str, list[str]] | None, role: str) -> list[str]:
    """Attach an instance as the role: add an interface in each subnet of a VpcConfig.

    Returns:
        The ids of the interfaces.

    Raises:
        AttachError: The role lacks a permission for it.
    """
    if vpc is None or not switches.seconds("vpc.interfaces"):
        return []
    subnets, groups = vpc["Subnets"], vpc["SecurityGroupIds"]
    interface = scope.arn("network-interface/*", "ec2")
    create = [
        *(scope.arn(f"subnet/{subnet}", "ec2") for subnet in subnets),
        *(scope.arn(f"security-group/{group}", "ec2") for group in groups),
        interface,
    ]
    needed = [
        *((f"ec2:Describe{what}", "*") for what in DESCRIBED),
        *(("ec2:CreateNetworkInterface", arn) for arn in create),
        ("ec2:CreateNetworkInterfacePermission", interface),
    ]
    for action, arn in needed:
        if denied := bridge.role_denied(role, action, arn, scope):
            raise AttachError(f"ClientError: the instance can't be attached: {denied}")
    return [bridge.add_interface(scope, subnet, groups, DESCRIPTION) for subnet in subnets]


def detach(scope: Scope, role: str, interfaces: list[str]) -> None:
    """Remove the interfaces of an ended instance some time later, if the role may do so."""

    def delete() -> None:
        for interface in interfaces:
            arn = scope.arn(f"network-interface/{interface}", "ec2")
            if not any(bridge.role_denied(role, action, arn, scope) for action in DELETING):
                bridge.remove_interface(scope, interface)

    if interfaces:
        timer = threading.Timer(switches.seconds("vpc.interfaces"), delete)
        timer.daemon = True
        timer.start()
