"""The operations of Application Auto Scaling, for production variants of SageMaker alone.

A policy names its alarms, but CloudWatch does not have them: `tracking` looks at the metric itself.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local_aws import scalable_targets
from local_aws.api import pages, validation
from local_aws.api.errors import ApiError, invalid, unknown_operation
from local_aws.autoscaling import tracking
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker import account
from local_aws.scalable_targets import DIMENSION, NAMESPACE, Policy, Target

SERVICE = "application-autoscaling"
METRIC = "SageMakerVariantInvocationsPerInstance"
PAGE = 50
ROLE = (
    "arn:aws:iam::{account}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
BURSTABLE = ("ml.t2.", "ml.t3.")

Request = Mapping[str, Any]


def call(scope: Scope, operation: str, request: Request) -> dict[str, Any]:
    """Check a request, do what it asks and return the answer.

    Raises:
        ApiError: The request is rejected.
    """
    if operation not in OPERATIONS:
        raise unknown_operation(operation)
    validation.check(SERVICE, operation, request)
    if request["ServiceNamespace"] != NAMESPACE:
        raise invalid(f"Service namespace {request['ServiceNamespace']} is not offered here.")
    if request.get("ScalableDimension", DIMENSION) != DIMENSION:
        raise invalid(f"Scalable dimension {request['ScalableDimension']} is not offered here.")
    return OPERATIONS[operation](scope, request)


def _register(scope: Scope, request: Request) -> dict[str, Any]:
    _check_variant(scope, request["ResourceId"])
    target = scalable_targets.find(scope, request["ResourceId"])
    bounds = {
        "MinCapacity": target and target.minimum,
        "MaxCapacity": target and target.maximum,
    } | {name: request[name] for name in ("MinCapacity", "MaxCapacity") if name in request}
    minimum, maximum = bounds["MinCapacity"], bounds["MaxCapacity"]
    if minimum is None or maximum is None:
        raise invalid("MinCapacity and MaxCapacity are required to register a scalable target.")
    if minimum < 1:
        raise invalid(f"Minimum capacity {minimum} must be at least 1 for {DIMENSION}.")
    if minimum > maximum:
        raise invalid(f"Maximum capacity {maximum} cannot be less than minimum capacity {minimum}.")
    suspended = request.get("SuspendedState", target.suspended if target else {})
    if target is None:
        target = Target(scope, request["ResourceId"], minimum, maximum, suspended)
        scalable_targets.add(target)
    with scalable_targets.lock:
        target.minimum, target.maximum, target.suspended = minimum, maximum, suspended
    return {"ScalableTargetARN": target.arn}


def _check_variant(scope: Scope, resource: str) -> None:
    parts = resource.split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("endpoint", "variant"):
        raise invalid(f"Resource ID {resource} must be endpoint/NAME/variant/NAME.")
    endpoint = account.of(scope).endpoints.get(parts[1])
    fleet = endpoint.fleets.get(parts[3]) if endpoint else None
    if fleet is None or fleet.serverless:
        raise invalid(f"There is no production variant with instances at {resource}.")
    if fleet.variant["InstanceType"].startswith(BURSTABLE):
        raise invalid(
            f"Instance type {fleet.variant['InstanceType']} is burstable and cannot be scaled."
        )


def _describe_targets(scope: Scope, request: Request) -> dict[str, Any]:
    wanted = request.get("ResourceIds")
    targets = [
        {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": target.resource_id,
            "ScalableDimension": DIMENSION,
            "MinCapacity": target.minimum,
            "MaxCapacity": target.maximum,
            "RoleARN": ROLE.format(account=scope.account),
            "CreationTime": target.created,
            "SuspendedState": {
                name: target.suspended.get(name, False)
                for name in (
                    "DynamicScalingInSuspended",
                    "DynamicScalingOutSuspended",
                    "ScheduledScalingSuspended",
                )
            },
            "ScalableTargetARN": target.arn,
        }
        for target in scalable_targets.everyone(scope)
        if not wanted or target.resource_id in wanted
    ]
    return _page("ScalableTargets", request, targets, "ResourceId")


def _deregister(scope: Scope, request: Request) -> dict[str, Any]:
    _found(scope, request)
    scalable_targets.forget(scope, request["ResourceId"])
    return {}


def _put_policy(scope: Scope, request: Request) -> dict[str, Any]:
    target = _found(scope, request)
    config = request.get("TargetTrackingScalingPolicyConfiguration", {})
    if request.get("PolicyType") != "TargetTrackingScaling" or not config:
        raise invalid("Only policies of type TargetTrackingScaling are offered here.")
    metric = config.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric != METRIC:
        raise invalid(f"Only the metric {METRIC} is offered here, got {metric}.")
    if config["TargetValue"] <= 0:
        raise invalid(f"TargetValue of {config['TargetValue']} must be greater than 0.")
    name = request["PolicyName"]
    with scalable_targets.lock:
        if old := target.policies.get(name):
            old.stopped.set()
            arn, alarms = old.arn, old.alarms
        else:
            tail = target.arn.rsplit("/", 1)[-1]
            resource = f"scalingPolicy:{tail}:resource/{NAMESPACE}/{target.resource_id}"
            arn = scope.arn(f"{resource}:policyName/{name}", "autoscaling")
            alarms = _name_alarms(target)
        policy = target.policies[name] = Policy(arn, dict(request), alarms)
    tracking.follow(target, policy)
    return {"PolicyARN": policy.arn, "Alarms": policy.alarms}


def _name_alarms(target: Target) -> list[dict[str, str]]:
    """Return two alarms as AWS names them; source: the answer in boto/boto3#2839."""
    names = [
        f"TargetTracking-{target.resource_id}-{kind}-{uuid.uuid4()}"
        for kind in ("AlarmHigh", "AlarmLow")
    ]
    return [
        {"AlarmName": name, "AlarmARN": target.scope.arn(f"alarm:{name}", "cloudwatch")}
        for name in names
    ]


