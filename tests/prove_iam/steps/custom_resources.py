"""The CDK's functions: the providers of custom resources, and the one that empties the bucket."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.support.waiting import wait_for

from ..stage import PROJECT, Stage, instance_arn
from .function_logs import log
from .step import Step

EMPTYING = "CustomS3AutoDeleteObjectsCustomResourceProviderHandler"


def through_provider(
    stage: Stage, provider: str, properties: dict[str, Any], deletion: str = "Delete"
) -> None:
    """Make a custom resource of a stack of its own, and delete the stack."""
    function = stage.resources[provider]
    arn = instance_arn("lambda", f"function:{function}")
    template = {
        "Resources": {
            "Resource": {
                "Type": "Custom::Proof",
                "DeletionPolicy": deletion,
                "Properties": {"ServiceToken": arn, "ServiceTimeout": 60, **properties},
            }
        }
    }
    cloudformation, name = stage.at_hand("cloudformation"), f"{PROJECT}-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    try:
        wait_for(lambda: settled(stage, name), "the custom resource does not answer", 90)
        failed = failures(stage, name)
        assert not failed, failed[0]
    finally:
        delete_stack(stage, name)


def settled(stage: Stage, stack: str) -> str | None:
    """The status of a stack that nothing happens to any more."""
    try:
        (found,) = stage.at_hand("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError:  # as AWS answers when a stack is gone
        return "DELETE_COMPLETE"
    status = str(found["StackStatus"])
    return None if status.endswith("IN_PROGRESS") else status


def delete_stack(stage: Stage, name: str) -> None:
    """Delete a stack, and forget its resource if that can't be: a permission is missing."""
    cloudformation = stage.at_hand("cloudformation")
    cloudformation.delete_stack(StackName=name)
    status = wait_for(lambda: settled(stage, name), "the stack is not deleted", 90)
    if status == "DELETE_FAILED":
        cloudformation.delete_stack(StackName=name, RetainResources=["Resource"])
        wait_for(lambda: settled(stage, name) != status, "the stack is not deleted")


def failures(stage: Stage, stack: str) -> list[str]:
    found = stage.at_hand("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        event["ResourceStatusReason"]
        for event in found
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
    ]


def calling(provider: str, properties: Callable[[Stage], dict[str, Any]]) -> Step:
    """Let the CDK's provider call our function, once: a foreign stack's end is not its matter."""

    def take(stage: Stage) -> None:
        through_provider(stage, provider, properties(stage), deletion="Retain")

    return Step("call the function of a custom resource", take)


def nothing_to_start(stage: Stage) -> dict[str, Any]:
    """With another wait than its own, the function has nothing to do."""
    return stage.training_properties() | {"Wait": "another"}


def a_model_to_check(stage: Stage) -> dict[str, Any]:
    stage.put("models")
    return stage.gate_properties()


def empty_the_bucket(stage: Stage) -> None:
    """Delete a resource as the bucket's stack does; writes are refused from then on."""
    stage.put("data")
    s3 = stage.at_hand("s3")
    policy = s3.get_bucket_policy(Bucket=stage.bucket)["Policy"]
    before = policy.count('"s3:PutObject"')
    try:
        through_provider(stage, EMPTYING, {"BucketName": stage.bucket})
        left = s3.list_object_versions(Bucket=stage.bucket)
        assert not left.get("Versions"), "the bucket is not empty"
        after = s3.get_bucket_policy(Bucket=stage.bucket)["Policy"]
        assert after.count('"s3:PutObject"') == before + 1, "it can still be written to"
    finally:
        s3.put_bucket_policy(Bucket=stage.bucket, Policy=policy)


STEPS = {
    "TrainingJobProviderRole": [
        calling("TrainingJobProviderframeworkonEvent", nothing_to_start),
        log("TrainingJobProviderframeworkonEvent"),
    ],
    "GateProviderRole": [
        calling("GateProviderframeworkonEvent", a_model_to_check),
        log("GateProviderframeworkonEvent"),
    ],
    "CustomS3AutoDeleteObjectsCustomResourceProviderRole": [
        Step("empty the bucket", empty_the_bucket),
        log(EMPTYING),
    ],
}
