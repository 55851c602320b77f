"""Where the training job and the endpoint are attached: subnets of an existing VPC."""

from dataclasses import dataclass

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.settings import NetworkSettings


@dataclass(frozen=True)
class Network:
    """Subnets of a VPC, and the security groups of what is attached there."""

    vpc: ec2.IVpc
    subnets: list[ec2.ISubnet]
    security_groups: list[ec2.ISecurityGroup]


def found_network(scope: Construct, settings: NetworkSettings) -> Network | None:
    """The network of `settings`, with a security group when they name none; None without a VPC."""
    if settings.vpc is None:
        return None
    # No lookup, which would need AWS at synthesis: the settings name what is used, and no zone is.
    vpc = ec2.Vpc.from_vpc_attributes(scope, "Vpc", vpc_id=settings.vpc, availability_zones=["any"])
    groups: list[ec2.ISecurityGroup] = [
        ec2.SecurityGroup.from_security_group_id(scope, group, group, mutable=False)
        for group in settings.security_groups
    ]
    return Network(
        vpc,
        [_found_subnet(scope, subnet) for subnet in settings.subnets],
        groups or [ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc)],
    )


def _found_subnet(scope: Construct, name: str) -> ec2.ISubnet:
    subnet = ec2.Subnet.from_subnet_id(scope, name, name)
    # Nobody asks for its route table.
    Annotations.of(subnet).acknowledge_warning("@aws-cdk/aws-ec2:noSubnetRouteTableId")
    return subnet
