"""The CDK CLI with a foreign app: SageMaker's alpha constructs, in an environment of their own."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from .conftest import ACCOUNT, REGION, TOPICS, WORDS

PROJECT = Path(__file__).parents[2]
APP = f"{PROJECT}/.venv-alpha/bin/python {Path(__file__).with_name('cdk_app.py')}"


def cdk(folder: Path, command: str, *options: str) -> str:
    """What the CLI prints; it must succeed."""
    done = subprocess.run(
        ["cdk", command, *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def options(bucket: str) -> list[str]:
    """The app and its context, with a model of a few topics in the bucket."""
    import numpy as np

    from topics.model import archive

    alpha, beta = np.full(TOPICS, 0.1), np.full((TOPICS, WORDS), 1 / WORDS)
    file = Path(os.environ["AWS_CA_BUNDLE"]).with_name("model.tar.gz")
    archive.save(archive.Model(alpha, beta), file)
    boto3.client("s3").upload_file(str(file), bucket, "model.tar.gz")
    return ["--app", APP, "-c", f"data={bucket}", "-c", "key=model.tar.gz"]


@pytest.fixture(scope="module")
def outputs(folder: Path, options: list[str]) -> Iterator[dict[str, str]]:
    """Of the deployed stack, without the `Out` of their names."""
    cdk(folder, "bootstrap", f"aws://{ACCOUNT}/{REGION}")
    file = folder / "outputs.json"
    cdk(folder, "deploy", *options, "--require-approval", "never", "--outputs-file", str(file))
    stack = json.loads(file.read_text())["Foreign"]
    yield {name.removeprefix("Out"): value for name, value in stack.items()}
    cdk(folder, "destroy", *options, "--force")


def client(service: str, outputs: dict[str, str]) -> Any:
    """A client of `service` as the role that the app lets invoke."""
    answer = boto3.client("sts").assume_role(RoleArn=outputs["Client"], RoleSessionName="client")
    keys = answer["Credentials"]
    return boto3.client(  # type: ignore[call-overload]  # the name is a variable
        service,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_an_app_with_model_data_of_a_bucket_is_deployed(outputs: dict[str, str]) -> None:
    described = boto3.client("sagemaker").describe_endpoint(EndpointName=outputs["Endpoint"])
    assert described["EndpointStatus"] == "InService"


def test_the_models_arn_and_name_are_those_of_cloudformation(outputs: dict[str, str]) -> None:
    name = outputs["ModelName"]
    assert outputs["ModelArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{name.lower()}"
    described = boto3.client("sagemaker").describe_model(ModelName=name)
    assert described["ModelArn"] == outputs["ModelArn"]


def test_who_is_granted_to_invoke_does(outputs: dict[str, str]) -> None:
    body = ",".join(["1"] * WORDS)
    answer = client("sagemaker-runtime", outputs).invoke_endpoint(
        EndpointName=outputs["Endpoint"], ContentType="text/csv", Body=body
    )
    (prediction,) = json.load(answer["Body"])["predictions"]
    assert len(prediction["topic_mixture"]) == TOPICS


def test_the_endpoint_scales_on_invocations(outputs: dict[str, str]) -> None:
    scaling = boto3.client("application-autoscaling")
    resource = f"endpoint/{outputs['Endpoint']}/variant/variant"
    (target,) = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[resource]
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    (policy,) = scaling.describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=resource
    )["ScalingPolicies"]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 30 * 60 * 0.5  # an instance's invocations in a minute


def test_an_alarm_of_the_variant_is_there(outputs: dict[str, str]) -> None:
    alarms = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert "Invocations" in [alarm.get("MetricName") for alarm in alarms]


def test_nothing_differs_from_what_is_deployed(
    outputs: dict[str, str], folder: Path, options: list[str]
) -> None:
    assert "Number of stacks with differences: 0" in cdk(folder, "diff", *options)
    deployed = cdk(folder, "deploy", *options, "--require-approval", "never")
    assert "(no changes)" in deployed


def test_nothing_has_drifted(outputs: dict[str, str], folder: Path, options: list[str]) -> None:
    assert "No drift detected" in cdk(folder, "drift", *options)
