"""The handler of the end of a training job: publish its model, and tell the deployment.

The event says only that something ended; what has happened is asked of SageMaker.
"""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from . import models, signals

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 10})
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LAST_LINES = 20


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Handle one *SageMaker Training Job State Change*."""
    name = event["detail"]["TrainingJobName"]
    job = boto3.client("sagemaker", config=RETRIES).describe_training_job(TrainingJobName=name)
    # A job of an earlier deployment is published as well, but nobody waits for it.
    awaited = name.startswith(f"{os.environ['JOB_PREFIX']}-")
    failure = None
    if job["TrainingJobStatus"] == "Completed":
        try:
            logger.info("published %s", models.publish(job))
        except Exception as error:  # whatever it is, the deployment must not wait for hours
            logger.exception("publishing %s failed", name)
            failure = f"Training job {name} has completed, but publishing its model failed: {error}"
    elif job["TrainingJobStatus"] in ("Failed", "Stopped"):
        failure = explain(job)
    else:
        logger.info("%s is %s: not an end", name, job["TrainingJobStatus"])
        return
    if awaited:
        signals.send(os.environ["WAIT_HANDLE"], name, failure)


def explain(job: "DescribeTrainingJobResponseTypeDef") -> str:
    """Why a job brought no model: its reason, where to look, and its last log lines."""
    name = job["TrainingJobName"]
    region = os.environ["AWS_REGION"]
    reason = job.get("FailureReason") or job["SecondaryStatus"]
    return "\n".join(
        [
            f"Training job {name} ended as {job['TrainingJobStatus']}: {reason}",
            f"https://{region}.console.aws.amazon.com/sagemaker/home?region={region}#/jobs/{name}",
            *last_lines(name),
        ]
    )


def last_lines(name: str) -> list[str]:
    """The last lines that a job logged; none when they can't be had."""
    logs = boto3.client("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")
        return [
            event["message"]
            for stream in streams["logStreams"]
            for event in logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"], limit=LAST_LINES
            )["events"]
        ]
    except (ClientError, BotoCoreError) as error:
        logger.warning("no log of %s: %s", name, error)
        return []
