"""`python -m operations models` on an embedded AWS: what is listed, and what is never deleted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations import __main__ as operations
from operations.models import command
from tests.support.waiting import wait_for

from .conftest import IMAGE, Cloud, allow

PREFIX = "sagemaker/lda-model"
OLD, STACKED, MODELLED, SERVED, NEW = (digit * 64 for digit in "abcde")
DATA = {OLD: "1" * 64, STACKED: "2" * 64, MODELLED: "3" * 64, SERVED: "3" * 64, NEW: "4" * 64}


@pytest.fixture(autouse=True)
def caller(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cdk.json").write_text('{"context": {"environments": {"dev": {}}}}')
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Iterator[None]:
    """A stack whose template names a model."""
    key = f"{PREFIX}/models/{STACKED}/model.tar.gz"
    properties = {"Name": "/model", "Type": "String", "Value": key}
    resource = {"Type": "AWS::SSM::Parameter", "Properties": properties}
    cloudformation = cloud.client("cloudformation")
    template = json.dumps({"Resources": {"Model": resource}})
    cloudformation.create_stack(StackName="old-one", TemplateBody=template)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="old-one")
    yield
    cloudformation.delete_stack(StackName="old-one")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="old-one")


@pytest.fixture(scope="module")
def reader(cloud: Cloud) -> str:
    return cloud.make_role("ReadsModels", allow("s3:GetObject"))


@pytest.fixture
def bucket(cloud: Cloud, reader: str, stack: None) -> Iterator[str]:
    """Five models: a stack's template names one, models of SageMaker two, and nothing two."""
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    name = "models-of-dev"
    s3.create_bucket(Bucket=name)
    for fingerprint in (OLD, STACKED, MODELLED, SERVED, NEW):
        put_model(s3, name, fingerprint)
    for key in ("data/news/train.recordio", f"data/{'9' * 64}/train.recordio", "other/x"):
        s3.put_object(Bucket=name, Key=f"{PREFIX}/{key}", Body=b"data")
    for model, fingerprint in (("modelled", MODELLED), ("served", SERVED)):
        url = f"s3://{name}/{PREFIX}/models/{fingerprint}/model.tar.gz"
        container = {"Image": IMAGE, "ModelDataUrl": url}
        sagemaker.create_model(ModelName=model, ExecutionRoleArn=reader, PrimaryContainer=container)
    yield name
    for model in sagemaker.list_models()["Models"]:
        sagemaker.delete_model(ModelName=model["ModelName"])
    for entry in s3.list_objects_v2(Bucket=name)["Contents"]:
        s3.delete_object(Bucket=name, Key=entry["Key"])
    s3.delete_bucket(Bucket=name)


def put_model(s3: Any, bucket: str, fingerprint: str) -> None:
    metadata = {
        "commit": fingerprint[:7],
        "metrics": "test:pwll=-7.1",
        "data-train": DATA[fingerprint],
    }
    s3.put_object(
        Bucket=bucket,
        Key=f"{PREFIX}/models/{fingerprint}/model.tar.gz",
        Body=b"model",
        Metadata=metadata,
    )
    s3.put_object(
        Bucket=bucket, Key=f"{PREFIX}/jobs/{fingerprint}/j/output/model.tar.gz", Body=b"m"
    )
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/data/{DATA[fingerprint]}/train.recordio", Body=b"d")


def is_newer(s3: Any, bucket: str, fingerprint: str, other: str) -> bool:
    """Write a model again; return whether it is newer than another by S3's seconds."""
    put_model(s3, bucket, fingerprint)
    times = [
        s3.head_object(Bucket=bucket, Key=f"{PREFIX}/models/{each}/model.tar.gz")["LastModified"]
        for each in (fingerprint, other)
    ]
    return bool(times[0] > times[1])


def keys(cloud: Cloud, bucket: str) -> set[str]:
    found = cloud.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    return {entry["Key"].removeprefix(f"{PREFIX}/") for entry in found}


def models(bucket: str, *options: str) -> int:
    return operations.main(["models", *options, "-c", f"bucket={bucket}"])


