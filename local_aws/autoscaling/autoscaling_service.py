"""The Application Auto Scaling service: the ARN that IAM checks, and the answer."""

from collections.abc import Mapping
from typing import Any

from local_aws import scalable_targets
from local_aws.api import validation
from local_aws.autoscaling import scaling_api, scaling_resources
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Response, Scope

NAME = scaling_api.SERVICE
TARGET_PREFIX = "AnyScaleFrontendService."
MODELS = [NAME]
RESOURCE_TYPES = scaling_resources.RESOURCE_TYPES


def resource_of(operation: str, request: Mapping[str, Any], scope: Scope) -> str:
    """Return the ARN that IAM checks: of the scalable target, registered or new; or `*`."""
    if operation.startswith("Describe"):
        return "*"
    target = scalable_targets.find(scope, str(request.get("ResourceId")))
    return target.arn if target else scope.arn("scalable-target/new", NAME)


def answer(scope: Scope, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer a request that IAM has let through."""
    operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
    return bridge.success(scaling_api.call(scope, operation, validation.parse(body)))
