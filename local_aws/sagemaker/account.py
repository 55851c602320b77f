"""What one account holds in one Region: its data, jobs and endpoints."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.ministack.bridge import Scope
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.endpoint_life import Endpoint
from local_aws.sagemaker.job import Job
from local_aws.sagemaker.training_life import TrainingJob
from local_aws.sagemaker.transform_life import TransformJob


@dataclass
class Account(AccountData):
    """The data of an account, and its jobs and endpoints by name."""

    training_jobs: dict[str, TrainingJob] = field(default_factory=dict)
    transform_jobs: dict[str, TransformJob] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    def jobs(self) -> list[Job]:
        """Return all jobs."""
        with self.lock:
            return [*self.training_jobs.values(), *self.transform_jobs.values()]

    def kill_all(self) -> None:
        """End all containers at once, at the end of the server."""
        for job in self.jobs():
            job.kill()
        for endpoint in list(self.endpoints.values()):
            endpoint.kill()


Request = Mapping[str, Any]
# The functions that answer operations, by the operations' names.
Operations = dict[str, Callable[[Account, Request], dict[str, Any]]]


_accounts: dict[Scope, Account] = {}
_lock = threading.Lock()


def of(scope: Scope) -> Account:
    """Return the account behind a request; the first request makes it."""
    with _lock:
        return _accounts.setdefault(scope, Account(scope))


def tags(scope: Scope) -> dict[str, dict[str, str]]:
    """Return the tags of all resources there, by ARN."""
    here = of(scope)
    with here.lock:
        return {arn: dict(pairs) for arn, pairs in here.tags.items()}


def everyone() -> list[Account]:
    """Return all accounts that were asked for."""
    with _lock:
        return list(_accounts.values())