def test_each_model_is_listed_with_what_needs_it(
    bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models(bucket, "--json") == 0
    listed = {each["fingerprint"]: each for each in json.loads(capsys.readouterr().out)}
    assert {fingerprint: each["needed_by"] for fingerprint, each in listed.items()} == {
        OLD: None,
        STACKED: "stack old-one",
        MODELLED: "model modelled",
        SERVED: "model served",
        NEW: None,
    }
    assert listed[OLD]["address"] == f"s3://{bucket}/{PREFIX}/models/{OLD}/model.tar.gz"
    assert listed[OLD]["bytes"] == 5
    assert listed[OLD]["metadata"]["metrics"] == "test:pwll=-7.1"


def test_nothing_that_is_needed_is_ever_deleted(
    cloud: Cloud, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = keys(cloud, bucket)
    assert models(bucket, "prune", "--keep", "0", "--yes") == 0
    assert before - keys(cloud, bucket) == {
        f"models/{OLD}/model.tar.gz",
        f"models/{NEW}/model.tar.gz",
        f"jobs/{OLD}/j/output/model.tar.gz",
        f"jobs/{NEW}/j/output/model.tar.gz",
        f"data/{DATA[OLD]}/train.recordio",
        f"data/{DATA[NEW]}/train.recordio",
    }
    assert capsys.readouterr().out.startswith("deleted 2 models, 6 files, 14 bytes; ")


def test_data_that_another_model_was_trained_on_stays(cloud: Cloud, bucket: str) -> None:
    cloud.client("sagemaker").delete_model(ModelName="modelled")
    assert models(bucket, "prune", "--keep", "0", "--yes") == 0
    assert f"models/{MODELLED}/model.tar.gz" not in keys(cloud, bucket)
    assert f"data/{DATA[SERVED]}/train.recordio" in keys(cloud, bucket)


def test_the_newest_of_those_that_nothing_needs_are_kept(cloud: Cloud, bucket: str) -> None:
    wait_for(lambda: is_newer(cloud.client("s3"), bucket, NEW, OLD))
    assert models(bucket, "prune", "--keep", "1", "--yes") == 0
    assert f"models/{NEW}/model.tar.gz" in keys(cloud, bucket)
    assert f"models/{OLD}/model.tar.gz" not in keys(cloud, bucket)


def test_young_models_are_kept_by_their_age(cloud: Cloud, bucket: str) -> None:
    before = keys(cloud, bucket)
    assert models(bucket, "prune", "--older-than", "1", "--yes") == 0
    assert keys(cloud, bucket) == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["prune", "--keep", "0"], "no terminal to ask on: --yes deletes without asking"),
        (["prune", "--yes"], "prune needs --keep N or --older-than DAYS"),
        (["prune", "--keep", "0", "--yes", "-c", "retain_data=true"], "retain_data is on:"),
        (["--keep", "0"], "--keep, --older-than, --yes and --retained are for prune"),
        (["compare", "a"], "compare takes two fingerprints; 1 were given"),
        (["compare", "a", "f"], "0 models begin with 'f'; one must"),
        (["list", "a"], "list takes no fingerprints; 1 were given"),
    ],
)
def test_wrong_use_deletes_nothing_and_says_what_is_allowed(
    cloud: Cloud,
    bucket: str,
    options: list[str],
    problem: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = keys(cloud, bucket)
    assert models(bucket, *options) == 2
    assert problem in capsys.readouterr().err
    assert keys(cloud, bucket) == before


def test_while_a_deployment_is_under_way_nothing_is_deleted(
    cloud: Cloud, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may come to need any model, or go back to it."""
    cloudformation = cloud.client("cloudformation")
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    waiting = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "300"},
    }
    template = json.dumps({"Resources": {"Handle": handle, "Wait": waiting}})
    cloudformation.create_stack(StackName="under-way", TemplateBody=template)
    try:
        assert models(bucket, "prune", "--keep", "0", "--yes") == 2
        assert "stack under-way is CREATE_IN_PROGRESS" in capsys.readouterr().err
        assert f"models/{OLD}/model.tar.gz" in keys(cloud, bucket)
    finally:
        cloudformation.delete_stack(StackName="under-way")
        cloudformation.get_waiter("stack_delete_complete").wait(StackName="under-way")


@pytest.mark.parametrize("comes_to_need", [True, False])
def test_what_came_to_be_needed_while_one_was_asked_is_not_deleted(
    cloud: Cloud,
    bucket: str,
    reader: str,
    comes_to_need: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def agree(_: str) -> bool:
        url = f"s3://{bucket}/{PREFIX}/models/{OLD}/model.tar.gz"
        container = {"Image": IMAGE, "ModelDataUrl": url}
        if comes_to_need:
            cloud.client("sagemaker").create_model(
                ModelName="late", ExecutionRoleArn=reader, PrimaryContainer=container
            )
        return True

    monkeypatch.setattr(command, "_agreed", agree)
    assert models(bucket, "prune", "--keep", "0") == (2 if comes_to_need else 0)
    assert (f"models/{OLD}/model.tar.gz" in keys(cloud, bucket)) is comes_to_need
    assert ("has changed meanwhile: look again" in capsys.readouterr().err) is comes_to_need


def test_an_environment_that_is_not_deployed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert operations.main(["models"]) == 2
    assert "has no stack topic-model-dev-storage in us-east-1: deploy" in capsys.readouterr().err
