"""Wait for the network interfaces with which SageMaker attached instances to the job's subnets.

They exist for minutes after the job or the endpoint has ended, and SageMaker deletes them with the
execution role (DeleteEndpoint, API reference). If the stack were deleted before, SageMaker would
have no role for that, and CloudFormation could not delete a security group that is still in use.
"""

import logging
import time
from collections.abc import Mapping, Sequence

import boto3

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

GONE_SECONDS = 480
POLL_SECONDS = 5
MANAGED = "sagemaker"  # part of the description of SageMaker's interfaces


def wait_until_gone(vpc: Mapping[str, Sequence[str]]) -> None:
    """Wait until SageMaker has no interface left in the subnets and security groups.

    Return without an error after `GONE_SECONDS`: if other users share the security groups, the
    interfaces may be theirs, and stay.

    Args:
        vpc: The job's VpcConfig.
    """
    deadline = time.monotonic() + GONE_SECONDS
    while left := _left(vpc):
        if time.monotonic() > deadline:
            logger.warning("still there after %s s: %s", GONE_SECONDS, ", ".join(left))
            return
        logger.info("waiting for SageMaker to delete %s", ", ".join(left))
        time.sleep(POLL_SECONDS)


def _left(vpc: Mapping[str, Sequence[str]]) -> list[str]:
    pages = (
        boto3.client("ec2")
        .get_paginator("describe_network_interfaces")
        .paginate(
            Filters=[
                {"Name": "subnet-id", "Values": list(vpc["Subnets"])},
                {"Name": "group-id", "Values": list(vpc["SecurityGroupIds"])},
            ]
        )
    )
    return [
        interface["NetworkInterfaceId"]
        for page in pages
        for interface in page["NetworkInterfaces"]
        if MANAGED in interface.get("Description", "").lower()
    ]
