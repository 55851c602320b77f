"""The SageMaker service: what the caller of a request must be allowed, and the answer."""

import logging
from collections.abc import Mapping

from local_aws import faults, scalable_targets
from local_aws.api import validation
from local_aws.api.errors import ApiError, invalid, unknown_operation
from local_aws.ministack import bridge
from local_aws.ministack.bridge import INVOCATIONS, Response, Scope
from local_aws.sagemaker import (
    account,
    endpoint_api,
    hosting_api,
    hosting_resources,
    invocation,
    tags_api,
    training_api,
    transform_api,
)
from local_aws.sagemaker.account import Account, Request

NAME = "sagemaker"
TARGET_PREFIX = "SageMaker."
MODELS = ["sagemaker", "sagemaker-runtime"]
RESOURCE_TYPES = hosting_resources.RESOURCE_TYPES

DEREGISTER = "application-autoscaling:DeregisterScalableTarget"
logger = logging.getLogger("sagemaker")
OPERATIONS = (
    training_api.OPERATIONS
    | transform_api.OPERATIONS
    | hosting_api.OPERATIONS
    | endpoint_api.OPERATIONS
    | tags_api.OPERATIONS
)

# The member of a request that names its resource, and the resource's type in an ARN.
RESOURCE_NAMES = {
    "TrainingJobName": "training-job",
    "TransformJobName": "transform-job",
    "ModelName": "model",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
}


def resource_of(operation: str, request: Request, scope: Scope) -> str:
    """Return the ARN that IAM checks for an operation; `*` for lists."""
    if arn := request.get("ResourceArn"):
        return str(arn)
    for member, kind in RESOURCE_NAMES.items():
        if member in request and kind.replace("-", "") in operation.lower():
            return scope.arn(f"{kind}/{str(request[member]).lower()}")
    return "*"


def condition_keys(operation: str, request: Request, scope: Scope) -> dict[str, str]:
    """Return SageMaker's own condition keys that a request has, for IAM."""
    if operation == "CreateTransformJob" and "ModelName" in request:
        return {"sagemaker:ModelArn": scope.arn(f"model/{str(request['ModelName']).lower()}")}
    return {}


def answer(scope: Scope, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer a request that IAM has let through."""
    here = account.of(scope)
    if match := INVOCATIONS.fullmatch(path):
        return invocation.invoke(here, match["endpoint"], body, headers)
    operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
    if operation not in OPERATIONS:
        raise unknown_operation(operation or path)
    logger.info("%s", operation)
    request = validation.parse(body)
    validation.check(NAME, operation, request)
    _check_pass_role(here, request, headers)
    _check_tagging(here, operation, request, headers)
    if operation == "DeleteEndpoint":
        _check_deregistration(here, request, headers)
    _throttle(operation)
    return bridge.success(OPERATIONS[operation](here, request))


def _check_pass_role(here: Account, request: Request, headers: Mapping[str, str]) -> None:
    """Reject a request with a role that the caller may not pass to SageMaker."""
    role = request.get("RoleArn") or request.get("ExecutionRoleArn")
    caller = bridge.access_key(headers)
    context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    if role and (denied := bridge.denied(caller, "iam:PassRole", role, here.scope, context)):
        raise ApiError("AccessDeniedException", denied)


def _check_tagging(
    here: Account, operation: str, request: Request, headers: Mapping[str, str]
) -> None:
    """Reject the creation of a resource with tags by a caller who may not tag it."""
    if not operation.startswith("Create") or not request.get("Tags"):
        return
    resource = resource_of(operation, request, here.scope)
    caller = bridge.access_key(headers)
    if denied := bridge.denied(caller, "sagemaker:AddTags", resource, here.scope):
        raise ApiError("AccessDeniedException", denied)


def _check_deregistration(here: Account, request: Request, headers: Mapping[str, str]) -> None:
    """Reject a deletion by a caller who may not deregister the endpoint's scalable targets."""
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
    """Reject an operation that a fault throttles."""
    fault = {
        "CreateTrainingJob": "create.throttle",
        "DescribeTrainingJob": "describe.throttle",
    }.get(operation)
    if fault and faults.strike(fault):
        raise ApiError("ThrottlingException", "Rate exceeded")


def shut_down() -> None:
    """End every container that runs."""
    for one in account.everyone():
        one.kill_all()
