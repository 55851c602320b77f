"""The Application Auto Scaling API: one request in, one answer out. MiniStack calls it."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from local_aws import scalable_targets
from local_aws.autoscaling import scaling_api
from local_aws.autoscaling.scaling_resources import RESOURCE_TYPES
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Response, Scope

__all__ = [
    "MODELS",
    "NAME",
    "RESOURCE_TYPES",
    "TARGET_PREFIX",
    "handle_request",
    "resource_of",
]

NAME = scaling_api.SERVICE
TARGET_PREFIX = "AnyScaleFrontendService."
MODELS = [NAME]


def resource_of(operation: str, request: Mapping[str, Any], scope: Scope) -> str:
    """The ARN that IAM checks: of the scalable target, registered or to be."""
    if operation.startswith("Describe"):
        return "*"
    target = scalable_targets.find(scope, str(request.get("ResourceId")))
    return target.arn if target else scope.arn("scalable-target/new", NAME)


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
) -> Response:
    """Answer a request that IAM has let through."""
    scope = bridge.current_scope()
    return await asyncio.to_thread(bridge.answer, partial(_answer, scope, headers, body))


def _answer(scope: Scope, headers: Mapping[str, str], body: bytes) -> Response:
    operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
    return bridge.success(scaling_api.call(scope, operation, json.loads(body or b"{}")))
