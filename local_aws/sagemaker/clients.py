"""Clients by which SageMaker calls the account's other services, at this very server."""

import os
import threading
from typing import Any

import boto3
from botocore.config import Config

from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope

_session = boto3.session.Session()  # one for all: it reads each service's model once
_lock = threading.Lock()  # making clients is not safe in several threads


def role_client(service: str, role_arn: str, scope: Scope, session: str = "SageMaker") -> Any:
    """Return a client of `service` that acts as the role, so that IAM decides what it may do."""
    return _client(service, bridge.role_credentials(role_arn, scope, session), scope)


def service_client(service: str, scope: Scope) -> Any:
    """Return a client of `service` for what AWS does in its own name."""
    return _client(service, bridge.service_credentials(scope), scope)


def _client(service: str, credentials: dict[str, str], scope: Scope) -> Any:
    with _lock:
        # The class stubs know each service by a literal; this name is a variable.
        return _session.client(  # type: ignore[call-overload]
            service,
            region_name=scope.region,
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            config=Config(retries={"mode": "standard", "max_attempts": 2}),
            **credentials,
        )


def encrypted_with(key: str | None) -> dict[str, str]:
    """Return the arguments of PutObject for a KMS key, or none without a key."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
