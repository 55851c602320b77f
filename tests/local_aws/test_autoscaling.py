"""Application Auto Scaling of an endpoint's instances."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.load import constant
from tests.support.waiting import wait_for

from .conftest import Cloud, allow
from .hosting import configuration, deleted, in_service, model, topics_of, updated
from .test_hosting import settled
from .test_updates import counts

KEY = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
STACK = "Scaled"


def key(endpoint: str) -> dict[str, str]:
    return KEY | {"ResourceId": f"endpoint/{endpoint}/variant/AllTraffic"}


def selected(endpoint: str) -> dict[str, Any]:
    return {"ServiceNamespace": "sagemaker", "ResourceIds": [key(endpoint)["ResourceId"]]}


def tracking(target: float, **more: Any) -> dict[str, Any]:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {
        "PolicyName": "follow",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": target,
            "PredefinedMetricSpecification": metric,
            **more,
        },
    }


@pytest.fixture(scope="module")
def shared(cloud: Cloud, role: str, bucket: str) -> Iterator[str]:
    name = in_service(cloud, configuration(cloud, model(cloud, role, bucket, 3)))
    yield name
    deleted(cloud, name)


@pytest.fixture
def endpoint(cloud: Cloud, shared: str) -> Iterator[str]:
    """An endpoint with one instance, which nothing scales before and after the test."""
    yield shared
    scaling = cloud.client("application-autoscaling")
    if scaling.describe_scalable_targets(**selected(shared))["ScalableTargets"]:
        scaling.deregister_scalable_target(**key(shared))
    settled(cloud, shared)


def instances(cloud: Cloud, endpoint: str) -> tuple[int, int]:
    return counts(cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint))


def test_the_instances_follow_the_invocations_out_and_in_again(cloud: Cloud, endpoint: str) -> None:
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**key(endpoint), MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(**key(endpoint), **tracking(30, ScaleInCooldown=0))
    with constant(topics_of(cloud, endpoint), per_second=10) as load:
        wait_for(lambda: instances(cloud, endpoint) == (2, 2))
    assert len(load.seen()) == 1, "scaling has cost an answer"
    wait_for(lambda: instances(cloud, endpoint) == (1, 1))

    def activities() -> list[tuple[str, str]]:
        described = scaling.describe_scaling_activities(**key(endpoint))["ScalingActivities"]
        return [(activity["StatusCode"], activity["Description"]) for activity in described]

    wait_for(lambda: all(status != "InProgress" for status, _ in activities()))
    assert activities() == [
        ("Successful", "Setting desired instance count to 1."),
        ("Successful", "Setting desired instance count to 2."),
    ]


def test_a_policy_is_described_and_goes_with_its_target(cloud: Cloud, endpoint: str) -> None:
    scaling = cloud.client("application-autoscaling")
    with pytest.raises(ClientError, match="No scalable target found"):
        scaling.put_scaling_policy(**key(endpoint), **tracking(70))
    scaling.register_scalable_target(**key(endpoint), MinCapacity=1, MaxCapacity=4)
    put = scaling.put_scaling_policy(**key(endpoint), **tracking(70))
    high, low = (alarm["AlarmName"] for alarm in put["Alarms"])
    assert high.startswith(f"TargetTracking-{key(endpoint)['ResourceId']}-AlarmHigh-")
    assert low.startswith(f"TargetTracking-{key(endpoint)['ResourceId']}-AlarmLow-")
    assert put["Alarms"][0]["AlarmARN"].endswith(f":alarm:{high}")
    (policy,) = scaling.describe_scaling_policies(**key(endpoint))["ScalingPolicies"]
    assert (policy["PolicyARN"], policy["PolicyName"]) == (put["PolicyARN"], "follow")
    assert policy["Alarms"] == put["Alarms"]
    again = scaling.put_scaling_policy(**key(endpoint), **tracking(60))
    assert again["Alarms"] == put["Alarms"]
    scaling.register_scalable_target(**key(endpoint), MaxCapacity=3)
    (target,) = scaling.describe_scalable_targets(**selected(endpoint))["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    assert target["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    scaling.deregister_scalable_target(**key(endpoint))
    assert scaling.describe_scaling_policies(**key(endpoint))["ScalingPolicies"] == []


def test_what_can_not_be_scaled_is_refused(
    cloud: Cloud, role: str, bucket: str, endpoint: str
) -> None:
    burstable = configuration(cloud, model(cloud, role, bucket, 3), InstanceType="ml.t2.medium")
    small = in_service(cloud, burstable)
    scaling = cloud.client("application-autoscaling")
    for resource, minimum, maximum, reason in (
        (endpoint, 0, 1, "Minimum capacity 0 must be at least 1"),
        (endpoint, 3, 2, "Maximum capacity 2 cannot be less than minimum capacity 3"),
        (small, 1, 2, "ml.t2.medium is burstable"),
        ("nowhere", 1, 2, "There is no production variant with instances at endpoint/nowhere"),
    ):
        with pytest.raises(ClientError, match=reason):
            scaling.register_scalable_target(
                **key(resource), MinCapacity=minimum, MaxCapacity=maximum
            )
    with pytest.raises(ClientError, match="ecs is not offered here"):
        scaling.describe_scalable_targets(ServiceNamespace="ecs")
    deleted(cloud, small)


def test_the_instance_type_of_what_is_scaled_stays_until_it_is_deregistered(
    cloud: Cloud, role: str, bucket: str, endpoint: str
) -> None:
    name = model(cloud, role, bucket, 2)
    larger = configuration(cloud, name, InstanceType="ml.m4.2xlarge")
    same = configuration(cloud, name)
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**key(endpoint), MinCapacity=1, MaxCapacity=2)
    with pytest.raises(ClientError, match=r'"AllTraffic".* must be deregistered as scalable'):
        updated(cloud, endpoint, larger)
    assert updated(cloud, endpoint, same)["EndpointConfigName"] == same
    scaling.deregister_scalable_target(**key(endpoint))
    assert updated(cloud, endpoint, larger)["EndpointConfigName"] == larger


def test_a_caller_needs_the_permission_for_scalable_targets(cloud: Cloud, endpoint: str) -> None:
    arn = "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/*"
    register = allow("application-autoscaling:RegisterScalableTarget", resource=arn)
    for name, allowed in (("Idle", False), ("Scaler", True)):
        role = cloud.make_role(name, *([register] if allowed else [allow("sagemaker:*")]))
        scaling = cloud.client("application-autoscaling", cloud.assume(role))
        request = key(endpoint) | {"MinCapacity": 1, "MaxCapacity": 2}
        if allowed:
            assert scaling.register_scalable_target(**request)["ScalableTargetARN"]
            continue
        with pytest.raises(ClientError, match="application-autoscaling:RegisterScalableTarget"):
            scaling.register_scalable_target(**request)


def test_who_deletes_what_is_scaled_must_be_allowed_to_deregister_it(
    cloud: Cloud, role: str, bucket: str
) -> None:
    endpoint = in_service(cloud, configuration(cloud, model(cloud, role, bucket, 3)))
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**key(endpoint), MinCapacity=1, MaxCapacity=2)
    deleting = allow("sagemaker:DeleteEndpoint")
    deregistering = allow("application-autoscaling:DeregisterScalableTarget")
    half = cloud.client("sagemaker", cloud.assume(cloud.make_role("Half", deleting)))
    whole = cloud.client(
        "sagemaker", cloud.assume(cloud.make_role("Whole", deleting, deregistering))
    )
    with pytest.raises(ClientError, match="does not have application-autoscaling:Deregister"):
        half.delete_endpoint(EndpointName=endpoint)
    whole.delete_endpoint(EndpointName=endpoint)
    left = scaling.describe_scalable_targets(**selected(endpoint))
    assert left["ScalableTargets"] == []


def template(endpoint: str, maximum: str, target: int) -> str:
    """As the CDK writes it: the policy names its target by reference."""
    return json.dumps(
        {
            "Resources": {
                "Target": {
                    "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                    "Properties": key(endpoint)
                    | {
                        "MinCapacity": "1",
                        "MaxCapacity": maximum,
                        "Tags": [{"Key": "project", "Value": "topics"}],
                    },
                },
                "Policy": {
                    "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
                    "Properties": tracking(target) | {"ScalingTargetId": {"Ref": "Target"}},
                },
            },
            "Outputs": {"Target": {"Value": {"Ref": "Target"}}},
        }
    )


def test_a_stack_registers_changes_and_deregisters(cloud: Cloud, endpoint: str) -> None:
    cloudformation = cloud.client("cloudformation")
    scaling = cloud.client("application-autoscaling")

    def described() -> tuple[int, float]:
        (target,) = scaling.describe_scalable_targets(**selected(endpoint))["ScalableTargets"]
        (policy,) = scaling.describe_scaling_policies(**key(endpoint))["ScalingPolicies"]
        config = policy["TargetTrackingScalingPolicyConfiguration"]
        return target["MaxCapacity"], config["TargetValue"]

    cloudformation.create_stack(StackName=STACK, TemplateBody=template(endpoint, "3", 70))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1}
    )
    assert described() == (3, 70)
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    resource, dimension = key(endpoint)["ResourceId"], KEY["ScalableDimension"]
    assert stack["Outputs"][0]["OutputValue"] == f"{resource}|{dimension}|sagemaker"

    cloudformation.update_stack(StackName=STACK, TemplateBody=template(endpoint, "4", 50))
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1}
    )
    assert described() == (4, 50)

    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1}
    )
    left = scaling.describe_scalable_targets(**selected(endpoint))
    assert left["ScalableTargets"] == []
