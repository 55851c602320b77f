"""What one account holds in one Region, and how the service calls the other services for it."""

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope

if TYPE_CHECKING:
    from local_aws.sagemaker.endpoint_life import Endpoint
    from local_aws.sagemaker.training_life import TrainingJob

ROLE_HELP = (
    "Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume "
    "the role."
)


@dataclass
class Account:
    """The resources by name. `lock` guards every dictionary here."""

    scope: Scope
    lock: threading.RLock = field(default_factory=threading.RLock)
    training_jobs: dict[str, "TrainingJob"] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoint_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, "Endpoint"] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Add `tags` (Key, Value) to a resource."""
        if tags:
            with self.lock:
                self.tags.setdefault(arn, {}).update({t["Key"]: t["Value"] for t in tags})

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags that a resource has now."""
        with self.lock:
            return dict(self.tags.get(arn, {}))

    def client(self, service: str, role_arn: str) -> Any:
        """A client of `service` that acts as the role, so that IAM decides what it may do."""
        credentials = bridge.role_credentials(role_arn, self.scope)
        return self._client(service, credentials)

    def service_client(self, service: str) -> Any:
        """A client of `service` for what AWS does in its own name."""
        return self._client(service, bridge.service_credentials(self.scope))

    def _client(self, service: str, credentials: dict[str, str]) -> Any:
        # One session, for it reads a service's model once; making clients is not for many threads.
        with _session_lock:
            # The class stubs know each service by a literal; this name is one of ours.
            return _session.client(  # type: ignore[call-overload]
                service,
                region_name=self.scope.region,
                endpoint_url=os.environ["AWS_ENDPOINT_URL"],
                config=Config(retries={"mode": "standard", "max_attempts": 2}),
                **credentials,
            )


_session = boto3.session.Session()
_session_lock = threading.Lock()
_accounts: dict[Scope, Account] = {}
_accounts_lock = threading.Lock()


def of(scope: Scope) -> Account:
    """The account behind a request; made at the first one."""
    with _accounts_lock:
        return _accounts.setdefault(scope, Account(scope))


def tags(scope: Scope) -> dict[str, dict[str, str]]:
    """The tags of all resources there, by ARN."""
    here = of(scope)
    with here.lock:
        return {arn: dict(pairs) for arn, pairs in here.tags.items()}


def everyone() -> list[Account]:
    """All accounts that were asked for."""
    with _accounts_lock:
        return list(_accounts.values())


def encrypted_with(key: str | None) -> dict[str, str]:
    """The arguments of PutObject for a KMS key."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
