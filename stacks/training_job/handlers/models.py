"""Publish models: copy a job's artifact to the address that contains its fingerprint.

The copy's metadata holds the tags that the construct gave the job, and the job's metrics, so that
they last as long as the model. Other tags are skipped: auto-tagging may use characters that S3
metadata rejects.
"""

import logging
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

# Where a job writes.
OUTPUT = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<prefix>.+)/jobs/(?P<fingerprint>[0-9a-f]{64})")
NO_METRICS = "none"
METRIC = re.compile(r"[\w.:/@-]+", re.ASCII)  # names that fit into metadata and a stack's output
CONNECTIONS = 80  # eight files are copied at once, and of a large one ten parts
METRICS_BYTES = 500  # of the 2048 bytes of an object's metadata


class ModelError(Exception):
    """There is no model to publish; another attempt would not change that."""


@cache
def _s3() -> "S3Client":
    """Return the one client of all threads: making one takes longer than a request."""
    return boto3.client("s3", config=Config(max_pool_connections=CONNECTIONS))


def read(bucket: str, key: str) -> bytes:
    """Return the content of an object."""
    return _s3().get_object(Bucket=bucket, Key=key)["Body"].read()


def exists(bucket: str, key: str) -> bool:
    """Whether the object exists.

    It lists the key: HEAD answers 403 for a missing object unless the caller may list the whole
    bucket.
    """
    page = _s3().list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return [entry["Key"] for entry in page.get("Contents", [])] == [key]


def encryption_key(bucket: str, key: str) -> str | None:
    """Return the ARN of the object's KMS key; None if it is not encrypted with KMS."""
    return _s3().head_object(Bucket=bucket, Key=key).get("SSEKMSKeyId")


def sizes(bucket: str, prefix: str) -> dict[str, int]:
    """Return the objects whose keys begin with `prefix`: their keys and sizes in bytes.

    Markers of folders are left out: SageMaker does not copy them.
    """
    pages = _s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        entry["Key"]: entry["Size"]
        for page in pages
        for entry in page.get("Contents", [])
        if not entry["Key"].endswith("/")
    }


def checksum(bucket: str, key: str) -> str | None:
    """Return the SHA-256 checksum that S3 keeps of an object, in Base64; None if it has none."""
    return _s3().head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256")


def metrics(bucket: str, key: str) -> str:
    """Return the metrics of a published model, as `name=value name=value`."""
    head = _s3().head_object(Bucket=bucket, Key=key)
    return head["Metadata"].get("metrics", NO_METRICS)


def has_artifact(job: "DescribeTrainingJobResponseTypeDef") -> bool:
    """Whether the artifact of a completed job exists."""
    return exists(*_artifact(job))


def _artifact(job: "DescribeTrainingJobResponseTypeDef") -> tuple[str, str]:
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    return bucket, key


def publish(job: "DescribeTrainingJobResponseTypeDef", tags: Mapping[str, str]) -> str:
    """Copy the artifact of a completed job to its published address, unless a model is there.

    An endpoint may already serve a published model, so it is never overwritten.

    Args:
        job: The job, as SageMaker describes it.
        tags: Its tags. Those named in the variable `LINEAGE` become the model's metadata.

    Returns:
        The published model's metrics.

    Raises:
        ModelError: The construct did not start the job, or the job has no artifact.
    """
    place = OUTPUT.fullmatch(job["OutputDataConfig"]["S3OutputPath"])
    if place is None:
        path = job["OutputDataConfig"]["S3OutputPath"]
        raise ModelError(f"it writes to {path}, so this construct did not start it")
    bucket = place["bucket"]
    key = f"{place['prefix']}/models/{place['fingerprint']}/model.tar.gz"
    if not exists(bucket, key):
        if not has_artifact(job):
            address = job["ModelArtifacts"]["S3ModelArtifacts"]
            raise ModelError(f"the job has left no model at {address}")
        lineage = {name: tags[name] for name in os.environ["LINEAGE"].split() if name in tags}
        copy(
            _artifact(job),
            (bucket, key),
            {**lineage, "job": job["TrainingJobName"], "metrics": _final_metrics(job)},
        )
    return metrics(bucket, key)


def _final_metrics(job: "DescribeTrainingJobResponseTypeDef") -> str:
    """Return a job's metrics as `name=value name=value`, as many as fit into the metadata."""
    values = {m["MetricName"]: m["Value"] for m in job.get("FinalMetricDataList", [])}
    text = ""
    for name, value in values.items():
        longer = f"{text} {name}={value}".lstrip()
        if METRIC.fullmatch(name) and len(longer) <= METRICS_BYTES:
            text = longer
    return text or NO_METRICS


def copy(
    source: tuple[str, str], target: tuple[str, str], metadata: Mapping[str, str] | None = None
) -> None:
    """Copy an object of any size inside S3, and check that the copy is complete.

    Args:
        source: Bucket and key.
        target: Bucket and key. The variable `ENCRYPTION_KEY`, if set, is the copy's KMS key.
        metadata: The copy's metadata; if None, the source's.

    Raises:
        RuntimeError: The copy has another size than the source.
    """
    logger.info("copying s3://%s/%s to s3://%s/%s", *source, *target)
    options: dict[str, Any] = {}
    if metadata is not None:
        options |= {"MetadataDirective": "REPLACE", "Metadata": dict(metadata)}
    if key := os.environ.get("ENCRYPTION_KEY"):
        options |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    _s3().copy({"Bucket": source[0], "Key": source[1]}, target[0], target[1], ExtraArgs=options)
    sizes = {
        _s3().head_object(Bucket=bucket, Key=name)["ContentLength"]
        for bucket, name in (source, target)
    }
    if len(sizes) > 1:
        raise RuntimeError(
            f"s3://{'/'.join(target)} has another size than s3://{'/'.join(source)}, its source"
        )
