"""Find training jobs, stop them, and conclude them: publish the model and signal the deployment.

Each job has a tag with a digest of a wait handle: that of the deployment that waits for the job.
Only that handle gets a signal. So an event that is late, comes again, or is about another
deployment's job signals nobody, even if a new job of the same fingerprint runs.
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

from . import LOG_GROUP, models, signals

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.literals import TrainingJobStatusType
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 10})
RUNNING = ("InProgress", "Stopping")
AWAITED_BY = "awaited-by"
STOP_SECONDS = 300  # how long a stopping job may still upload
POLL_SECONDS = 5
LAST_LINES = 20
LINE_CHARACTERS = 120  # short enough for the last line to fit into a signal
ADVICE = {
    "CapacityError": "AWS has no such instance free at present: try again later, or choose "
    "another instance type or Region.",
}


class StopError(RuntimeError):
    """A job did not stop in time."""


def client() -> "SageMakerClient":
    """Make a SageMaker client that retries for minutes when SageMaker throttles."""
    return boto3.client("sagemaker", config=RETRIES)


def awaited_by(handle: str) -> dict[str, str]:
    """Return the tag of a job that the deployment of this wait handle waits for."""
    return {AWAITED_BY: hashlib.sha256(handle.encode()).hexdigest()}


def is_awaited(tags: Mapping[str, str], handle: str) -> bool:
    """Whether the deployment of this wait handle waits for the job with these tags."""
    return awaited_by(handle).items() <= tags.items()


def find(
    sagemaker: "SageMakerClient", identity: str, *statuses: "TrainingJobStatusType"
) -> Iterator[str]:
    """Yield names of an identity's jobs in one of `statuses`, by status, then newest first.

    An identity is the first part of a job's name: NAME-FINGERPRINT.
    """
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
        *known: Jobs of it that SageMaker may not list yet.

    Raises:
        StopError: A job runs on after `STOP_SECONDS`.
    """
    for name in {*known, *find(sagemaker, identity, "InProgress")}:
        logger.info("stopping %s", name)
        try:
            sagemaker.stop_training_job(TrainingJobName=name)
        except ClientError as error:
            # The job has just ended by itself.
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
    """Publish the model of an ended job, and signal the deployment that waits for it.

    Returns:
        The job, or None if it still runs, and nothing was done.
    """
    job = sagemaker.describe_training_job(TrainingJobName=name)
    if job["TrainingJobStatus"] in RUNNING:
        logger.info("%s is %s: it has not ended yet", name, job["TrainingJobStatus"])
        return None
    found = tags(sagemaker, job)
    failure, metrics = None, ""
    if job["TrainingJobStatus"] == "Completed":
        try:
            metrics = models.publish(job, found)
        except models.ModelError as error:
            message = f"Training job {name} has completed, but {error}"
            failure = "\n".join([message, *_link(name)])
    else:
        failure = explain(job)
    if is_awaited(found, handle):
        signals.send(handle, name, failure, metrics)
    return job


def tags(sagemaker: "SageMakerClient", job: "DescribeTrainingJobResponseTypeDef") -> dict[str, str]:
    """Return a job's tags."""
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=job["TrainingJobArn"])
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def explain(job: "DescribeTrainingJobResponseTypeDef") -> str:
    """Explain why a job has no model: the reason, what to do, a link, and its last log lines."""
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
    """Return a list with the address of a console page; empty outside the partition `aws`.

    The consoles of other partitions, such as China's, have other hosts.
    """
    region = os.environ["AWS_REGION"]
    if _partition(region) != "aws":
        return []
    return [f"https://{region}.console.aws.amazon.com/{page}"]


@cache
def _partition(region: str) -> str:
    # Cached, since boto3 reads a list of all Regions for it.
    return boto3.session.Session().get_partition_for_region(region)


def last_lines(name: str) -> list[str]:
    """Return the last lines that a job logged; none if they can't be read."""
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