def _describe_policies(scope: Scope, request: Request) -> dict[str, Any]:
    names = request.get("PolicyNames")
    policies = [
        {
            **policy.request,
            "PolicyARN": policy.arn,
            "Alarms": policy.alarms,
            "CreationTime": policy.created,
        }
        for target in _selected(scope, request)
        for policy in list(target.policies.values())
        if not names or policy.request["PolicyName"] in names
    ]
    return _page("ScalingPolicies", request, policies, "ResourceId", "PolicyName")


def _delete_policy(scope: Scope, request: Request) -> dict[str, Any]:
    target = _found(scope, request)
    with scalable_targets.lock:
        policy = target.policies.pop(request["PolicyName"], None)
    if policy is None:
        raise _missing(f"No scaling policy found for policy name: {request['PolicyName']}")
    policy.stopped.set()
    return {}


def _describe_activities(scope: Scope, request: Request) -> dict[str, Any]:
    with scalable_targets.lock:
        activities = [
            dict(activity) for target in _selected(scope, request) for activity in target.activities
        ]
    key = ("StartTime", "ActivityId")
    return _page("ScalingActivities", request, activities, *key, descending=True)


def _page(
    member: str,
    request: Request,
    items: list[dict[str, Any]],
    *key: str,
    descending: bool = False,
) -> dict[str, Any]:
    """Return the page of items that a Describe request asks for, sorted by the members `key`."""
    found, further = pages.cut(
        SERVICE,
        f"Describe{member}",
        request,
        items,
        lambda item: tuple(item[name] for name in key),
        size=PAGE,
        descending=descending,
    )
    return {member: found, **further}


def _selected(scope: Scope, request: Request) -> list[Target]:
    wanted = request.get("ResourceId")
    return [t for t in scalable_targets.everyone(scope) if wanted in (None, t.resource_id)]


def _found(scope: Scope, request: Request) -> Target:
    target = scalable_targets.find(scope, request["ResourceId"])
    if target is None:
        raise _missing(
            f"No scalable target found for service namespace: {NAMESPACE}, resource ID: "
            f"{request['ResourceId']}, scalable dimension: {DIMENSION}"
        )
    return target


def _missing(message: str) -> ApiError:
    return ApiError("ObjectNotFoundException", message)


OPERATIONS: dict[str, Callable[[Scope, Request], dict[str, Any]]] = {
    "RegisterScalableTarget": _register,
    "DescribeScalableTargets": _describe_targets,
    "DeregisterScalableTarget": _deregister,
    "PutScalingPolicy": _put_policy,
    "DescribeScalingPolicies": _describe_policies,
    "DeleteScalingPolicy": _delete_policy,
    "DescribeScalingActivities": _describe_activities,
}
