"""Network interfaces by which instances are attached to subnets of the account's.

They go some time after the instances, and SageMaker deletes them as the execution role: without the
role they stay. The switch `vpc.interfaces` has the source.
"""

import threading
from collections.abc import Mapping

from local_aws import switches
from local_aws.ministack import bridge
from local_aws.sagemaker.account import Account

# What the role describes, by the page "SageMaker roles" of the Developer Guide.
DESCRIBED = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
DELETING = ("ec2:DeleteNetworkInterfacePermission", "ec2:DeleteNetworkInterface")
DESCRIPTION = "[Do not delete] ENI managed by SageMaker"


class AttachError(Exception):
    """The role may not attach an instance; the message says what it may not do."""


def attach(account: Account, vpc: Mapping[str, list[str]] | None, role: str) -> list[str]:
    """Attach an instance, as the role, by an interface in each subnet of a VpcConfig; their ids.

    Raises:
        AttachError: The role may not do something that this takes.
    """
    if vpc is None or not switches.seconds("vpc.interfaces"):
        return []
    subnets, groups = vpc["Subnets"], vpc["SecurityGroupIds"]
    interface = account.scope.arn("network-interface/*", "ec2")
    create = [
        *(account.scope.arn(f"subnet/{subnet}", "ec2") for subnet in subnets),
        *(account.scope.arn(f"security-group/{group}", "ec2") for group in groups),
        interface,
    ]
    needed = [
        *((f"ec2:Describe{what}", "*") for what in DESCRIBED),
        *(("ec2:CreateNetworkInterface", arn) for arn in create),
        ("ec2:CreateNetworkInterfacePermission", interface),
    ]
    for action, arn in needed:
        if denied := _denied(account, role, action, arn):
            raise AttachError(f"ClientError: the instance can't be attached: {denied}")
    return [bridge.add_interface(account.scope, subnet, groups, DESCRIPTION) for subnet in subnets]


def detach(account: Account, role: str, interfaces: list[str]) -> None:
    """Let the interfaces of an instance that has ended go in some time, if the role may do it."""

    def delete() -> None:
        for interface in interfaces:
            arn = account.scope.arn(f"network-interface/{interface}", "ec2")
            if not any(_denied(account, role, action, arn) for action in DELETING):
                bridge.remove_interface(account.scope, interface)

    if interfaces:
        timer = threading.Timer(switches.seconds("vpc.interfaces"), delete)
        timer.daemon = True
        timer.start()


def _denied(account: Account, role: str, action: str, resource: str) -> str | None:
    credentials = bridge.role_credentials(role, account.scope)
    key = credentials["aws_access_key_id"]
    return bridge.denied(key, action, resource, account.scope)
