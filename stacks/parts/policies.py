"""Pieces of policies that several stacks need."""

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam


def arn(stack: Stack, service: str, resource: str) -> str:
    """Return the ARN of a resource in the account and Region of a stack."""
    return f"arn:{Aws.PARTITION}:{service}:{stack.region}:{stack.account}:{resource}"


def read_folder(address: str, what: str) -> list[iam.PolicyStatement]:
    """Allow finding and reading the objects in a folder.

    Args:
        address: `s3://BUCKET/FOLDER`, without a slash at its end.
        what: What is in it; the names of the statements end so.
    """
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    bucket_arn = f"arn:{Aws.PARTITION}:s3:::{bucket}"
    return [
        iam.PolicyStatement(
            sid=f"Find{what}",
            actions=["s3:ListBucket"],
            resources=[bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}/*"]}},
        ),
        iam.PolicyStatement(
            sid=f"Read{what}", actions=["s3:GetObject"], resources=[f"{bucket_arn}/{prefix}/*"]
        ),
    ]
