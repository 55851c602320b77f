"""Handle the custom resource: ensure a training job runs for the model that a deployment needs.

The handler returns as soon as the job has started; the wait condition makes the deployment wait.
The physical id contains the fingerprint, so a new fingerprint is a replacement: CloudFormation
deletes the old id after the update, or the new id after a rollback. Each Delete stops the jobs of
its id.

CloudFormation may roll back while a request is still being handled. It then sends the Delete before
the Create has ended (aws/aws-cdk#26139). For a cancelled Update it sends no Delete at all, only the
Update of the rollback, since it does not know the new id yet. So after the start of a job the
handler checks whether the stack still needs it, and the Update of a rollback stops the jobs that
the Update before it has started.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from . import channels, interfaces, jobs, models, signals
from .denials import StartError, retry_denied

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

IDENTITY = re.compile("[0-9a-f]{12}")  # the end of a physical id that this handler made
FORWARD = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")  # a stack in these states needs its jobs
# In these states the stack deletes next what SageMaker needs to delete its network interfaces.
ENDING = ("DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")
QUOTA = re.compile(r"service limit '(?P<name>[^']+)' is (?P<value>\S+)")


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Handle one request of CloudFormation, as the CDK's provider passes it on.

    Raises:
        StartError: The request failed. The message names the log group: the CDK's provider would
            name Lambda's default group, which this function does not use.
    """
    try:
        return _handle(event)
    except Exception as error:
        group = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        raise StartError(f"{error}\nThe log is in the group {group}") from error


def _handle(event: Mapping[str, Any]) -> dict[str, str]:
    properties = event["ResourceProperties"]
    identity = _identity(properties)
    sagemaker = jobs.client()
    if event["RequestType"] == "Delete":
        # CloudFormation makes up an id if the answer to a Create was lost.
        given = event["PhysicalResourceId"]
        ours = IDENTITY.fullmatch(given.removeprefix(f"{properties['NamePrefix']}-"))
        retry_denied(lambda: jobs.stop(sagemaker, given if ours else identity))
        vpc = json.loads(os.environ["REQUEST"]).get("VpcConfig")
        if vpc is not None and _status(event["StackId"]) in ENDING:
            retry_denied(lambda: interfaces.wait_until_gone(vpc))
        return {}
    if event["RequestType"] == "Update":
        former = _identity(event["OldResourceProperties"])
        if former != identity and not _is_wanted(event["StackId"]):
            _stop_if_possible(sagemaker, former)
    if properties["Wait"] != os.environ["WAIT"]:
        # This is the Update of a rollback, or a late copy of an earlier request. This function's
        # handle is another deployment's, and no deployment waits for this request.
        logger.info("%s is not what this deployment waits for", identity)
        return {"PhysicalResourceId": identity}
    try:
        # `start` may run twice: it finds what is done already, and a request has only one job.
        names = retry_denied(lambda: start(sagemaker, properties, identity, event["RequestId"]))
        if not _is_wanted(event["StackId"]):
            logger.info("the stack rolls back: %s is not needed any more", identity)
            retry_denied(lambda: jobs.stop(sagemaker, identity, *names))
    except Exception:
        # CloudFormation sends no Delete after a failure, so no job may run on, adopted or not.
        _stop_if_possible(sagemaker, identity)
        raise
    return {"PhysicalResourceId": identity}


def _identity(properties: Mapping[str, Any]) -> str:
    return f"{properties['NamePrefix']}-{properties['Fingerprint'][:12]}"


def _is_wanted(stack: str) -> bool:
    return _status(stack) in FORWARD


