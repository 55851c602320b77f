"""Endpoints through CloudFormation."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import wait_for

from .conftest import IMAGE, Cloud
from .hosting import broken_model, model, topics_of

STACK = "Hosting"
ENDPOINT = "hosted"


def url(artifact: str) -> dict[str, Any]:
    """The address of an object as the CDK's constructs for models write it."""
    parts = ["https://s3.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]
    return {"Fn::Join": ["", [*parts, artifact.removeprefix("s3:/")]]}


def template(role: str, artifact: str | dict[str, Any], **endpoint: Any) -> str:
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


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (
            lambda resources: resources["EndpointConfig"]["Properties"]["ProductionVariants"][
                0
            ].update(ModelName={"Ref": "Model"}),
            "modelName' failed to satisfy constraint",  # the Ref of a model is its ARN
        ),
        (
            lambda resources: resources["Model"]["Properties"].update(
                Containers=[resources["Model"]["Properties"].pop("PrimaryContainer")] * 2
            ),
            "2 containers: inference pipelines are not offered here",
        ),
        (
            lambda resources: resources["Endpoint"]["Properties"].pop("EndpointConfigName"),
            "'endpointConfigName' failed to satisfy constraint: Member must not be null",
        ),
    ],
)
def test_a_template_that_fails_on_aws_fails_with_the_reason(
    cloud: Cloud, role: str, bucket: str, edit: Callable[[Any], None], reason: str
) -> None:
    body = json.loads(template(role, artifact_of(cloud, model(cloud, role, bucket, 1))))
    edit(body["Resources"])
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(body))
    assert ended(cloud) == "ROLLBACK_COMPLETE"
    assert any(reason in found for found in failures(cloud)), failures(cloud)
    cloudformation.delete_stack(StackName=STACK)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=STACK, WaiterConfig={"Delay": 1})


def test_a_stack_moves_its_endpoint_or_fails_with_the_reason(
    cloud: Cloud, role: str, bucket: str, arm: Callable[..., None]
) -> None:
    three, two = (artifact_of(cloud, model(cloud, role, bucket, topics)) for topics in (3, 2))
    broken = artifact_of(cloud, broken_model(cloud, role, bucket))
    cloudformation, sagemaker = cloud.client("cloudformation"), cloud.client("sagemaker")
    ask = topics_of(cloud, ENDPOINT)
    cloudformation.create_stack(StackName=STACK, TemplateBody=template(role, url(three)))
    assert ended(cloud) == "CREATE_COMPLETE", failures(cloud)
    described = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="Model")
    arn = described["StackResourceDetail"]["PhysicalResourceId"]
    assert arn.startswith("arn:aws:sagemaker:us-east-1:000000000000:model/")

    assert updated(cloud, template(role, broken)) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Failed to download model data" in reason for reason in failures(cloud))
    refused = template(role, two, DeploymentConfig={"BlueGreenUpdatePolicy": {}})
    assert updated(cloud, refused) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("trafficRoutingConfiguration" in reason for reason in failures(cloud))
    assert ask() == 3

    body = template(role, two, DeploymentConfig=CANARY, RetainAllVariantProperties="true")
    assert updated(cloud, body) == "UPDATE_COMPLETE", failures(cloud)
    described = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    routing = described["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert routing["TrafficRoutingConfiguration"]["CanarySize"]["Value"] == 1
    assert ask() == 2

    arm("endpoint.silent-rollback")  # by which a gate can be tried
    assert updated(cloud, template(role, broken)) == "UPDATE_COMPLETE"
    silent = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert silent["EndpointConfigName"] == described["EndpointConfigName"]
    assert ask() == 2

    cloudformation.delete_stack(StackName=STACK)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=STACK, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName=ENDPOINT)
