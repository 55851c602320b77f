"""Keep the KMS key of a stack's SNS topic, which MiniStack drops."""

from typing import Any

from ministack.services import sns

from local_aws.ministack.resource_steps import after_provisioning


def apply() -> None:
    """Change MiniStack."""
    after_provisioning("AWS::SNS::Topic", _set_key)


def _set_key(arn: str, properties: dict[str, Any]) -> None:
    if key := properties.get("KmsMasterKeyId"):
        sns._topics[arn]["attributes"]["KmsMasterKeyId"] = key
