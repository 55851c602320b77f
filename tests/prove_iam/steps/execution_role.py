"""The role that SageMaker acts as."""

import uuid
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from tests.support.waiting import wait_for

from ..stage import PROJECT, Stage
from .step import Step
from .updates import configuration, update
from .users import ask, document


def train(stage: Stage) -> None:
    """An account's first job: its log group is not there yet."""
    stage.put("data")
    group = "/aws/sagemaker/TrainingJobs"
    with suppress(ClientError):
        stage.at_hand("logs").delete_log_group(logGroupName=group)
    job = stage.train(f"{PROJECT}-train")
    status = stage.ended(job)
    described = stage.at_hand("sagemaker").describe_training_job(TrainingJobName=job)
    assert status == "Completed", described.get("FailureReason")
    key = described["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]
    head = stage.at_hand("s3").head_object(Bucket=stage.bucket, Key=key)
    assert head.get("SSEKMSKeyId") == stage.key, "the model is not encrypted with the key"
    assert_has_events(stage, group, "the job has no log")
    measured = stage.at_hand("cloudwatch").list_metrics(
        Namespace=group, Dimensions=[{"Name": "TrainingJobName", "Value": job}]
    )
    assert measured["Metrics"], "the job has no metric"


def leave_no_interface(stage: Stage) -> None:
    """What stays has the security group, which a stack could then not delete."""
    stage.put("data")
    before = stage.interfaces()
    stage.ended(stage.train(f"{PROJECT}-train", "training.fail"))
    try:
        wait_for(lambda: stage.interfaces() <= before, "SageMaker's interfaces stay", 10)
    finally:
        stage.remove_interfaces(stage.interfaces() - before)


def assert_has_events(stage: Stage, group: str, otherwise: str) -> None:
    def events() -> Any:
        with suppress(ClientError):
            return stage.at_hand("logs").filter_log_events(logGroupName=group)["events"]
        return None

    stage.expect(events, otherwise)


def host(stage: Stage) -> None:
    """An endpoint of its own comes into service, answers, captures, is updated, and has logged."""
    stage.put("models")
    sagemaker, name = stage.at_hand("sagemaker"), f"{PROJECT}-host-{uuid.uuid4().hex[:8]}"
    group = f"/aws/sagemaker/Endpoints/{name}"
    stage.at_hand("logs").create_log_group(logGroupName=group)  # as the serving stack does
    sagemaker.create_endpoint(
        EndpointName=name, EndpointConfigName=configuration(stage, InitialInstanceCount=1)
    )
    try:
        stage.in_service(name)
        ask(stage.at_hand("sagemaker-runtime"), name)
        captured = f"capture/{name}/"
        stage.expect(lambda: found_below(stage, captured), "nothing is captured")
        wanted = update(stage, name, stage.resources["ServerErrors"])
        now = stage.in_service(name)
        assert now["EndpointConfigName"] == wanted, now.get("FailureReason")
        assert_has_events(stage, group, "the endpoint has no log")
    finally:
        with suppress(AssertionError):
            stage.in_service(name)
        sagemaker.delete_endpoint(EndpointName=name)


def transform_with_the_model(stage: Stage) -> None:
    """An account's first transform job: its log group is not there yet."""
    stage.put("models")
    group = "/aws/sagemaker/TransformJobs"
    with suppress(ClientError):
        stage.at_hand("logs").delete_log_group(logGroupName=group)
    s3, prefix = stage.at_hand("s3"), stage.keys("models")[0].partition("models/")[0]
    name = f"{PROJECT}-transform-{uuid.uuid4().hex[:8]}"
    (variant,) = stage.configuration["ProductionVariants"]
    try:
        s3.put_object(
            Bucket=stage.bucket,
            Key=f"{prefix}batches/{name}/x",
            Body=document(),
            **stage.encryption,
        )
        job = stage.transform(name, variant["ModelName"], f"s3://{stage.bucket}/{prefix}")
        assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
        head = s3.head_object(Bucket=stage.bucket, Key=f"{prefix}predictions/{name}/x.out")
        assert head.get("SSEKMSKeyId") == stage.key, "the output is not encrypted with the key"
        assert_has_events(stage, group, "the job has no log")
    finally:
        stage.end_transforms()


def found_below(stage: Stage, part: str) -> list[str]:
    prefix = stage.keys("models")[0].partition("models/")[0]
    found = stage.at_hand("s3").list_objects_v2(Bucket=stage.bucket, Prefix=f"{prefix}{part}")
    return [entry["Key"] for entry in found.get("Contents", [])]


def make_a_model(stage: Stage) -> None:
    """Whoever deploys makes it, and SageMaker looks whether the role can read the artifact."""
    stage.put("models")
    sagemaker, name = stage.at_hand("sagemaker"), f"{PROJECT}-{uuid.uuid4().hex[:8]}"
    (variant,) = stage.configuration["ProductionVariants"]
    deployed = sagemaker.describe_model(ModelName=variant["ModelName"])
    members = ("PrimaryContainer", "ExecutionRoleArn", "EnableNetworkIsolation", "VpcConfig")
    sagemaker.create_model(
        ModelName=name, **{key: value for key, value in deployed.items() if key in members}
    )
    sagemaker.delete_model(ModelName=name)


STEPS = {
    "ExecutionRole": [
        Step("leave no interface in the VPC", leave_no_interface),
        Step("train", train),
        Step("make a model", make_a_model),
        Step("transform", transform_with_the_model),
        Step("serve, capture and update", host),
    ],
}
