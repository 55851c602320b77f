"""Training jobs: found, stopped, and concluded, which is what follows from their end.

A job is tagged with a digest of the wait handle of the deployment that awaits it, and only that
handle is told of its end. So an event that is late, delivered again, or about a job of another
deployment tells nobody anything, although the same fingerprint may be on its way once more.
"""

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from . import models, signals

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.literals import TrainingJobStatusType
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 10})
RUNNING = ("InProgress", "Stopping")
AWAITED_BY = "awaited-by"
STOP_SECONDS = 300  # how long a stopping job may go on uploading
POLL_SECONDS = 5
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LAST_LINES = 20
LINE_CHARACTERS = 120  # so that a signal holds the last line, not only the first ones
ADVICE = {
    "CapacityError": "AWS has no such instance free at present: try again later, or choose "
    "another instance type or Region.",
}


class StopError(RuntimeError):
    """A job did not stop in time."""


def client() -> "SageMakerClient":
    """SageMaker, asked again for minutes when it throttles."""
    return boto3.client("sagemaker", config=RETRIES)


def awaited_by(handle: str) -> dict[str, str]:
    """The tag of a job that the deployment of this wait handle waits for."""
    return {AWAITED_BY: hashlib.sha256(handle.encode()).hexdigest()}


def is_awaited(tags: Mapping[str, str], handle: str) -> bool:
    """Whether the deployment of this wait handle waits for the job with these tags."""
    return awaited_by(handle).items() <= tags.items()


def find(
    sagemaker: "SageMakerClient", identity: str, *statuses: "TrainingJobStatusType"
) -> Iterator[str]:
    """Names of the jobs of an identity in one of `statuses`, by status, then newest first."""
    for status in statuses:
        pages = sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains=identity,
            StatusEquals=status,
            SortBy="CreationTime",
            SortOrder="Descending",
        )
        for page in pages:
            for job in page["TrainingJobSummaries"]:
                if job["TrainingJobName"].startswith(f"{identity}-"):
                    yield job["TrainingJobName"]


def stop(sagemaker: "SageMakerClient", identity: str, *known: str) -> None:
    """Stop every job of an identity and wait for its end, since it uploads until then.

    Args:
        sagemaker: The client.
        identity: The identity.
        *known: Jobs of it that a list may not have yet.

    Raises:
        StopError: A job runs on after `STOP_SECONDS`.
    """
    for name in {*known, *find(sagemaker, identity, "InProgress")}:
        logger.info("stopping %s", name)
        try:
            sagemaker.stop_training_job(TrainingJobName=name)
        except ClientError as error:
            # It ended by itself in the meantime.
            if error.response["Error"]["Code"] != "ValidationException":
                raise
    wait_for_end(sagemaker, [*known, *find(sagemaker, identity, "InProgress", "Stopping")])


def wait_for_end(sagemaker: "SageMakerClient", names: list[str]) -> None:
    """Wait for the end of jobs that were told to stop.

    Raises:
        StopError: One runs on after `STOP_SECONDS`.
    """
    deadline = time.monotonic() + STOP_SECONDS
    for name in names:
        while sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] in RUNNING:
            if time.monotonic() > deadline:
                raise StopError(f"training job {name} did not stop within {STOP_SECONDS} s")
            time.sleep(POLL_SECONDS)


def conclude(
    sagemaker: "SageMakerClient", name: str, handle: str
) -> "DescribeTrainingJobResponseTypeDef | None":
    """Do what follows from a job's end: publish its model, and tell the deployment that waits.

    Returns:
        The job, or None while it runs, when nothing follows.
    """
    job = sagemaker.describe_training_job(TrainingJobName=name)
    if job["TrainingJobStatus"] in RUNNING:
        logger.info("%s is %s: not an end", name, job["TrainingJobStatus"])
        return None
    found = tags(sagemaker, job)
    failure, metrics = None, ""
    if job["TrainingJobStatus"] == "Completed":
        try:
            metrics = models.publish(job, found)
        except models.ModelError as error:
            told = f"Training job {name} has completed, but {error}"
            failure = "\n".join([told, *_link(name)])
    else:
        failure = explain(job)
    if is_awaited(found, handle):
        signals.send(handle, name, failure, metrics)
    return job


def tags(sagemaker: "SageMakerClient", job: "DescribeTrainingJobResponseTypeDef") -> dict[str, str]:
    """The tags of a job."""
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=job["TrainingJobArn"])
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def explain(job: "DescribeTrainingJobResponseTypeDef") -> str:
    """Why a job brought no model: its reason, what to do, where to look, its last log lines."""
    name = job["TrainingJobName"]
    reason = job.get("FailureReason") or job["SecondaryStatus"]
    return "\n".join(
        [
            f"Training job {name} ended as {job['TrainingJobStatus']}: {reason}",
            *(advice for kind, advice in ADVICE.items() if reason.startswith(kind)),
            *_link(name),
            *last_lines(name),
        ]
    )


def _link(name: str) -> list[str]:
    region = os.environ["AWS_REGION"]
    return console(f"sagemaker/home?region={region}#/jobs/{name}")


def console(page: str) -> list[str]:
    """The address of a page of the console, in a list; none where the console has another host.

    The partitions of China and of the US government have consoles of their own.
    """
    region = os.environ["AWS_REGION"]
    if _partition(region) != "aws":
        return []
    return [f"https://{region}.console.aws.amazon.com/{page}"]


@cache
def _partition(region: str) -> str:
    # Once: boto3 reads the list of all Regions for it.
    return boto3.session.Session().get_partition_for_region(region)


def last_lines(name: str) -> list[str]:
    """The last lines that a job logged; none when they can't be had."""
    logs = boto3.client("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")
        return [
            event["message"][:LINE_CHARACTERS]
            for stream in streams["logStreams"]
            for event in logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"], limit=LAST_LINES
            )["events"]
        ]
    except (ClientError, BotoCoreError) as error:
        logger.warning("no log of %s: %s", name, error)
        return []
