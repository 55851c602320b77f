"""The SageMaker API: one request in, one answer out. MiniStack calls `handle_request`."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local_aws import faults, scalable_targets
from local_aws.api import validation
from local_aws.api.errors import ApiError, invalid
from local_aws.ministack import bridge
from local_aws.ministack.bridge import INVOCATIONS, Response, Scope
from local_aws.sagemaker import (
    account,
    endpoint_api,
    hosting_api,
    invocation,
    training_api,
    training_life,
)
from local_aws.sagemaker.account import Account
from local_aws.sagemaker.endpoint_life import Endpoint
from local_aws.sagemaker.hosting_resources import RESOURCE_TYPES

__all__ = [
    "MODELS",
    "NAME",
    "RESOURCE_TYPES",
    "TARGET_PREFIX",
    "handle_request",
    "resource_of",
    "shut_down",
]

NAME = "sagemaker"
TARGET_PREFIX = "SageMaker."
MODELS = ["sagemaker", "sagemaker-runtime"]

Request = Mapping[str, Any]

DEREGISTER = "application-autoscaling:DeregisterScalableTarget"
logger = logging.getLogger("sagemaker")
INVOKING = ThreadPoolExecutor(200, "invocation")  # the largest MaxConcurrency

# The member that names the resource of a request, and the resource's part of an ARN.
RESOURCE_NAMES = {
    "TrainingJobName": "training-job",
    "ModelName": "model",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
}


def resource_of(operation: str, request: Request, scope: Scope) -> str:
    """The ARN that IAM checks an operation against, or `*` for lists."""
    if arn := request.get("ResourceArn"):
        return str(arn)
    for member, kind in RESOURCE_NAMES.items():
        if member in request and kind.replace("-", "") in operation.lower():
            return scope.arn(f"{kind}/{str(request[member]).lower()}")
    return "*"


async def handle_request(
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query_params: dict[str, Any],
) -> Response:
    """Answer a request that IAM has let through."""
    here = account.of(bridge.current_scope())
    # Operations call other services of this very server, so they must not hold its event loop;
    # and invocations have threads of their own, for slow ones would hold up everything else.
    pool = INVOKING if INVOCATIONS.fullmatch(path) else None
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, _answer, here, path, headers, body)


def _answer(here: Account, path: str, headers: dict[str, str], body: bytes) -> Response:
    try:
        if match := INVOCATIONS.fullmatch(path):
            return invocation.invoke(here, match["endpoint"], body, headers)
        operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
        if operation not in OPERATIONS:
            raise ApiError("UnknownOperationException", f"{operation or path} is not offered here.")
        logger.info("%s", operation)
        request = json.loads(body or b"{}")
        validation.check(NAME, operation, request)
        _check_pass_role(here, request, headers)
        if operation == "DeleteEndpoint":
            _check_deregistration(here, request, headers)
        _throttle(operation)
        return bridge.success(OPERATIONS[operation](here, request))
    except json.JSONDecodeError as error:
        return bridge.failure("SerializationException", str(error), 400)
    except ApiError as error:
        return bridge.failure(error.code, error.message, error.status, error.extra)


def _check_pass_role(here: Account, request: Request, headers: Mapping[str, str]) -> None:
    """Whoever hands a role to SageMaker must be allowed to pass it."""
    role = request.get("RoleArn") or request.get("ExecutionRoleArn")
    caller = bridge.access_key(headers)
    context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    if role and (denied := bridge.denied(caller, "iam:PassRole", role, here.scope, context)):
        raise ApiError("AccessDeniedException", denied)


def _check_deregistration(here: Account, request: Request, headers: Mapping[str, str]) -> None:
    """Whoever deletes an endpoint that is scaled must be allowed to deregister what scales it."""
    caller = bridge.access_key(headers)
    for target in scalable_targets.everyone(here.scope):
        if target.endpoint == request["EndpointName"] and bridge.denied(
            caller, DEREGISTER, target.arn, here.scope
        ):
            raise invalid(
                "An Application AutoScaling scalable target exists for a variant being deleted, "
                f"and the IAM identity used to invoke DeleteEndpoint does not have {DEREGISTER} "
                "permission to deregister the scalable target."
            )


def _throttle(operation: str) -> None:
    """Refuse an operation that a fault throttles."""
    fault = {
        "CreateTrainingJob": "create.throttle",
        "DescribeTrainingJob": "describe.throttle",
    }.get(operation)
    if fault and faults.strike(fault):
        raise ApiError("ThrottlingException", "Rate exceeded")


def _stop_job(here: Account, request: Request) -> dict[str, Any]:
    training_api.find(here, request["TrainingJobName"]).stop()
    return {}


def _describe_job(here: Account, request: Request) -> dict[str, Any]:
    return training_api.find(here, request["TrainingJobName"]).describe()


def _describe_endpoint(here: Account, request: Request) -> dict[str, Any]:
    endpoint: Endpoint = hosting_api.found(
        here, "endpoint", here.endpoints, request["EndpointName"]
    )
    return endpoint.describe()


def _describe_model(here: Account, request: Request) -> dict[str, Any]:
    return dict(hosting_api.found(here, "model", here.models, request["ModelName"]))


def _describe_config(here: Account, request: Request) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    return dict(hosting_api.found(here, "endpoint configuration", here.endpoint_configs, name))


def _delete_model(here: Account, request: Request) -> dict[str, Any]:
    hosting_api.delete(here, "model", here.models, request["ModelName"])
    return {}


def _delete_config(here: Account, request: Request) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    hosting_api.delete(here, "endpoint configuration", here.endpoint_configs, name)
    return {}


def _list_models(here: Account, request: Request) -> dict[str, Any]:
    members = ("ModelName", "ModelArn", "CreationTime")
    return _listed(here, request, "Models", here.models, members)


def _list_configs(here: Account, request: Request) -> dict[str, Any]:
    members = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    return _listed(here, request, "EndpointConfigs", here.endpoint_configs, members)


def _list_endpoints(here: Account, request: Request) -> dict[str, Any]:
    with here.lock:
        described = {name: endpoint.describe() for name, endpoint in here.endpoints.items()}
    members = ("EndpointName", "EndpointArn", "EndpointStatus", "CreationTime", "LastModifiedTime")
    return _listed(here, request, "Endpoints", described, members)


def _listed(
    here: Account,
    request: Request,
    member: str,
    table: Mapping[str, dict[str, Any]],
    members: tuple[str, ...],
) -> dict[str, Any]:
    wanted = request.get("NameContains", "")
    with here.lock:
        found = [described for name, described in table.items() if wanted in name]
    return {member: [{m: described[m] for m in members} for described in found]}


def _add_tags(here: Account, request: Request) -> dict[str, Any]:
    with here.lock:
        here.tag(_known(here, request["ResourceArn"]), request["Tags"])
        return {"Tags": _listed_tags(here, request["ResourceArn"])}


def _list_tags(here: Account, request: Request) -> dict[str, Any]:
    with here.lock:
        return {"Tags": _listed_tags(here, _known(here, request["ResourceArn"]))}


def _listed_tags(here: Account, arn: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in here.tags_of(arn).items()]


def _delete_tags(here: Account, request: Request) -> dict[str, Any]:
    with here.lock:
        tags = here.tags.get(_known(here, request["ResourceArn"]), {})
        for key in request["TagKeys"]:
            tags.pop(key, None)
    return {}


def _known(here: Account, arn: str) -> str:
    arns = [job.arn for job in here.training_jobs.values()]
    arns += [endpoint.arn for endpoint in here.endpoints.values()]
    arns += [model["ModelArn"] for model in here.models.values()]
    arns += [config["EndpointConfigArn"] for config in here.endpoint_configs.values()]
    if arn not in arns:
        raise invalid(f"Could not find resource {arn}.")
    return arn


OPERATIONS: dict[str, Callable[[Account, Request], dict[str, Any]]] = {
    "CreateTrainingJob": training_api.create,
    "DescribeTrainingJob": _describe_job,
    "StopTrainingJob": _stop_job,
    "ListTrainingJobs": training_api.list_jobs,
    "CreateModel": hosting_api.create_model,
    "DescribeModel": _describe_model,
    "DeleteModel": _delete_model,
    "ListModels": _list_models,
    "CreateEndpointConfig": hosting_api.create_endpoint_config,
    "DescribeEndpointConfig": _describe_config,
    "DeleteEndpointConfig": _delete_config,
    "ListEndpointConfigs": _list_configs,
    "CreateEndpoint": endpoint_api.create,
    "DescribeEndpoint": _describe_endpoint,
    "UpdateEndpoint": endpoint_api.update,
    "UpdateEndpointWeightsAndCapacities": endpoint_api.update_weights,
    "DeleteEndpoint": endpoint_api.delete,
    "ListEndpoints": _list_endpoints,
    "AddTags": _add_tags,
    "ListTags": _list_tags,
    "DeleteTags": _delete_tags,
}


def shut_down() -> None:
    """End every container that runs."""
    for one in account.everyone():
        training_life.clean_up(one)
        endpoint_api.clean_up(one)
