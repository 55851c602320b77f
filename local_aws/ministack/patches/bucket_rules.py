"""Keep the tags of a stack's bucket, and refuse to delete a bucket that is not empty.

MiniStack drops the tags, and the CDK's function empties only a bucket that is tagged for it. It
also deletes a bucket together with its objects.
"""

from typing import Any

from ministack.services import s3

from local_aws.ministack.resource_steps import after_provisioning, before_deletion


def apply() -> None:
    """Change MiniStack."""
    after_provisioning("AWS::S3::Bucket", _tag)
    before_deletion("AWS::S3::Bucket", _refuse_objects)


def _tag(name: str, properties: dict[str, Any]) -> None:
    s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}


def _refuse_objects(name: str) -> None:
    bucket = s3._buckets.get(name)
    if bucket is not None and (bucket["objects"] or s3._bucket_has_versions(name)):
        raise ValueError("The bucket you tried to delete is not empty")