def _status(stack: str) -> str:
    cloudformation = boto3.client("cloudformation")
    (described,) = retry_denied(lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"])
    return str(described["StackStatus"])


def start(
    sagemaker: "SageMakerClient", properties: Mapping[str, Any], identity: str, request_id: str
) -> list[str]:
    """Start a job, unless its model is published or a job of its fingerprint runs or has ended.

    Returns:
        The name of the new job, which SageMaker may not list yet; empty if no job was started.
    """
    handle, bucket, artifact = (
        os.environ["WAIT_HANDLE"],
        properties["Bucket"],
        properties["Artifact"],
    )
    if models.exists(bucket, artifact):
        _check_key(bucket, artifact)
        logger.info("%s is already trained", identity)
        metrics = models.metrics(bucket, artifact)
        signals.send(handle, identity, data=metrics)
        return []
    # A job that an earlier deployment stopped must not run beside the new one.
    jobs.wait_for_end(sagemaker, list(jobs.find(sagemaker, identity, "Stopping")))
    # Not from the event: a caller of this function could run anything as the execution role.
    request = json.loads(os.environ["REQUEST"])
    if job := _adoptable(sagemaker, identity, handle, request["OutputDataConfig"]["S3OutputPath"]):
        name, arn = job["TrainingJobName"], job["TrainingJobArn"]
        logger.info("adopting %s", name)
        sagemaker.add_tags(ResourceArn=arn, Tags=_tag_list(jobs.awaited_by(handle)))
        jobs.conclude(sagemaker, name, handle)  # the job may have ended before it got the tag
        return []
    for item in properties["Data"]:
        channels.prepare(item, bucket)
    request["Tags"] += _tag_list(jobs.awaited_by(handle))
    # A request that comes twice makes the same name, which SageMaker accepts only once.
    name = f"{identity}-{hashlib.sha256(request_id.encode()).hexdigest()[:8]}"
    with contextlib.suppress(sagemaker.exceptions.ResourceInUse):
        _create(sagemaker, name, request)
        logger.info("started %s", name)
    return [name]


def _check_key(bucket: str, artifact: str) -> None:
    """Reject a published model with another key: the endpoint may use only the present key."""
    wanted = os.environ.get("ENCRYPTION_KEY")
    if wanted is not None and models.encryption_key(bucket, artifact) not in (None, wanted):
        raise StartError(
            f"the model s3://{bucket}/{artifact} is encrypted with another key than {wanted}: "
            "set another `revision` to train it again, or give the former key"
        )


def _adoptable(
    sagemaker: "SageMakerClient", identity: str, handle: str, output: str
) -> "DescribeTrainingJobResponseTypeDef | None":
    """Return an earlier deployment's job that still runs, or completed but was not published.

    If the request came twice, return the job that has ended for this same deployment. SageMaker
    lists jobs for ever: a job that wrote to another place than `output` is of an earlier
    environment of this name, which was destroyed with its bucket.
    """
    for name in jobs.find(sagemaker, identity, "InProgress", "Completed"):
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["OutputDataConfig"]["S3OutputPath"] != output:
            continue
        if job["TrainingJobStatus"] == "InProgress" or (
            job["TrainingJobStatus"] == "Completed" and models.has_artifact(job)
        ):
            return job
    for status in ("Completed", "Failed", "Stopped"):
        for name in islice(jobs.find(sagemaker, identity, status), 1):
            job = sagemaker.describe_training_job(TrainingJobName=name)
            if jobs.is_awaited(jobs.tags(sagemaker, job), handle):
                return job
    return None


def _tag_list(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _create(sagemaker: "SageMakerClient", name: str, request: dict[str, Any]) -> None:
    try:
        retry_denied(lambda: sagemaker.create_training_job(TrainingJobName=name, **request))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceLimitExceeded":
            raise
        raise StartError(_explain_quota(error.response["Error"]["Message"])) from error


def _explain_quota(message: str) -> str:
    region = os.environ["AWS_REGION"]
    where = " ".join(
        ["Service Quotas", *jobs.console("servicequotas/home/services/sagemaker/quotas")]
    )
    quota = QUOTA.search(message)
    which = f"The quota {quota['name']!r} is {quota['value']}" if quota else "A quota is reached"
    return f"{which} in {region}. Ask for more at {where} or take another instance type. {message}"


def _stop_if_possible(sagemaker: "SageMakerClient", identity: str) -> None:
    try:
        jobs.stop(sagemaker, identity)
    except Exception:  # the deployment should report the first failure, not this one
        logger.exception("could not make sure that no job of %s runs", identity)
