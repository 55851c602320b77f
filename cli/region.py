"""The Region that the caller has chosen."""

import os

import boto3


def callers_region() -> str | None:
    """Return the Region that the CDK and the AWS CLI would use; None if the caller chose none.

    boto3 itself does not read `AWS_REGION`.

    Raises:
        BotoCoreError: `AWS_PROFILE` names a profile that does not exist.
    """
    return os.environ.get("AWS_REGION") or boto3.Session().region_name
