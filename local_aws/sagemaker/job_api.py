"""Requests that training and transform jobs answer alike: start, describe, stop and list them."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeVar

from local_aws.api.errors import ApiError, invalid
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.job import Job
from local_aws.sagemaker.listing import listed
from local_aws.sagemaker.lookup import is_taken

J = TypeVar("J", bound=Job)


def start(account: Account, jobs: MutableMapping[str, J], job: J) -> None:
    """Add a job to the account's and start it.

    Raises:
        ApiError: There was a job of this name before.
    """
    with account.lock:
        if is_taken(jobs, job.name):
            raise ApiError(
                "ResourceInUse",
                f"{job.KIND} job names must be unique within an AWS account and region, and a "
                f"{job.KIND.lower()} job with this name already exists ({job.arn})",
            )
        jobs[job.name] = job
        account.tag(job.arn, job.request.get("Tags", []))
    job.start()


def find(account: Account, jobs: Mapping[str, J], name: str) -> J:
    """Return the job of that name.

    Raises:
        ApiError: There is none.
    """
    with account.lock:
        job = jobs.get(name)
    if job is None:
        raise invalid("Requested resource not found.")
    return job


def operations(kind: str, jobs_of: Callable[[Account], Mapping[str, Job]]) -> Operations:
    """Return the operations Describe, Stop and List of a kind of jobs, which `jobs_of` returns."""

    def named(account: Account, request: Request) -> Job:
        return find(account, jobs_of(account), request[f"{kind}JobName"])

    def describe(account: Account, request: Request) -> dict[str, Any]:
        return named(account, request).describe()

    def stop(account: Account, request: Request) -> dict[str, Any]:
        named(account, request).stop()
        return {}

    def list_jobs(account: Account, request: Request) -> dict[str, Any]:
        with account.lock:
            jobs = [job.summary() for job in jobs_of(account).values()]
        return listed(f"{kind}Job", request, jobs)

    return {
        f"Describe{kind}Job": describe,
        f"Stop{kind}Job": stop,
        f"List{kind}Jobs": list_jobs,
    }
