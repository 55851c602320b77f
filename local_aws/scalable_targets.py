"""Scalable targets: the production variants whose instance counts policies may change.

Auto Scaling registers and scales them. SageMaker deregisters those of a deleted endpoint.
"""

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from local_aws.ministack.bridge import Scope

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@dataclass
class Policy:
    """A target-tracking policy; an answer names its `alarms`, and `stopped` ends its thread."""

    arn: str
    request: dict[str, Any]
    alarms: list[dict[str, str]] = field(default_factory=list)
    created: float = field(default_factory=time.time)
    stopped: threading.Event = field(default_factory=threading.Event)


@dataclass
class Target:
    """A scalable target, its policies by name, and its scaling activities, newest first."""

    scope: Scope
    resource_id: str
    minimum: int
    maximum: int
    suspended: dict[str, bool]
    created: float = field(default_factory=time.time)
    arn: str = ""
    policies: dict[str, Policy] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        name = secrets.token_hex(16)
        self.arn = self.scope.arn(f"scalable-target/{name}", "application-autoscaling")

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.resource_id.split("/")[1]

    @property
    def variant(self) -> str:
        """The production variant's name."""
        return self.resource_id.split("/")[3]


lock = threading.RLock()  # guards all of the following
_targets: dict[tuple[Scope, str], Target] = {}


def resource_id(endpoint: str, variant: str) -> str:
    """Return the id of a variant as a scalable target."""
    return f"endpoint/{endpoint}/variant/{variant}"


def find(scope: Scope, resource: str) -> Target | None:
    """Return a registered target, or None."""
    with lock:
        return _targets.get((scope, resource))


def everyone(scope: Scope) -> list[Target]:
    """Return all registered targets."""
    with lock:
        return [target for target in _targets.values() if target.scope == scope]


def add(target: Target) -> None:
    """Register a target."""
    with lock:
        _targets[target.scope, target.resource_id] = target


def forget(scope: Scope, resource: str) -> None:
    """Deregister a target and end its policies, if it is registered."""
    with lock:
        target = _targets.pop((scope, resource), None)
        for policy in target.policies.values() if target else ():
            policy.stopped.set()
