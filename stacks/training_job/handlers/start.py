"""The custom resource's handler: make the job run whose model the deployment wants.

It returns as soon as the job is started; the wait condition holds the deployment. The physical id
stands for the fingerprint, so an update that changes it is a replacement: CloudFormation deletes
the old id when the update has succeeded, or the new one when it was rolled back, and either way
the job behind it stops.

CloudFormation may go back while a request is still being handled: it sends the Delete before the
Create is done (aws/aws-cdk#26139), or for a cancelled Update nothing but the Update that goes back,
since it knows no new id yet. So whoever has started a job looks afterwards whether it is still
wanted, and an Update that goes back stops what the one before it has left running.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.exceptions import ClientError

from . import interfaces, jobs, models, signals

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

IDENTITY = re.compile("[0-9a-f]{12}")  # the end of a physical id of ours
FORWARD = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")  # a stack that wants its jobs
# What services say to a caller without a permission; S3 so tells of an absent object, too, to
# whoever may not list its bucket.
DENIED = ("403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
# A stack that deletes, after this resource, what SageMaker needs to delete its interfaces.
ENDING = ("DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")
PERMISSION_SECONDS = 120  # how long a new role or policy may not be known everywhere
LONGEST_PAUSE_SECONDS = 10
# What SageMaker says of a role that was made, or given its policy, seconds ago. Of those that
# Terraform's provider tries again for (internal/service/sagemaker/training_job.go), the ones that
# a role can cause here; the last is how a role without s3:ListBucket was told in 2021
# (aws/amazon-sagemaker-examples#2267).
ROLE_RACE = re.compile(
    r"""(?ix) could\ not\ assume\ role
    | access\ denied\ (to|for)
    | unauthorized\ to\ list\ objects\ under\ s3\ url
    | no\ identity-based\ policy\ allows
    | no\ s3\ objects\ found\ under .* has\ "s3:ListBucket"\ permissions
    """
)
QUOTA = re.compile(r"service limit '(?P<name>[^']+)' is (?P<value>\S+)")


class StartError(RuntimeError):
    """SageMaker takes no job at present; the message says why, and what to do."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Handle one request of CloudFormation, as the CDK's provider passes it on.

    Raises:
        StartError: It failed; the message says where the log is, since the provider itself names a
            log group that functions with one of their own do not have.
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
        # An id that is not ours stands for a Create whose answer was lost.
        given = event["PhysicalResourceId"]
        ours = IDENTITY.fullmatch(given.removeprefix(f"{properties['NamePrefix']}-"))
        _patiently(lambda: jobs.stop(sagemaker, given if ours else identity))
        vpc = json.loads(os.environ["REQUEST"]).get("VpcConfig")
        if vpc is not None and _status(event["StackId"]) in ENDING:
            _patiently(lambda: interfaces.wait_until_gone(vpc))
        return {}
    if event["RequestType"] == "Update":
        former = _identity(event["OldResourceProperties"])
        if former != identity and not _is_wanted(event["StackId"]):
            _stop_if_possible(sagemaker, former)
    if properties["Wait"] != os.environ["WAIT"]:
        # The Update of a rollback, or a late copy of an earlier request. The handle that this
        # function knows is another deployment's, and nobody waits for this one.
        logger.info("%s is not what this deployment waits for", identity)
        return {"PhysicalResourceId": identity}
    try:
        # Doing it again is no harm: what is done already is found, and a request has one job.
        names = _patiently(lambda: start(sagemaker, properties, identity, event["RequestId"]))
        if not _is_wanted(event["StackId"]):
            logger.info("the stack goes back: %s is not wanted any more", identity)
            _patiently(lambda: jobs.stop(sagemaker, identity, *names))
    except Exception:
        # No Delete comes for what failed, so nothing may run on: not even an adopted job.
        _stop_if_possible(sagemaker, identity)
        raise
    return {"PhysicalResourceId": identity}


def _identity(properties: Mapping[str, Any]) -> str:
    return f"{properties['NamePrefix']}-{properties['Fingerprint'][:12]}"


def _is_wanted(stack: str) -> bool:
    return _status(stack) in FORWARD


