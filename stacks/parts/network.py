"""The network of the training job and the endpoint: subnets of an existing VPC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

if TYPE_CHECKING:
    from stacks.settings import NetworkSettings


@dataclass(frozen=True)
class Network:
    """A part of a VPC.

    Attributes:
        vpc: The VPC.
        subnets: Subnets of it; if empty, all its private ones, or else all isolated ones.
        security_groups: Security groups of it; if empty, a new one that allows all outgoing
            traffic.
    """

    vpc: ec2.IVpc
    subnets: Sequence[ec2.ISubnet] = ()
    security_groups: Sequence[ec2.ISecurityGroup] = ()


def import_network(scope: Construct, settings: "NetworkSettings") -> Network | None:
    """Import the network of `settings`; None if they name no VPC.

    If they name no security group, one is created, which the job and the endpoint share.
    """
    if settings.vpc is None:
        return None
    # Not by lookup, which would need AWS at synthesis. Nothing uses the availability zones.
    vpc = ec2.Vpc.from_vpc_attributes(scope, "Vpc", vpc_id=settings.vpc, availability_zones=["any"])
    groups: list[ec2.ISecurityGroup] = [
        ec2.SecurityGroup.from_security_group_id(scope, group, group, mutable=False)
        for group in settings.security_groups
    ]
    return Network(
        vpc,
        [_import_subnet(scope, subnet) for subnet in settings.subnets],
        groups or [ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc)],
    )


def _import_subnet(scope: Construct, subnet_id: str) -> ec2.ISubnet:
    subnet = ec2.Subnet.from_subnet_id(scope, subnet_id, subnet_id)
    # Nothing uses its route table.
    Annotations.of(subnet).acknowledge_warning("@aws-cdk/aws-ec2:noSubnetRouteTableId")
    return subnet
