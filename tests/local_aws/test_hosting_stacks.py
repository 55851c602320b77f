"""Endpoints through CloudFormation."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import IMAGE, Cloud
from .hosting import broken_model, model, topics_of
from .test_training import wait_for

STACK = "Hosting"
ENDPOINT = "hosted"


def template(role: str, artifact: str, **endpoint: Any) -> str:
    """As the CDK writes it; numbers may be strings."""
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": "ml.m4.xlarge",
        "InitialInstanceCount": "2",
        "InitialVariantWeight": 1,
    }
    resources = {
        "Model": {
            "ExecutionRoleArn": role,
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": artifact},
        },
        "EndpointConfig": {"ProductionVariants": [variant]},
        "Endpoint": {
            "EndpointName": ENDPOINT,
            "EndpointConfigName": {"Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]},
            **endpoint,
        },
    }
    return json.dumps(
        {
            "Resources": {
                name: {"Type": f"AWS::SageMaker::{name}", "Properties": properties}
                for name, properties in resources.items()
            }
        }
    )


def artifact_of(cloud: Cloud, name: str) -> str:
    described = cloud.client("sagemaker").describe_model(ModelName=name)
    return str(described["PrimaryContainer"]["ModelDataUrl"])


def ended(cloud: Cloud) -> str:
    """The stack's status when nothing changes any more."""

    def status() -> str | None:
        (stack,) = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        found = str(stack["StackStatus"])
        return None if found.endswith("IN_PROGRESS") else found

    return str(wait_for(status))


def failures(cloud: Cloud) -> list[str]:
    events = cloud.client("cloudformation").describe_stack_events(StackName=STACK)
    return [
        event["ResourceStatusReason"]
        for event in events["StackEvents"]
        if event["ResourceStatus"] in ("CREATE_FAILED", "UPDATE_FAILED")
    ]


@pytest.fixture
def stack(cloud: Cloud, role: str, bucket: str) -> Iterator[str]:
    """A stack whose endpoint answers with three topics."""
    artifact = artifact_of(cloud, model(cloud, role, bucket, 3))
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName=STACK, TemplateBody=template(role, artifact))
    assert ended(cloud) == "CREATE_COMPLETE", failures(cloud)
    yield STACK
    cloudformation.delete_stack(StackName=STACK)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=STACK, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="Could not find endpoint"):
        cloud.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)


def updated(cloud: Cloud, body: str) -> str:
    cloud.client("cloudformation").update_stack(StackName=STACK, TemplateBody=body)
    return ended(cloud)


CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": "1"},
            "WaitIntervalInSeconds": "0",
        }
    }
}


def test_a_stack_updates_its_endpoint_in_place_by_its_deployment_configuration(
    cloud: Cloud, role: str, bucket: str, stack: str
) -> None:
    new = artifact_of(cloud, model(cloud, role, bucket, 2))
    body = template(role, new, DeploymentConfig=CANARY, RetainAllVariantProperties="true")
    assert updated(cloud, body) == "UPDATE_COMPLETE", failures(cloud)
    described = cloud.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    routing = described["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert routing["TrafficRoutingConfiguration"]["CanarySize"]["Value"] == 1
    assert topics_of(cloud, ENDPOINT)() == 2


def test_an_endpoint_that_went_back_fails_the_stack_with_its_reason(
    cloud: Cloud, role: str, bucket: str, stack: str
) -> None:
    broken = artifact_of(cloud, broken_model(cloud, role, bucket))
    assert updated(cloud, template(role, broken)) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Failed to download model data" in reason for reason in failures(cloud))
    assert topics_of(cloud, ENDPOINT)() == 3


def test_a_silent_rollback_is_for_others_to_notice(
    cloud: Cloud, role: str, bucket: str, stack: str, arm: Callable[..., None]
) -> None:
    """The fault by which a gate can be tried: the stack is done, and the endpoint has not moved."""
    sagemaker = cloud.client("sagemaker")
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    broken = artifact_of(cloud, broken_model(cloud, role, bucket))
    arm("endpoint.silent-rollback")
    assert updated(cloud, template(role, broken)) == "UPDATE_COMPLETE"
    described = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert described["EndpointConfigName"] == before
    assert topics_of(cloud, ENDPOINT)() == 3


def test_a_template_that_the_api_would_refuse_is_refused(
    cloud: Cloud, role: str, bucket: str, stack: str
) -> None:
    new = artifact_of(cloud, model(cloud, role, bucket, 2))
    body = template(role, new, DeploymentConfig={"BlueGreenUpdatePolicy": {}})
    assert updated(cloud, body) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("trafficRoutingConfiguration" in reason for reason in failures(cloud))
