"""Published models: a job's artifact is copied to the address that its fingerprint gives.

What the construct has tagged the job with goes along as the object's metadata, and so do its
metrics: they are known for as long as the model is there, whatever becomes of the job. Tags of
others do not: accounts have functions that tag all there is, with what no metadata can be.
"""

import logging
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

# What a job writes: BUCKET, PREFIX and fingerprint of its artifact's address.
OUTPUT = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<prefix>.+)/jobs/(?P<fingerprint>[0-9a-f]{64})")
NO_METRICS = "none"
METRIC = re.compile(r"[\w.:/@-]+", re.ASCII)  # names that metadata and a stack's output can hold
METRICS_BYTES = 500  # of the 2048 of metadata


class ModelError(Exception):
    """There is no model to publish, and trying again will not change that."""


def exists(bucket: str, key: str) -> bool:
    """Whether the object is there.

    By a list: a HEAD of an absent object is answered with 403, unless one may list all the bucket.
    """
    page = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return [entry["Key"] for entry in page.get("Contents", [])] == [key]


def encryption_key(bucket: str, key: str) -> str | None:
    """The ARN of the key that the object is encrypted with, if it is one of KMS."""
    return boto3.client("s3").head_object(Bucket=bucket, Key=key).get("SSEKMSKeyId")


def metrics(bucket: str, key: str) -> str:
    """The metrics of a published model, as `name=value name=value`."""
    head = boto3.client("s3").head_object(Bucket=bucket, Key=key)
    return head["Metadata"].get("metrics", NO_METRICS)


def left_by(job: "DescribeTrainingJobResponseTypeDef") -> bool:
    """Whether a completed job has left a model."""
    return exists(*_artifact(job))


def _artifact(job: "DescribeTrainingJobResponseTypeDef") -> tuple[str, str]:
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    return bucket, key


def publish(job: "DescribeTrainingJobResponseTypeDef", tags: Mapping[str, str]) -> str:
    """Copy the artifact of a completed job to its published address, unless a model is there.

    A model that is published may be served already, so it is never written again.

    Args:
        job: The job, as SageMaker describes it.
        tags: Its tags. Those that `LINEAGE` names become the model's metadata.

    Returns:
        The published model's metrics.

    Raises:
        ModelError: The job is none of ours, or has left no artifact.
    """
    place = OUTPUT.fullmatch(job["OutputDataConfig"]["S3OutputPath"])
    if place is None:
        raise ModelError(f"not a job of ours: {job['OutputDataConfig']['S3OutputPath']}")
    bucket = place["bucket"]
    key = f"{place['prefix']}/models/{place['fingerprint']}/model.tar.gz"
    if not exists(bucket, key):
        if not left_by(job):
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
    """As `name=value name=value`: as many as metadata has place for."""
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
    """Copy an object without downloading it, whatever its size, and check that all is there.

    Args:
        source: Bucket and key.
        target: Bucket and key. With `ENCRYPTION_KEY` set, the copy is encrypted with that key.
        metadata: The copy's; the source's when None.
    """
    logger.info("copying s3://%s/%s to s3://%s/%s", *source, *target)
    options: dict[str, Any] = {}
    if metadata is not None:
        options |= {"MetadataDirective": "REPLACE", "Metadata": dict(metadata)}
    if key := os.environ.get("ENCRYPTION_KEY"):
        options |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3 = boto3.client("s3")
    s3.copy({"Bucket": source[0], "Key": source[1]}, target[0], target[1], ExtraArgs=options)
    sizes = {
        s3.head_object(Bucket=bucket, Key=name)["ContentLength"]
        for bucket, name in (source, target)
    }
    if len(sizes) > 1:
        raise RuntimeError(f"s3://{'/'.join(target)} is not as large as s3://{'/'.join(source)}")
