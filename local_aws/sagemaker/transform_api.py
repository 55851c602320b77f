"""Requests about transform jobs: create, describe, stop and list them."""

from collections.abc import Iterator
from typing import Any

from local_aws.api.errors import invalid
from local_aws.sagemaker import channels, job_api
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.clients import role_client
from local_aws.sagemaker.lookup import found
from local_aws.sagemaker.payloads import SPLIT_TYPES
from local_aws.sagemaker.transform_life import TransformJob

MOST_MEGABYTES = 100
NOT_SUPPORTED = ("DataCaptureConfig", "DataProcessing", "ExperimentConfig")


def _create(account: Account, request: Request) -> dict[str, Any]:
    """CreateTransformJob: the model must exist, and its role must find data."""
    model = found(account, "model", account.models, request["ModelName"])
    if problems := [*_problems(request)]:
        raise invalid(" ".join(problems))
    role = model["ExecutionRoleArn"]
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    channels.check_objects(role_client("s3", role, account.scope), source, role)
    job = TransformJob(account, request)
    job_api.start(account, account.transform_jobs, job)
    return {"TransformJobArn": job.arn}


def _problems(request: Request) -> Iterator[str]:
    """Yield a message for each limit that a request breaks, and for what is not supported here."""
    payload = request.get("MaxPayloadInMB", 1)
    parallel = request.get("MaxConcurrentTransforms") or 1
    if payload > MOST_MEGABYTES:
        yield f"MaxPayloadInMB of {payload} must be less than or equal to {MOST_MEGABYTES}."
    elif payload * parallel > MOST_MEGABYTES:
        yield (
            f"The product of MaxPayloadInMB of {payload} and MaxConcurrentTransforms of {parallel} "
            f"must be less than or equal to {MOST_MEGABYTES}."
        )
    if payload == 0:
        yield (
            "MaxPayloadInMB 0, which is for HTTP chunked encoding, is not supported by built-in "
            "algorithms."
        )
    source = request["TransformInput"]
    split = source.get("SplitType", "None")
    if split not in SPLIT_TYPES:
        yield f"SplitType {split} is not supported here; use {' or '.join(SPLIT_TYPES)}."
    if source.get("CompressionType", "None") != "None":
        yield "CompressionType Gzip is not supported here; use None."
    yield from channels.unsupported_source(source["DataSource"]["S3DataSource"])
    yield from (f"{member} is not supported here." for member in NOT_SUPPORTED if member in request)


OPERATIONS: Operations = {
    "CreateTransformJob": _create,
    **job_api.operations("Transform", lambda account: account.transform_jobs),
}
