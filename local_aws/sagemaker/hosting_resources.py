"""The CloudFormation types of hosting: AWS::SageMaker::Model, EndpointConfig and Endpoint."""

import secrets
from typing import Any

from local_aws import faults
from local_aws.api import validation
from local_aws.ministack import bridge
from local_aws.ministack.bridge import ResourceType
from local_aws.sagemaker import account, endpoint_api, hosting_api

Created = tuple[str, dict[str, str]]
# Members of UpdateEndpoint that a template carries, besides the configuration's name.
UPDATE = (
    "DeploymentConfig",
    "ExcludeRetainedVariantProperties",
    "RetainAllVariantProperties",
    "RetainDeploymentConfig",
)


def _generated_name(logical_id: str) -> str:
    return f"{logical_id[:40]}-{secrets.token_urlsafe(9)}".replace("_", "x").strip("-")


def _request(operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a template's properties as a valid request, with the API's types."""
    request = validation.typed("sagemaker", operation, properties)
    validation.check("sagemaker", operation, request)
    return request


def _create_model(logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
    here = account.of(bridge.current_scope())
    name = properties.get("ModelName") or _generated_name(logical_id)
    answer = hosting_api.create_model(
        here, _request("CreateModel", properties | {"ModelName": name})
    )
    arn = answer["ModelArn"]
    return arn, {"ModelName": name, "ModelArn": arn}


def _delete_model(physical_id: str, properties: dict[str, Any]) -> None:
    here = account.of(bridge.current_scope())
    hosting_api.delete_model(here, {"ModelName": _name_of(physical_id, here.models)})


def _create_config(logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
    here = account.of(bridge.current_scope())
    name = properties.get("EndpointConfigName") or _generated_name(logical_id)
    request = _request("CreateEndpointConfig", properties | {"EndpointConfigName": name})
    answer = hosting_api.create_endpoint_config(here, request)
    arn = answer["EndpointConfigArn"]
    return arn, {"EndpointConfigName": name, "EndpointConfigArn": arn}


def _delete_config(physical_id: str, properties: dict[str, Any]) -> None:
    here = account.of(bridge.current_scope())
    name = _name_of(physical_id, here.endpoint_configs)
    hosting_api.delete_endpoint_config(here, {"EndpointConfigName": name})


def _create_endpoint(logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
    here = account.of(bridge.current_scope())
    name = properties.get("EndpointName") or _generated_name(logical_id)
    members = {m: properties[m] for m in ("DeploymentConfig", "Tags") if m in properties}
    request = {"EndpointName": name} | _config(here, properties) | members
    endpoint_api.create(here, _request("CreateEndpoint", request))
    endpoint = here.endpoints[name]
    endpoint.wait()
    if endpoint.status == "Failed":
        reason = endpoint.failure
        endpoint_api.delete(here, {"EndpointName": name})
        raise ValueError(f"Endpoint {name} failed: {reason}")
    return endpoint.arn, {"EndpointName": name, "EndpointArn": endpoint.arn}


def _update_endpoint(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str
) -> Created:
    here = account.of(bridge.current_scope())
    name = _name_of(physical_id, here.endpoints)
    endpoint = endpoint_api.find(here, name)
    config = _config(here, new)
    if config.get("EndpointConfigName") != endpoint.config:
        members = {member: new[member] for member in UPDATE if member in new}
        request = {"EndpointName": name} | config | members
        with (
            here.lock
        ):  # `wait` releases it, and holds it at the end: no scaling can start in between
            endpoint.wait()
            endpoint_api.update(here, _request("UpdateEndpoint", request))
        endpoint.wait()
        if endpoint.failure and not faults.strike("endpoint.silent-rollback"):
            raise ValueError(f"Endpoint {name} was not updated: {endpoint.failure}")
    here.tag(endpoint.arn, new.get("Tags", []))
    return physical_id, {"EndpointName": name, "EndpointArn": endpoint.arn}


def _delete_endpoint(physical_id: str, properties: dict[str, Any]) -> None:
    here = account.of(bridge.current_scope())
    name = _name_of(physical_id, here.endpoints)
    endpoint_api.find(here, name).wait()
    endpoint_api.delete(here, {"EndpointName": name})


def _config(here: account.Account, properties: dict[str, Any]) -> dict[str, str]:
    """Return the member EndpointConfigName of an endpoint's properties, if they have it."""
    if "EndpointConfigName" not in properties:
        return {}
    name = _name_of(str(properties["EndpointConfigName"]), here.endpoint_configs)
    return {"EndpointConfigName": name}


def _name_of(reference: str, table: dict[str, Any]) -> str:
    """Return a name from a template's reference: the name, or an ARN with it in lower case."""
    tail = reference.rsplit("/", 1)[-1]
    names = list(table)  # at once: another thread may add one
    return next((name for name in names if name in (reference, tail) or name.lower() == tail), tail)


def _only_tags(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str
) -> Created:
    """Update a model or configuration: only tags, since any other change replaces it."""
    here = account.of(bridge.current_scope())
    kind, table = (
        ("Model", here.models)
        if ":model/" in physical_id
        else ("EndpointConfig", here.endpoint_configs)
    )
    described = table[_name_of(physical_id, table)]
    arn, name = described[f"{kind}Arn"], described[f"{kind}Name"]
    here.tag(arn, new.get("Tags", []))
    return physical_id, {f"{kind}Name": name, f"{kind}Arn": arn}


RESOURCE_TYPES = {
    "AWS::SageMaker::Model": ResourceType(
        _create_model,
        _only_tags,
        _delete_model,
        replaced_by=(
            "Containers",
            "EnableNetworkIsolation",
            "ExecutionRoleArn",
            "InferenceExecutionConfig",
            "ModelName",
            "PrimaryContainer",
            "VpcConfig",
        ),
    ),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        _create_config,
        _only_tags,
        _delete_config,
        replaced_by=(
            "AsyncInferenceConfig",
            "DataCaptureConfig",
            "EnableNetworkIsolation",
            "EndpointConfigName",
            "ExecutionRoleArn",
            "KmsKeyId",
            "ProductionVariants",
            "VpcConfig",
        ),
    ),
    "AWS::SageMaker::Endpoint": ResourceType(
        _create_endpoint, _update_endpoint, _delete_endpoint, replaced_by=("EndpointName",)
    ),
}
