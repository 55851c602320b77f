"""The custom resource's handler: make the job run whose model the deployment wants.

It returns as soon as the job is started; the wait condition holds the deployment. The physical id
stands for the fingerprint, so an update that changes it is a replacement: CloudFormation deletes
the old id when the update has succeeded, or the new one when it was rolled back, and either way
the job behind it stops.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from . import models, signals

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.literals import TrainingJobStatusType

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 10})
ROLE_RACE_SECONDS = 90  # how long a new role may be unknown to SageMaker
STOP_SECONDS = 300  # how long a stopping job may go on uploading
POLL_SECONDS = 5


class StopError(RuntimeError):
    """A job did not stop in time."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Handle one request of CloudFormation, as the CDK's provider passes it on."""
    if event["RequestType"] == "Delete":
        stop(event["PhysicalResourceId"])
        return {}
    properties = event["ResourceProperties"]
    identity = f"{properties['NamePrefix']}-{properties['Fingerprint'][:12]}"
    start(properties, identity, event["RequestId"])
    return {"PhysicalResourceId": identity}


def start(properties: Mapping[str, Any], identity: str, request_id: str) -> None:
    """Start the job unless its model is published, or a job of its fingerprint runs or is done."""
    sagemaker = boto3.client("sagemaker", config=RETRIES)
    bucket = properties["Bucket"]
    if models.exists(bucket, properties["ArtifactKey"]):
        logger.info("%s is trained already", identity)
        signals.send(properties["WaitHandle"], identity)
        return
    if running := next(_names(sagemaker, identity, "InProgress"), None):
        logger.info("%s goes on; its end will be signalled", running)
        return
    if completed := next(_names(sagemaker, identity, "Completed"), None):
        logger.info("%s was completed and never published", completed)
        models.publish(sagemaker.describe_training_job(TrainingJobName=completed))
        signals.send(properties["WaitHandle"], identity)
        return
    for item in properties["Data"]:
        if not models.exists(bucket, item["Key"]):
            models.copy(item["SourceBucket"], item["SourceKey"], bucket, item["Key"])
    # The same request, delivered again, makes the same name, which SageMaker takes once.
    nonce = hashlib.sha256(request_id.encode()).hexdigest()[:8]
    _create(sagemaker, f"{identity}-{nonce}", json.loads(properties["Request"]))


def _create(sagemaker: "SageMakerClient", name: str, request: dict[str, Any]) -> None:
    deadline = time.monotonic() + ROLE_RACE_SECONDS
    pause = 1.0
    while True:
        try:
            sagemaker.create_training_job(TrainingJobName=name, **request)
        except sagemaker.exceptions.ResourceInUse:
            logger.info("%s was started before", name)
        except ClientError as error:
            # A role made seconds ago is not known everywhere yet.
            new_role = "Could not assume role" in error.response["Error"].get("Message", "")
            if not new_role or time.monotonic() + pause > deadline:
                raise
            logger.info("waiting for the execution role")
            time.sleep(pause)
            pause *= 2
            continue
        else:
            logger.info("started %s", name)
        return


def stop(identity: str) -> None:
    """Stop every job of an identity and wait for its end, since it uploads until then.

    Raises:
        StopError: A job runs on after `STOP_SECONDS`.
    """
    sagemaker = boto3.client("sagemaker", config=RETRIES)
    for name in _names(sagemaker, identity, "InProgress"):
        logger.info("stopping %s", name)
        try:
            sagemaker.stop_training_job(TrainingJobName=name)
        except ClientError as error:
            # It ended by itself in the meantime.
            if error.response["Error"]["Code"] != "ValidationException":
                raise
    deadline = time.monotonic() + STOP_SECONDS
    for status in ("InProgress", "Stopping"):
        for name in _names(sagemaker, identity, status):
            while _status(sagemaker, name) in ("InProgress", "Stopping"):
                if time.monotonic() > deadline:
                    raise StopError(f"training job {name} did not stop within {STOP_SECONDS} s")
                time.sleep(POLL_SECONDS)


def _status(sagemaker: "SageMakerClient", name: str) -> str:
    return sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]


def _names(
    sagemaker: "SageMakerClient", identity: str, status: "TrainingJobStatusType"
) -> Iterator[str]:
    """Names of the jobs of an identity in a status, newest first."""
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=identity, StatusEquals=status, SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for job in page["TrainingJobSummaries"]:
            if job["TrainingJobName"].startswith(f"{identity}-"):
                yield job["TrainingJobName"]
