"""What the endpoint's settings do, on an embedded AWS with the real CDK CLI."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import FULL_ENDPOINT, ONCE, Cloud, client_of, context, run, topics_of
from tests.support.load import constant
from tests.support.templates import change


def parameters(cloud: Cloud, path: str) -> dict[str, str]:
    """The parameters below a path, by their names there."""
    found = cloud.client("ssm").get_parameters_by_path(Path=path)["Parameters"]
    return {parameter["Name"].removeprefix(path): parameter["Value"] for parameter in found}


def stack_status(cloud: Cloud, name: str) -> str:
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return str(stack["StackStatus"])


def hosted(cloud: Cloud) -> dict[str, list[str]]:
    """Names of all models, configurations and endpoints."""
    sagemaker = cloud.client("sagemaker")
    return {
        "models": [m["ModelName"] for m in sagemaker.list_models()["Models"]],
        "configurations": [
            c["EndpointConfigName"] for c in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        ],
        "endpoints": [e["EndpointName"] for e in sagemaker.list_endpoints()["Endpoints"]],
    }


@contextmanager
def user(cloud: Cloud, policy: str) -> Iterator[dict[str, str]]:
    """The environment of a user that has a policy and nothing else."""
    iam = cloud.client("iam")
    iam.create_user(UserName="reader")
    iam.attach_user_policy(UserName="reader", PolicyArn=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    yield cloud.environment | {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
    iam.detach_user_policy(UserName="reader", PolicyArn=policy)
    iam.delete_user(UserName="reader")


def mixtures(cloud: Cloud, environment: dict[str, str], *arguments: str) -> list[Any]:
    """The mixtures that a command of `topics` writes."""
    out = cloud.out / "mixtures.jsonl"
    command = [sys.executable, "-m", "topics", *arguments, "--out", str(out)]
    done = run(*command, environment=environment)
    assert done.returncode == 0, done.stdout
    return [json.loads(line)["topic_mixture"] for line in out.read_text().splitlines()]


def transformed(cloud: Cloud, environment: dict[str, str], documents: str) -> list[Any]:
    """The mixtures of documents by a transform job, which must leave no object."""
    arguments = ["transform", "--env", "sleeper/dev", documents, "--instances", "2"]
    found = mixtures(cloud, environment, *arguments)
    (bucket,) = cloud.client("s3").list_buckets(Prefix="sleeper-dev-storage")["Buckets"]
    listed = cloud.client("s3").list_objects_v2(Bucket=bucket["Name"])["Contents"]
    kinds = {entry["Key"].split("/")[2] for entry in listed}
    assert not kinds & {"batches", "predictions"}
    return found


def denied(call: Any, **request: Any) -> bool:
    """Whether AWS denies a call."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return bool(caught.value.response["Error"]["Code"] == "AccessDeniedException")


