"""Network interfaces by which SageMaker attached instances to the job's subnets.

They outlive job and endpoint by minutes, and SageMaker deletes them as the execution role
(DeleteEndpoint, API reference). A stack that is deleted would take the role away, and could not
delete a security group that an interface still has.
"""

import logging
import time
from collections.abc import Mapping, Sequence

import boto3

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

GONE_SECONDS = 480
POLL_SECONDS = 5
MANAGED = "sagemaker"  # in what SageMaker describes its interfaces with


def wait_until_gone(vpc: Mapping[str, Sequence[str]]) -> None:
    """Wait, for a bounded time, until SageMaker has no interface left in subnets and groups.

    After that it goes on without an error: where groups are shared, the interfaces may be
    another's, and stay.

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
