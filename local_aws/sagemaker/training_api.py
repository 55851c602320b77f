"""Requests about training jobs: create, describe, stop and list them."""

from typing import Any

from local_aws import faults
from local_aws.api.errors import ApiError, invalid
from local_aws.ministack import bridge
from local_aws.sagemaker import channels, job_api
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.training_life import TrainingJob

ROLE_HELP = (
    "Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume "
    "the role."
)


def _create(account: Account, request: Request) -> dict[str, Any]:
    """CreateTrainingJob: the role must trust SageMaker; the job itself looks for the data."""
    job = TrainingJob(account, request)
    role = request["RoleArn"]
    if "MetricDefinitions" in request["AlgorithmSpecification"]:
        raise invalid(
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please "
            "retry the request without specifying metric definitions."
        )
    if unsupported := [*channels.unsupported(request.get("InputDataConfig", []))]:
        raise invalid(" ".join(unsupported))
    if faults.strike("create.quota"):
        raise _quota_exceeded(request["ResourceConfig"]["InstanceType"])
    trusted = bridge.trusts_sagemaker(role, job.arn, account.scope)
    if faults.strike("create.role-race") or not trusted:
        raise invalid(f"Could not assume role {role}. {ROLE_HELP}")
    job_api.start(account, account.training_jobs, job)
    return {"TrainingJobArn": job.arn}


def _quota_exceeded(instance_type: str) -> ApiError:
    return ApiError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{instance_type} for training job usage' is 0 Instances, "
        "with current utilization of 0 Instances and a request delta of 1 Instances. Please use "
        "AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not "
        "available, contact AWS support to request an increase for this quota.",
    )


OPERATIONS: Operations = {
    "CreateTrainingJob": _create,
    **job_api.operations("Training", lambda account: account.training_jobs),
}
