"""Add services to MiniStack and apply every patch; the server does this before it starts."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import Any, TypeVar

import ministack.app as gateway
from ministack.core import iam_actions, router
from ministack.services import tagging
from ministack.services.cloudformation import provisioners, stacks

from local_aws.api.errors import ApiError, invalid
from local_aws.ministack.bridge import (
    INVOCATIONS,
    ResourceType,
    Response,
    Scope,
    Service,
    current_scope,
    failure,
)
from local_aws.ministack.patches import (
    alarm_evaluation,
    aws_s3_key,
    bucket_rules,
    changed_alarms,
    condition_values,
    deletion_after_creation,
    exports_in_use,
    failure_destinations,
    function_credentials,
    function_logs,
    glue_concurrency,
    glue_job_runs,
    groups_in_use,
    interface_filters,
    lingering_tags,
    log_group_variable,
    log_stream_arns,
    log_stream_prefixes,
    managed_policies,
    object_keys,
    oidc_providers,
    retried_events,
    session_threads,
    target_policies,
    topic_keys,
    waiting_last,
    young_policies,
)

PATCHES = (
    log_stream_arns,
    log_stream_prefixes,
    waiting_last,
    condition_values,
    deletion_after_creation,
    bucket_rules,
    topic_keys,
    retried_events,
    alarm_evaluation,
    changed_alarms,
    function_logs,
    failure_destinations,
    target_policies,
    aws_s3_key,
    object_keys,
    managed_policies,
    log_group_variable,
    exports_in_use,
    interface_filters,
    groups_in_use,
    oidc_providers,
    lingering_tags,
    young_policies,
    function_credentials,
    session_threads,
    glue_concurrency,
    glue_job_runs,
)

Tags = Mapping[str, Mapping[str, str]]  # by ARN
ConditionKeys = Callable[[str, Mapping[str, Any], Scope], Mapping[str, str]]

T = TypeVar("T")

logger = logging.getLogger("local_aws")

INVOKING = ThreadPoolExecutor(200, "invocation")  # the largest MaxConcurrency


def install(
    services: list[Service],
    tags: Mapping[str, Callable[[Scope], Tags]],
    condition_keys: Mapping[str, ConditionKeys],
) -> None:
    """Add `services` to MiniStack and change MiniStack; call before the server starts.

    Args:
        services: What MiniStack lacks.
        tags: By a service's name, the function that returns the tags of its resources. The
            Resource Groups Tagging API lists them.
        condition_keys: By a service's name, the function that returns what IAM compares conditions
            of its requests with, beside the keys that all services have.
    """
    for service in services:
        _register(service)
        _provision(service.RESOURCE_TYPES)
    _name_resources({service.NAME: service for service in services})
    _tell_conditions(condition_keys)
    for name, tags_of in tags.items():
        tagging._COLLECTORS[name] = _collector(tags_of)
    for patch in PATCHES:
        patch.apply()


def _register(service: Service) -> None:
    """Let requests of a service reach it, and IAM know its actions."""
    name = service.NAME
    gateway.SERVICE_REGISTRY[name] = {"module": name}
    gateway.SERVICE_HANDLERS[name] = _handler(service)
    gateway._loaded_modules[name] = service
    router.SERVICE_PATTERNS[name] = {
        "target_prefixes": [service.TARGET_PREFIX],
        "credential_scope": name,
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE[name] = name
    iam_actions._BOTOCORE_SERVICE_MAP[name] = service.MODELS


def _handler(service: Service) -> Callable[..., Awaitable[Response]]:
    async def handle(
        _: str, path: str, headers: dict[str, str], body: bytes, __: dict[str, Any]
    ) -> Response:
        # Services call this very server, so they must not hold its event loop. Invocations have
        # threads of their own, since slow ones would delay all other requests.
        pool = INVOKING if INVOCATIONS.fullmatch(path) else None
        answer = partial(_answer, service, current_scope(), path, headers, body)
        return await asyncio.get_running_loop().run_in_executor(pool, answer)

    return handle


def _answer(service: Service, *request: Any) -> Response:
    """Return a service's answer, or the answer that says what error it raised."""
    try:
        return service.answer(*request)
    except ApiError as error:
        return failure(error)
    except Exception as error:
        logger.exception("%s can't answer", service.NAME)
        return failure(invalid(_unexpected(error)))


def _unexpected(error: Exception) -> str:
    """Return the text about a request that is valid and that nobody has thought of.

    It is no server error: clients would send the request again and again.
    """
    return (
        f"This request is not offered here ({type(error).__name__}: {error}). The log of the "
        "embedded AWS has the traceback."
    )


def _provision(types: Mapping[str, ResourceType]) -> None:
    """Add CloudFormation types; their handlers block, so they run on worker threads."""
    for name, handlers in types.items():
        provisioners._RESOURCE_HANDLERS[name] = {
            "create": _explained(handlers.create),
            "update": _explained(handlers.update),
            "delete": _explained(handlers.delete),
        }
        provisioners._REPLACING_PROPERTIES[name] = handlers.replaced_by
        if handlers.tagged:
            provisioners._STACK_TAG_PROPERTY[name] = ("Tags", "list")
    original = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in types or original(name)


def _explained(handler: Callable[..., T]) -> Callable[..., T]:
    """Return a handler whose errors are all sentences, since they are a resource's reason."""

    @wraps(handler)
    def handle(*arguments: Any) -> T:
        try:
            return handler(*arguments)
        except (ApiError, ValueError):
            raise
        except Exception as error:
            logger.exception("%s", handler.__name__)
            raise ValueError(_unexpected(error)) from error

    return handle


def _collector(
    tags_of: Callable[[Scope], Tags],
) -> Callable[[], Iterator[tuple[str, list[dict[str, str]]]]]:
    def collect() -> Iterator[tuple[str, list[dict[str, str]]]]:
        for arn, pairs in tags_of(current_scope()).items():
            yield arn, [{"Key": key, "Value": value} for key, value in pairs.items()]

    return collect


def _name_resources(services: Mapping[str, Service]) -> None:
    """Let IAM check the ARNs that AWS checks, where MiniStack would check `*`."""
    original = iam_actions.extract_resource_arn

    def extract(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        region: str,
        account: str,
    ) -> str:
        if service not in services:
            return str(original(service, method, path, headers, body, query, region, account))
        scope = Scope(account, region)
        if match := INVOCATIONS.fullmatch(path):
            return scope.arn(f"endpoint/{match['endpoint'].lower()}")
        named = services[service]
        operation = headers.get("x-amz-target", "").removeprefix(named.TARGET_PREFIX)
        return named.resource_of(operation, _request(body), scope)

    iam_actions.extract_resource_arn = extract


def _tell_conditions(condition_keys: Mapping[str, ConditionKeys]) -> None:
    """Let IAM know the condition keys of a service's own, where MiniStack knows those of tags."""
    original = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> Any:
        found = original(service, action, body, parameters)
        if service not in condition_keys:
            return found
        operation = action.partition(":")[2]
        return found | condition_keys[service](operation, _request(body), current_scope())

    iam_actions.request_tag_context = context


def _request(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON request; none if it is no JSON object."""
    try:
        request = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}
