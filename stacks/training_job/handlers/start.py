"""The custom resource's handler: make the job run whose model the deployment wants.

It returns as soon as the job is started; the wait condition holds the deployment. The physical id
stands for the fingerprint, so an update that changes it is a replacement: CloudFormation deletes
the old id when the update has succeeded, or the new one when it was rolled back, and either way
the job behind it stops.
"""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from . import jobs, models, signals

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

IDENTITY = re.compile("[0-9a-f]{12}")  # the end of a physical id of ours
ROLE_RACE_SECONDS = 90  # how long a new role may be unknown to SageMaker
# What SageMaker says of a role that was made, or given its policy, seconds ago.
ROLE_RACE = re.compile("could not assume role|access denied", re.IGNORECASE)
QUOTA = re.compile(r"service limit '(?P<name>[^']+)' is (?P<value>\S+)")


class StartError(RuntimeError):
    """SageMaker takes no job at present; the message says why, and what to do."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Handle one request of CloudFormation, as the CDK's provider passes it on."""
    properties = event["ResourceProperties"]
    identity = f"{properties['NamePrefix']}-{properties['Fingerprint'][:12]}"
    sagemaker = jobs.client()
    if event["RequestType"] == "Delete":
        # An id that is not ours stands for a Create whose answer was lost.
        given = event["PhysicalResourceId"]
        ours = IDENTITY.fullmatch(given.removeprefix(f"{properties['NamePrefix']}-"))
        jobs.stop(sagemaker, given if ours else identity)
        return {}
    try:
        start(sagemaker, properties, identity, event["RequestId"])
    except Exception:
        # No Delete comes for what failed, so nothing may run on: not even an adopted job.
        _stop_if_possible(sagemaker, identity)
        raise
    return {"PhysicalResourceId": identity}


def start(
    sagemaker: "SageMakerClient", properties: Mapping[str, Any], identity: str, request_id: str
) -> None:
    """Start the job unless its model is published, or a job of its fingerprint runs or is done."""
    handle, bucket, artifact = (
        os.environ["WAIT_HANDLE"],
        properties["Bucket"],
        properties["Artifact"],
    )
    if models.exists(bucket, artifact):
        logger.info("%s is trained already", identity)
        signals.send(handle, identity, data=models.metrics(bucket, artifact))
        return
    # One that an earlier deployment stopped is not wanted back, but must not run beside another.
    jobs.wait_for_end(sagemaker, list(jobs.find(sagemaker, identity, "Stopping")))
    if job := _adoptable(sagemaker, identity):
        name, arn = job["TrainingJobName"], job["TrainingJobArn"]
        logger.info("adopting %s", name)
        sagemaker.add_tags(ResourceArn=arn, Tags=_tag_list(jobs.awaited_by(handle)))
        jobs.conclude(sagemaker, name, handle)  # it may have ended before it was tagged
        return
    for item in properties["Data"]:
        if not models.exists(bucket, item["Key"]):
            models.copy((item["SourceBucket"], item["SourceKey"]), (bucket, item["Key"]))
    request = json.loads(properties["Request"])
    request["Tags"] += _tag_list(jobs.awaited_by(handle))
    # The same request, delivered again, makes the same name, which SageMaker takes once.
    name = f"{identity}-{hashlib.sha256(request_id.encode()).hexdigest()[:8]}"
    try:
        _create(sagemaker, name, request)
    except sagemaker.exceptions.ResourceInUse:
        logger.info("%s was started before", name)
        jobs.conclude(sagemaker, name, handle)
    else:
        logger.info("started %s", name)


def _adoptable(
    sagemaker: "SageMakerClient", identity: str
) -> "DescribeTrainingJobResponseTypeDef | None":
    """A job of an earlier deployment that will bring the model, or has brought it unnoticed."""
    for name in jobs.find(sagemaker, identity, "InProgress", "Completed"):
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] == "InProgress" or (
            job["TrainingJobStatus"] == "Completed" and models.left_by(job)
        ):
            return job
    return None


def _tag_list(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _create(sagemaker: "SageMakerClient", name: str, request: dict[str, Any]) -> None:
    deadline = time.monotonic() + ROLE_RACE_SECONDS
    pause = 1.0
    while True:
        try:
            sagemaker.create_training_job(TrainingJobName=name, **request)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            if code == "ResourceLimitExceeded":
                raise StartError(_explain_quota(message)) from error
            if code != "ValidationException" or not ROLE_RACE.search(message):
                raise
            if time.monotonic() + pause > deadline:
                raise StartError(f"{message} (tried for {ROLE_RACE_SECONDS} s)") from error
            logger.info("waiting for the execution role: %s", message)
            time.sleep(pause)
            pause *= 2
        else:
            return


def _explain_quota(message: str) -> str:
    region = os.environ["AWS_REGION"]
    console = (
        f"https://{region}.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas"
    )
    quota = QUOTA.search(message)
    which = f"The quota {quota['name']!r} is {quota['value']}" if quota else "A quota is reached"
    return (
        f"{which} in {region}. Ask for more at {console} or take another instance type. {message}"
    )


def _stop_if_possible(sagemaker: "SageMakerClient", identity: str) -> None:
    try:
        jobs.stop(sagemaker, identity)
    except Exception:  # what failed first is what the deployment should say
        logger.exception("could not make sure that no job of %s runs", identity)
