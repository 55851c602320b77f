"""Requests about endpoints: create, describe, list, update, scale and delete them."""

import json
from collections.abc import Mapping
from typing import Any

from local_aws import scalable_targets, service_quotas, switches
from local_aws.api.errors import ApiError, invalid
from local_aws.sagemaker import deployment
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.endpoint_life import IN_PROGRESS, Endpoint
from local_aws.sagemaker.listing import listed
from local_aws.sagemaker.lookup import found, is_taken


def create(account: Account, request: Request) -> dict[str, Any]:
    """CreateEndpoint: answers at once; the endpoint is then Creating."""
    endpoint = Endpoint(account, request["EndpointName"], request["EndpointConfigName"])
    with account.lock:
        if is_taken(account.endpoints, endpoint.name):
            raise invalid(f'Cannot create already existing endpoint "{endpoint.arn}".')
        described = _configuration(account, endpoint.config)
        _check_quotas(described)
        account.endpoints[endpoint.name] = endpoint
        account.tag(endpoint.arn, request.get("Tags", []))
        endpoint.deployment = request.get("DeploymentConfig", {})
        endpoint.deploy(described, deployment.Plan())
    return {"EndpointArn": endpoint.arn}


def update(account: Account, request: Request) -> dict[str, Any]:
    """UpdateEndpoint: the old configuration serves until the new one is in service."""
    with account.lock:
        endpoint = _changeable(account, request["EndpointName"])
        _configuration(account, endpoint.config)  # AWS needs the present one too
        described = _configuration(account, request["EndpointConfigName"])
        _check_quotas(described)
        if described["EndpointConfigName"] == endpoint.config:
            raise invalid("Cannot update an endpoint to the configuration that it has.")
        _check_types(account, endpoint, described["ProductionVariants"])
        policy = request.get("DeploymentConfig", {})
        if request.get("RetainDeploymentConfig"):
            if policy:
                raise invalid("RetainDeploymentConfig and DeploymentConfig exclude each other.")
            policy = endpoint.deployment
        if request.get("RetainAllVariantProperties"):
            described = _retaining(endpoint, request, described)
        plan = _plan(endpoint, described["ProductionVariants"], policy)
        endpoint.deployment = policy
        endpoint.deploy(described, plan)
    return {"EndpointArn": endpoint.arn}


def update_weights(account: Account, request: Request) -> dict[str, Any]:
    """UpdateEndpointWeightsAndCapacities: change instance counts and shares of the traffic."""
    with account.lock:
        endpoint = _changeable(account, request["EndpointName"])
        wanted = {
            change["VariantName"]: change for change in request["DesiredWeightsAndCapacities"]
        }
        for name, change in wanted.items():
            if name not in endpoint.fleets:
                raise invalid(f'Could not find production variant "{name}".')
            count = change.get("DesiredInstanceCount")
            if count == 0:
                raise invalid(f"DesiredInstanceCount of variant {name} must be at least 1.")
            if count is not None and endpoint.fleets[name].serverless:
                raise invalid(f"Serverless variant {name} has no DesiredInstanceCount.")
            if "ServerlessUpdateConfig" in change:
                raise invalid(f"Variant {name}: ServerlessUpdateConfig is not offered here.")
            if count is not None:
                _check_quota(endpoint.fleets[name].variant, count)
        endpoint.rescale(wanted)
    return {"EndpointArn": endpoint.arn}


def delete(account: Account, request: Request) -> dict[str, Any]:
    """DeleteEndpoint: rejected while a change is in progress; deregisters scalable targets."""
    with account.lock:
        endpoint = find(account, request["EndpointName"])
        creating = endpoint.status == "Creating" and not switches.seconds("endpoint.creating")
        if endpoint.status in IN_PROGRESS and not creating:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        del account.endpoints[endpoint.name]
        account.tags.pop(endpoint.arn, None)
        for name in endpoint.fleets:
            scalable_targets.forget(
                account.scope, scalable_targets.resource_id(endpoint.name, name)
            )
    endpoint.end()
    return {}


def find(account: Account, name: str) -> Endpoint:
    """Return the endpoint of that name; see `lookup.found`."""
    endpoint: Endpoint = found(account, "endpoint", account.endpoints, name)
    return endpoint


