"""Requests that training and transform jobs answer alike: start, describe, stop and list them."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeVar

from local_aws.api.errors import ApiError, invalid
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.job import Job

J = TypeVar("J", bound=Job)


def start(account: Account, jobs: MutableMapping[str, J], job: J) -> None:
    """Add a job to the account's and start it.

    Raises:
        ApiError: There was a job of this name before.
    """
    with account.lock:
        if job.name in jobs:
            raise ApiError(
                "ResourceInUse",
                f"{job.KIND} job names must be unique within an AWS account and region, and a "
                f"{job.KIND.lower()} job with this name already exists ({job.arn})",
            )
        jobs[job.name] = job
        account.tag(job.arn, job.request.get("Tags", []))
    job.start()


def operations(kind: str, jobs_of: Callable[[Account], Mapping[str, Job]]) -> Operations:
    """Return the operations Describe, Stop and List of a kind of jobs, which `jobs_of` returns."""

    def find(account: Account, request: Request) -> Job:
        with account.lock:
            job = jobs_of(account).get(request[f"{kind}JobName"])
        if job is None:
            raise invalid("Requested resource not found.")
        return job

    def describe(account: Account, request: Request) -> dict[str, Any]:
        return find(account, request).describe()

    def stop(account: Account, request: Request) -> dict[str, Any]:
        find(account, request).stop()
        return {}

    def list_jobs(account: Account, request: Request) -> dict[str, Any]:
        with account.lock:
            jobs = [job.summary() for job in jobs_of(account).values()]
        return _page(kind, jobs, request)

    return {
        f"Describe{kind}Job": describe,
        f"Stop{kind}Job": stop,
        f"List{kind}Jobs": list_jobs,
    }


def _page(kind: str, jobs: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    """Return the jobs that a List request asks for, newest first unless asked otherwise."""
    name, status = f"{kind}JobName", f"{kind}JobStatus"
    matching = [
        job
        for job in jobs
        if request.get("NameContains", "") in job[name]
        and request.get("StatusEquals", job[status]) == job[status]
    ]
    key = {"Name": name, "Status": status}.get(
        request.get("SortBy", "CreationTime"), "CreationTime"
    )
    matching.sort(key=lambda job: job[key], reverse=request.get("SortOrder") != "Ascending")
    start = int(request.get("NextToken", "0"))
    size = request.get("MaxResults", 10)
    answer: dict[str, Any] = {f"{kind}JobSummaries": matching[start : start + size]}
    if start + size < len(matching):
        answer["NextToken"] = str(start + size)
    return answer
