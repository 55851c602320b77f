"""Keep tags and encryption of a stack's bucket, and refuse to delete a bucket that is not empty.

MiniStack drops the tags, and the CDK's function empties only a bucket that is tagged for it. It
drops the encryption, so objects would have no key that anybody must be let use. It also deletes a
bucket together with its objects.
"""

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import s3

from local_aws.ministack.resource_steps import after_provisioning, before_deletion


def apply() -> None:
    """Change MiniStack."""
    after_provisioning("AWS::S3::Bucket", _tag)
    after_provisioning("AWS::S3::Bucket", _encrypt)
    before_deletion("AWS::S3::Bucket", _refuse_objects)


def _tag(name: str, properties: dict[str, Any]) -> None:
    s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}


def _encrypt(name: str, properties: dict[str, Any]) -> None:
    """Set a bucket's default encryption."""
    s3._delete_bucket_encryption(name)
    for rule in properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", []):
        default = rule.get("ServerSideEncryptionByDefault", {})
        if "SSEAlgorithm" not in default:
            continue
        root = Element("ServerSideEncryptionConfiguration", xmlns=s3.S3_NS)
        encrypted = SubElement(root, "Rule")
        chosen = SubElement(encrypted, "ApplyServerSideEncryptionByDefault")
        for member in ("SSEAlgorithm", "KMSMasterKeyID"):
            if member in default:
                SubElement(chosen, member).text = default[member]
        enabled = rule.get("BucketKeyEnabled", False)
        SubElement(encrypted, "BucketKeyEnabled").text = str(enabled).lower()
        s3._put_bucket_encryption(name, tostring(root))


def _refuse_objects(name: str) -> None:
    bucket = s3._buckets.get(name)
    if bucket is not None and (bucket["objects"] or s3._bucket_has_versions(name)):
        raise ValueError("The bucket you tried to delete is not empty")