def _changeable(account: Account, name: str) -> Endpoint:
    endpoint = find(account, name)
    if endpoint.status in IN_PROGRESS:
        raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    if endpoint.status == "Failed":
        raise invalid(f'Cannot update failed endpoint "{endpoint.arn}".')
    return endpoint


def _configuration(account: Account, name: str) -> dict[str, Any]:
    return dict(found(account, "endpoint configuration", account.endpoint_configs, name))


def _check_quotas(config: Mapping[str, Any]) -> None:
    for variant in config["ProductionVariants"]:
        if "ServerlessConfig" not in variant:
            _check_quota(variant, variant["InitialInstanceCount"])


def _check_quota(variant: Mapping[str, Any], count: int) -> None:
    """Reject more instances of a variant than Service Quotas names, since each is a process."""
    name = f"{variant['InstanceType']} for endpoint usage"
    if count > (limit := service_quotas.value(name)):
        raise ApiError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{name}' is {limit} Instances, with current "
            f"utilization of 0 Instances and a request delta of {count} Instances. Please use AWS "
            "Service Quotas to request an increase for this quota.",
        )


def _check_types(account: Account, endpoint: Endpoint, variants: list[dict[str, Any]]) -> None:
    """Reject a change from instances to serverless, and of a scalable target's instance type."""
    if any("ServerlessConfig" in variant for variant in variants) and not all(
        fleet.serverless for fleet in endpoint.fleets.values()
    ):
        raise invalid("Cannot update an endpoint with instances to a serverless variant.")
    types = {variant["VariantName"]: variant.get("InstanceType") for variant in variants}
    scaled = [
        name
        for name, fleet in endpoint.fleets.items()
        if types.get(name) != fleet.variant.get("InstanceType")
        and scalable_targets.find(account.scope, scalable_targets.resource_id(endpoint.name, name))
    ]
    if scaled:
        raise invalid(
            f"The variant(s) {json.dumps(scaled)} must be deregistered as scalable targets with "
            "AutoScaling before they can be removed or have their instance type updated."
        )


def _retaining(
    endpoint: Endpoint, request: Mapping[str, Any], described: dict[str, Any]
) -> dict[str, Any]:
    """Return the new configuration, with the properties that the endpoint keeps as they are."""
    excluded = {
        listed["VariantPropertyType"]
        for listed in request.get("ExcludeRetainedVariantProperties", [])
    }
    variants = []
    for variant in described["ProductionVariants"]:
        kept: dict[str, Any] = {}
        fleet = endpoint.fleets.get(variant["VariantName"])
        if fleet is not None and "DesiredWeight" not in excluded:
            kept["InitialVariantWeight"] = fleet.weight
        if fleet is not None and not fleet.serverless and "DesiredInstanceCount" not in excluded:
            kept["InitialInstanceCount"] = fleet.desired
        variants.append(variant | kept)
    described = described | {"ProductionVariants": variants}
    if endpoint.capture is not None and "DataCaptureConfig" not in excluded:
        described["DataCaptureConfig"] = endpoint.capture.config
    return described


def _plan(
    endpoint: Endpoint, variants: list[dict[str, Any]], policy: Mapping[str, Any]
) -> deployment.Plan:
    names = {variant["VariantName"] for variant in variants}
    if policy and names != endpoint.fleets.keys():
        raise invalid(
            "With a DeploymentConfig, the new configuration must have the same variants: "
            f"{', '.join(sorted(endpoint.fleets))}; it has {', '.join(sorted(names))}."
        )
    if "RollingUpdatePolicy" in policy and len(names) > 1:
        raise invalid("RollingUpdatePolicy is not supported for several production variants.")
    if any("ServerlessConfig" in variant for variant in variants):
        return deployment.plan(policy, None)
    return deployment.plan(policy, min(variant["InitialInstanceCount"] for variant in variants))


def _describe(account: Account, request: Request) -> dict[str, Any]:
    return find(account, request["EndpointName"]).describe()


def _list(account: Account, request: Request) -> dict[str, Any]:
    with account.lock:
        described = [endpoint.describe() for endpoint in account.endpoints.values()]
    return listed("Endpoint", request, described)


OPERATIONS: Operations = {
    "CreateEndpoint": create,
    "DescribeEndpoint": _describe,
    "UpdateEndpoint": update,
    "UpdateEndpointWeightsAndCapacities": update_weights,
    "DeleteEndpoint": delete,
    "ListEndpoints": _list,
}
