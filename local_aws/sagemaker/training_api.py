"""Requests about training jobs: create, describe, stop, list and delete them."""

from collections.abc import Iterator
from typing import Any

from local_aws import faults
from local_aws.api.errors import ApiError, invalid
from local_aws.ministack import bridge
from local_aws.sagemaker import channels, images, job_api
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.clients import role_client
from local_aws.sagemaker.job import RUNNING
from local_aws.sagemaker.training_life import DAY, TrainingJob

ROLE_HELP = (
    "Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume "
    "the role."
)


def _create(account: Account, request: Request) -> dict[str, Any]:
    """CreateTrainingJob: the image must exist, and the role must trust SageMaker and find data."""
    if problems := [*_problems(request)]:
        raise invalid(" ".join(problems))
    job = TrainingJob(account, request)
    role = request["RoleArn"]
    if faults.strike("create.quota"):
        raise _quota_exceeded(request["ResourceConfig"]["InstanceType"])
    trusted = bridge.trusts_sagemaker(role, job.arn, account.scope)
    if faults.strike("create.role-race") or not trusted:
        raise invalid(f"Could not assume role {role}. {ROLE_HELP}")
    images.check_for_training(request["AlgorithmSpecification"]["TrainingImage"], role)
    s3 = role_client("s3", role, account.scope)
    for channel in request.get("InputDataConfig", []):
        channels.check_objects(s3, channel["DataSource"]["S3DataSource"], role)
    job_api.start(account, account.training_jobs, job)
    return {"TrainingJobArn": job.arn}


def _problems(request: Request) -> Iterator[str]:
    """Yield a message for each rule that a request breaks, and for what is not supported here."""
    algorithm = request.get("AlgorithmSpecification", {})
    if "TrainingImage" not in algorithm:
        yield "AlgorithmSpecification must have a TrainingImage; AlgorithmName is not offered here."
    if "MetricDefinitions" in algorithm:
        yield (
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please "
            "retry the request without specifying metric definitions."
        )
    yield from channels.unsupported(request.get("InputDataConfig", []))
    if request["OutputDataConfig"].get("CompressionType") == "NONE":
        yield "OutputDataConfig: CompressionType NONE is not supported here; use GZIP."
    resources = request.get("ResourceConfig", {})
    if "InstanceType" not in resources:
        yield "ResourceConfig must have an InstanceType; InstanceGroups are not offered here."
    if (count := resources.get("InstanceCount")) != 1:
        yield f"InstanceCount must be 1, got {count}: LDA trains on a single instance."
    yield from _waiting_problems(request)


def _waiting_problems(request: Request) -> Iterator[str]:
    """Yield messages about MaxWaitTimeInSeconds."""
    limits = request.get("StoppingCondition", {})
    if "MaxWaitTimeInSeconds" not in limits:
        return
    if not request.get("EnableManagedSpotTraining"):
        yield (
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is "
            "set to true"
        )
    elif limits["MaxWaitTimeInSeconds"] < limits.get("MaxRuntimeInSeconds", DAY):
        yield (
            "Invalid MaxWaitTimeInSeconds. It must be equal to or greater than MaxRuntimeInSeconds"
        )


def _quota_exceeded(instance_type: str) -> ApiError:
    return ApiError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{instance_type} for training job usage' is 0 Instances, "
        "with current utilization of 0 Instances and a request delta of 1 Instances. Please use "
        "AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not "
        "available, contact AWS support to request an increase for this quota.",
    )


def _delete(account: Account, request: Request) -> dict[str, Any]:
    """DeleteTrainingJob: only of a job that has ended; its name can then be used again."""
    with account.lock:
        job = job_api.find(account, account.training_jobs, request["TrainingJobName"])
        if job.status in RUNNING:
            raise ApiError(
                "ResourceInUse",
                f"The request was rejected because the training job is in status {job.status}.",
            )
        del account.training_jobs[job.name]
        account.tags.pop(job.arn, None)
    return {}


OPERATIONS: Operations = {
    "CreateTrainingJob": _create,
    "DeleteTrainingJob": _delete,
    **job_api.operations("Training", lambda account: account.training_jobs),
}
