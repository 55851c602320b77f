"""Requests about training jobs: create, describe, stop and list them."""

from typing import Any

from local_aws import faults
from local_aws.api.errors import ApiError, invalid
from local_aws.ministack import bridge
from local_aws.sagemaker import channels
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
    with account.lock:
        if job.name in account.training_jobs:
            raise ApiError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a "
                f"training job with this name already exists ({job.arn})",
            )
        account.training_jobs[job.name] = job
        account.tag(job.arn, request.get("Tags", []))
    job.start()
    return {"TrainingJobArn": job.arn}


def _quota_exceeded(instance_type: str) -> ApiError:
    return ApiError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{instance_type} for training job usage' is 0 Instances, "
        "with current utilization of 0 Instances and a request delta of 1 Instances. Please use "
        "AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not "
        "available, contact AWS support to request an increase for this quota.",
    )


def _describe(account: Account, request: Request) -> dict[str, Any]:
    return _find(account, request["TrainingJobName"]).describe()


def _stop(account: Account, request: Request) -> dict[str, Any]:
    _find(account, request["TrainingJobName"]).stop()
    return {}


def _find(account: Account, name: str) -> TrainingJob:
    with account.lock:
        job = account.training_jobs.get(name)
    if job is None:
        raise invalid("Requested resource not found.")
    return job


def _list(account: Account, request: Request) -> dict[str, Any]:
    """ListTrainingJobs, newest first unless asked otherwise."""
    with account.lock:
        jobs = [job.summary() for job in account.training_jobs.values()]
    matching = [
        job
        for job in jobs
        if request.get("NameContains", "") in job["TrainingJobName"]
        and request.get("StatusEquals", job["TrainingJobStatus"]) == job["TrainingJobStatus"]
    ]
    key = {"Name": "TrainingJobName", "Status": "TrainingJobStatus"}.get(
        request.get("SortBy", "CreationTime"), "CreationTime"
    )
    matching.sort(key=lambda job: job[key], reverse=request.get("SortOrder") != "Ascending")
    start = int(request.get("NextToken", "0"))
    size = request.get("MaxResults", 10)
    answer: dict[str, Any] = {"TrainingJobSummaries": matching[start : start + size]}
    if start + size < len(matching):
        answer["NextToken"] = str(start + size)
    return answer


OPERATIONS: Operations = {
    "CreateTrainingJob": _create,
    "DescribeTrainingJob": _describe,
    "StopTrainingJob": _stop,
    "ListTrainingJobs": _list,
}