@pytest.mark.e2e
def test_an_endpoint_sleeps_and_wakes_and_lets_in_whom_its_policy_names(
    cloud: Cloud, corpus: Path
) -> None:
    options = ["-c", f"prepared={corpus}", "-c", "project=sleeper", "-c", "model.num_topics=5"]
    outputs = cloud.deployed(*options)
    awake, jobs = hosted(cloud), cloud.job_names()
    assert awake["endpoints"] == ["sleeper-dev"]
    told = {
        "endpoint-name": "sleeper-dev",
        "model-name": awake["models"][0],
        "model-artifact": outputs["ModelArtifact"],
        "fingerprint": outputs["Fingerprint"],
    }
    assert parameters(cloud, "/sleeper/dev/") == told
    with user(cloud, outputs["InvokePolicyArn"]) as environment:
        runtime = client_of(environment, "sagemaker-runtime")
        sagemaker = client_of(environment, "sagemaker")
        assert topics_of(runtime, "sleeper-dev", corpus)() == 5
        other = {"EndpointName": "sleeper-prod", "ContentType": "text/csv", "Body": b""}
        assert denied(runtime.invoke_endpoint, **other)
        assert denied(sagemaker.describe_endpoint, EndpointName="sleeper-dev")
        assert denied(sagemaker.delete_endpoint, EndpointName="sleeper-dev")
    test = f"{corpus}/test.recordio"
    expected = mixtures(cloud, cloud.environment, "predict", "--endpoint", "sleeper-dev", test)
    with user(cloud, outputs["TransformPolicyArn"]) as environment:
        found = transformed(cloud, environment, test)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)

    asleep = cloud.deployed(*options, "-c", "endpoint.enabled=false")
    assert hosted(cloud) == awake | {"endpoints": []}
    assert parameters(cloud, "/sleeper/dev/") == told
    assert asleep["ModelArtifact"] == outputs["ModelArtifact"]
    with user(cloud, asleep["TransformPolicyArn"]) as environment:
        assert transformed(cloud, environment, test) == found
        assert not_with_another_model(cloud, environment, awake["models"][0])
    stored = f"s3://{staged(cloud, corpus)}"
    assert transformed(cloud, cloud.environment, stored) == found, "in place, it is another"

    assert cloud.deployed(*options) == outputs
    assert hosted(cloud) == awake
    assert cloud.job_names() == jobs, "waking up has trained"
    assert topics_of(cloud.client("sagemaker-runtime"), "sleeper-dev", corpus)() == 5
    cloud.destroyed(*options)


def not_with_another_model(cloud: Cloud, environment: dict[str, str], model: str) -> bool:
    """Whether a user may not start a job with a copy of a model, only with the model."""
    sagemaker, bucket = cloud.client("sagemaker"), {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}
    described = sagemaker.describe_model(ModelName=model)
    members = ("PrimaryContainer", "ExecutionRoleArn")
    sagemaker.create_model(ModelName="another", **{name: described[name] for name in members})
    try:
        return denied(
            client_of(environment, "sagemaker").create_transform_job,
            TransformJobName="sleeper-dev-01234567",
            ModelName="another",
            TransformInput={"DataSource": {"S3DataSource": bucket}},
            TransformOutput={"S3OutputPath": "s3://b/k"},
            TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
        )
    finally:
        sagemaker.delete_model(ModelName="another")


def staged(cloud: Cloud, corpus: Path) -> str:
    """Bucket and key of the held-out documents that the deployment has put in S3."""
    digest = json.loads((corpus / "manifest.json").read_text())["test"]["sha256"]
    (bucket,) = cloud.client("s3").list_buckets(Prefix="sleeper-dev-storage")["Buckets"]
    listed = cloud.client("s3").list_objects_v2(Bucket=bucket["Name"])["Contents"]
    (key,) = (entry["Key"] for entry in listed if f"data/{digest}/" in entry["Key"])
    return f"{bucket['Name']}/{key}"


def expecting(topics: int) -> Any:
    """Let the gate expect another number of topics than the model has."""

    def edit(resources: dict[str, Any]) -> None:
        (gate,) = [r for r in resources.values() if r["Type"] == "Custom::EndpointGate"]
        gate["Properties"]["Topics"] = topics

    return edit


@pytest.mark.serving
def test_a_model_that_does_not_pass_its_gate_is_rolled_back(cloud: Cloud, corpus: Path) -> None:
    options = ["-c", f"prepared={corpus}", "-c", "project=gated"]
    outputs = cloud.deployed(*options, "-c", "model.num_topics=5")
    before = hosted(cloud)

    assembly = cloud.out / "assembly"
    synth = ["cdk", "synth", "-q", "-o", str(assembly), *options, "-c", "model.num_topics=3"]
    assert run(*synth, environment=cloud.environment).returncode == 0
    change(assembly, "gated-dev-serving", expecting(4))
    done = cloud.deploy("--app", str(assembly))
    assert done.returncode == 1
    assert "The endpoint gated-dev did not pass its gate" in done.stdout, done.stdout
    assert "its answer to golden document 1 has 3 numbers; the model has 4 topics" in done.stdout
    assert stack_status(cloud, "gated-dev-serving") == "UPDATE_ROLLBACK_COMPLETE"
    assert hosted(cloud) == before
    assert topics_of(cloud.client("sagemaker-runtime"), "gated-dev", corpus)() == 5
    assert parameters(cloud, "/gated/dev/")["fingerprint"] == outputs["Fingerprint"]

    three = cloud.deployed(*options, "-c", "model.num_topics=3")
    assert topics_of(cloud.client("sagemaker-runtime"), "gated-dev", corpus)() == 3
    assert parameters(cloud, "/gated/dev/")["fingerprint"] == three["Fingerprint"]
    cloud.destroyed(*options)


