"""The CloudFormation types AWS::ApplicationAutoScaling::ScalableTarget and ::ScalingPolicy."""

from typing import Any

from local_aws.api import validation
from local_aws.autoscaling import scaling_api
from local_aws.ministack import bridge
from local_aws.ministack.bridge import ResourceType

Created = tuple[str, dict[str, str]]
KEYS = ("ServiceNamespace", "ResourceId", "ScalableDimension")


def _call(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    typed = validation.typed(scaling_api.SERVICE, operation, request)
    return scaling_api.call(bridge.current_scope(), operation, typed)


def _key(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the three properties that name a target; a policy may have its physical id instead."""
    if target := properties.get("ScalingTargetId"):
        match str(target).split("|"):
            case [resource, dimension, namespace]:
                return dict(zip(KEYS, (namespace, resource, dimension), strict=True))
        raise ValueError(f"ScalingTargetId {target!r} must be the Ref of a scalable target")
    return {name: properties[name] for name in KEYS if name in properties}


def _create_target(logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
    if properties.get("ScheduledActions"):
        raise ValueError("ScheduledActions of a scalable target are not offered here")
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    _call("RegisterScalableTarget", properties | {"Tags": tags})
    key = _key(properties)
    physical_id = f"{key['ResourceId']}|{key['ScalableDimension']}|{key['ServiceNamespace']}"
    return physical_id, {"Id": physical_id}


def _update_target(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str
) -> Created:
    return _create_target("", new, stack_name)


def _delete_target(physical_id: str, properties: dict[str, Any]) -> None:
    _call("DeregisterScalableTarget", _key(properties))


def _create_policy(logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
    request = {name: value for name, value in properties.items() if name != "ScalingTargetId"}
    arn = _call("PutScalingPolicy", request | _key(properties))["PolicyARN"]
    return arn, {"Arn": arn}


def _update_policy(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str
) -> Created:
    return _create_policy("", new, stack_name)


def _delete_policy(physical_id: str, properties: dict[str, Any]) -> None:
    name = {"PolicyName": properties["PolicyName"]}
    _call("DeleteScalingPolicy", name | _key(properties))


RESOURCE_TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        _create_target, _update_target, _delete_target, replaced_by=KEYS
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        _create_policy,
        _update_policy,
        _delete_policy,
        replaced_by=(*KEYS, "PolicyName", "ScalingTargetId"),
        tagged=False,
    ),
}
