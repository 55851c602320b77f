"""Published models: a job's artifact is copied to the address that its fingerprint gives."""

import logging
import re
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

# What a job writes: BUCKET, PREFIX and fingerprint of its artifact's address.
OUTPUT = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<prefix>.+)/jobs/(?P<fingerprint>[0-9a-f]{64})")


def exists(bucket: str, key: str) -> bool:
    """Whether the object is there.

    By a list: a HEAD of an absent object is answered with 403, unless one may list all the bucket.
    """
    page = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return [entry["Key"] for entry in page.get("Contents", [])] == [key]


def publish(job: "DescribeTrainingJobResponseTypeDef") -> str:
    """Copy the artifact of a completed job to its published address; the address.

    Publishing twice writes the same content to the same key.
    """
    place = OUTPUT.fullmatch(job["OutputDataConfig"]["S3OutputPath"])
    if place is None:
        raise ValueError(f"not a job of ours: {job['OutputDataConfig']['S3OutputPath']}")
    source = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{place['bucket']}/")
    key = f"{place['prefix']}/models/{place['fingerprint']}/model.tar.gz"
    copy(place["bucket"], source, place["bucket"], key)
    return f"s3://{place['bucket']}/{key}"


def copy(source_bucket: str, source_key: str, bucket: str, key: str) -> None:
    """Copy an object without downloading it, whatever its size."""
    logger.info("copying s3://%s/%s to s3://%s/%s", source_bucket, source_key, bucket, key)
    boto3.client("s3").copy({"Bucket": source_bucket, "Key": source_key}, bucket, key)