@pytest.mark.serving
def test_a_created_key_encrypts_what_is_stored_and_all_that_work_with_it_may(
    cloud: Cloud, corpus: Path
) -> None:
    options = ["-c", f"prepared={corpus}", "-c", "project=keyed", "-c", "model.num_topics=5"]
    options += ["-c", "encryption_key=create", "-c", "notices=me@example.com"]
    outputs = cloud.deployed(*options)
    s3 = cloud.client("s3")
    for entry in s3.list_objects_v2(Bucket=outputs["BucketName"])["Contents"]:
        head = s3.head_object(Bucket=outputs["BucketName"], Key=entry["Key"])
        assert head["ServerSideEncryption"] == "aws:kms", entry["Key"]
    sagemaker = cloud.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName="keyed-dev")["EndpointConfigName"]
    key = sagemaker.describe_endpoint_config(EndpointConfigName=config)["KmsKeyId"]
    described = cloud.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert described["Description"] == "Data, models, logs and notices of the topic model"
    assert topics_of(cloud.client("sagemaker-runtime"), "keyed-dev", corpus)() == 5
    cloud.destroyed(*options)


@pytest.mark.serving
def test_instances_scale_requests_are_kept_and_bad_updates_are_turned_back(
    cloud: Cloud, corpus: Path
) -> None:
    options = context({"prepared": str(corpus), "project": "full"} | FULL_ENDPOINT)
    outputs = cloud.deployed(*options, "-c", "model.num_topics=5")
    (target,) = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )["ScalableTargets"]
    assert target["ResourceId"] == "endpoint/full-dev/variant/AllTraffic"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 3)

    ask = topics_of(cloud.client("sagemaker-runtime", ONCE), "full-dev", corpus)
    with (
        cloud.armed("invoke.model-error", "--times", "100000"),
        constant(ask, per_second=50),
    ):
        done = cloud.deploy(*options, "-c", "model.num_topics=3")
    assert done.returncode == 1
    assert re.search(r"alarm full-dev-serving-NewServerErrors\S* is in ALARM", done.stdout), (
        done.stdout
    )
    assert ask() == 5

    with cloud.armed("endpoint.no-ping"), cloud.armed("endpoint.silent-rollback"):
        done = cloud.deploy(*options, "-c", "model.num_topics=3")
    assert done.returncode == 1
    assert "did not pass its gate: it runs " in done.stdout, done.stdout
    assert "SageMaker has rolled the update back" in done.stdout
    assert ask() == 5
    assert parameters(cloud, "/full/dev/")["fingerprint"] == outputs["Fingerprint"]

    cloud.deployed(*options, "-c", "model.num_topics=3")
    assert ask() == 3
    bucket = outputs["BucketName"]
    found = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="sagemaker/lda-model/capture/")
    assert found["KeyCount"] > 0
    cloud.destroyed(*options)


@pytest.mark.serving
def test_a_serverless_endpoint_passes_its_gate_and_answers(cloud: Cloud, corpus: Path) -> None:
    options = ["-c", f"prepared={corpus}", "-c", "project=less", "-c", "model.num_topics=5"]
    options += ["-c", "serverless.memory_mb=2048"]
    cloud.deployed(*options)
    described = cloud.client("sagemaker").describe_endpoint(EndpointName="less-dev")
    (variant,) = described["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert topics_of(cloud.client("sagemaker-runtime"), "less-dev", corpus)() == 5
    cloud.destroyed(*options)