def _status(stack: str) -> str:
    cloudformation = boto3.client("cloudformation")
    (described,) = _patiently(lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"])
    return str(described["StackStatus"])


def start(
    sagemaker: "SageMakerClient", properties: Mapping[str, Any], identity: str, request_id: str
) -> list[str]:
    """Start the job unless its model is published, or a job of its fingerprint runs or is done.

    Returns:
        The name of the job that was started, which a list may not have yet.
    """
    handle, bucket, artifact = (
        os.environ["WAIT_HANDLE"],
        properties["Bucket"],
        properties["Artifact"],
    )
    if models.exists(bucket, artifact):
        _check_key(bucket, artifact)
        logger.info("%s is trained already", identity)
        metrics = models.metrics(bucket, artifact)
        signals.send(handle, identity, data=metrics)
        return []
    # One that an earlier deployment stopped is not wanted back, but must not run beside another.
    jobs.wait_for_end(sagemaker, list(jobs.find(sagemaker, identity, "Stopping")))
    # Not the event's: whoever may invoke this function could run anything as the execution role.
    request = json.loads(os.environ["REQUEST"])
    if job := _adoptable(sagemaker, identity, handle, request["OutputDataConfig"]["S3OutputPath"]):
        name, arn = job["TrainingJobName"], job["TrainingJobArn"]
        logger.info("adopting %s", name)
        sagemaker.add_tags(ResourceArn=arn, Tags=_tag_list(jobs.awaited_by(handle)))
        jobs.conclude(sagemaker, name, handle)  # it may have ended before it was tagged
        return []
    for item in properties["Data"]:
        _stage((item["SourceBucket"], item["SourceKey"]), (bucket, item["Key"]))
    request["Tags"] += _tag_list(jobs.awaited_by(handle))
    # The same request, delivered again, makes the same name, which SageMaker takes once.
    name = f"{identity}-{hashlib.sha256(request_id.encode()).hexdigest()[:8]}"
    with contextlib.suppress(sagemaker.exceptions.ResourceInUse):
        _create(sagemaker, name, request)
        logger.info("started %s", name)
    return [name]


def _check_key(bucket: str, artifact: str) -> None:
    """A model stays as it was published, and an endpoint may use the present key alone."""
    wanted = os.environ.get("ENCRYPTION_KEY")
    if wanted is not None and models.encryption_key(bucket, artifact) not in (None, wanted):
        raise StartError(
            f"the model s3://{bucket}/{artifact} is encrypted with another key than {wanted}: "
            "set another `revision` to train it again, or give the former key"
        )


def _stage(source: tuple[str, str], target: tuple[str, str]) -> None:
    """Copy a data file to where jobs read it, unless it is there for the execution role to read."""
    key = os.environ.get("ENCRYPTION_KEY")
    try:
        if _patiently(lambda: models.exists(*target)) and (
            key is None or key == _patiently(lambda: models.encryption_key(*target))
        ):
            return
        _patiently(lambda: models.copy(source, target))
    except (ClientError, StartError) as error:
        raise StartError(
            f"the data file s3://{'/'.join(source)} can't be copied to s3://{'/'.join(target)}: "
            f"{error}. If it is gone, deploy again: the CDK uploads it"
        ) from error


def _adoptable(
    sagemaker: "SageMakerClient", identity: str, handle: str, output: str
) -> "DescribeTrainingJobResponseTypeDef | None":
    """A job of an earlier deployment that will bring the model, or has brought it unnoticed.

    Or one that has ended badly for this very deployment, if the request came twice. Jobs stay in
    SageMaker's lists for ever: one that wrote elsewhere than to `output` is of an environment of
    this name that was destroyed, its bucket with it.
    """
    for name in jobs.find(sagemaker, identity, "InProgress", "Completed"):
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["OutputDataConfig"]["S3OutputPath"] != output:
            continue
        if job["TrainingJobStatus"] == "InProgress" or (
            job["TrainingJobStatus"] == "Completed" and models.left_by(job)
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
        _patiently(lambda: sagemaker.create_training_job(TrainingJobName=name, **request))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceLimitExceeded":
            raise
        raise StartError(_explain_quota(error.response["Error"]["Message"])) from error


def _may_be_young(error: ClientError) -> bool:
    """Whether an error may come of a role or policy that was made or changed seconds ago.

    This function's own policy names jobs and objects by digests, so a new fingerprint changes it
    just before it is used. The execution role may be as young; SageMaker tells of that as of a
    wrong request.
    """
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "ValidationException":
        return ROLE_RACE.search(message) is not None
    return code in DENIED


def _patiently(act: Callable[[], Answer]) -> Answer:
    """Act, and again while a permission that may be seconds old is missing, for a bounded time.

    Source: IAM User Guide, "Changes that I make are not always immediately visible".

    Raises:
        StartError: It is still missing after `PERMISSION_SECONDS`.
    """
    deadline = time.monotonic() + PERMISSION_SECONDS
    pause = 1.0
    while True:
        try:
            return act()
        except ClientError as error:
            if not _may_be_young(error):
                raise
            if time.monotonic() + pause > deadline:
                raise StartError(f"{error} (tried for {PERMISSION_SECONDS} s)") from error
            logger.info("waiting for a permission: %s", error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


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
    except Exception:  # what failed first is what the deployment should say
        logger.exception("could not make sure that no job of %s runs", identity)
