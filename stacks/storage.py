"""The stack of the bucket, which holds training data and models."""

from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.parts.encryption import CREATE, add_key, import_key
from stacks.parts.functions import replace_log_group
from stacks.settings import Settings

KEPT = Duration.days(7)  # what transform jobs read and write
AUTO_DELETE = "Custom::S3AutoDeleteObjectsCustomResourceProvider"  # the id that the CDK gives it


class StorageStack(Stack):
    """A private, encrypted, versioned bucket, and its KMS key if the settings ask for a new one."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, **props: Any) -> None:
        super().__init__(scope, id, description="Bucket of training data and models", **props)
        keep = settings.retain_data
        self.key = (
            add_key(self, keep=keep)
            if settings.encryption_key == CREATE
            else import_key(self, settings.encryption_key)
        )
        self.bucket = add_bucket(self, self.key, keep=keep)
        if settings.old_versions_days is not None:
            days = Duration.days(settings.old_versions_days)
            self.bucket.add_lifecycle_rule(
                id="OldVersionsAndUnfinishedUploads",
                noncurrent_version_expiration=days,
                abort_incomplete_multipart_upload_after=days,
                expired_object_delete_marker=True,
            )
        for folder in ("batches", "predictions"):
            # `topics transform` removes what it has put there, but not after a job that failed,
            # and in a versioned bucket what is removed stays as an old version.
            self.bucket.add_lifecycle_rule(
                prefix=f"{settings.prefix}/{folder}/",
                expiration=KEPT,
                noncurrent_version_expiration=Duration.days(1),
                abort_incomplete_multipart_upload_after=KEPT,
            )
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name)


def add_bucket(stack: Stack, key: kms.IKey | None, *, keep: bool) -> s3.Bucket:
    """Add a private, encrypted, versioned bucket.

    When its stack is deleted, the bucket is emptied and deleted, or with `keep` it stays.
    """
    bucket = s3.Bucket(
        stack,
        "Bucket",
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=True,
        removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        auto_delete_objects=not keep,
    )
    if not keep:
        replace_log_group(stack.node.find_child(AUTO_DELETE))
    return bucket
