"""The AWS CLI: its lists with every filter and in pages, its waiters, and what goes with them."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from .conftest import HYPERPARAMETERS, IMAGE, WORDS

NAMES = ("list-b", "list-a", "list-c")  # in the order of their making; the last ends badly
FAILED = 255


def run(*arguments: str, code: int = 0) -> str:
    """Standard output, or standard error where another exit code than 0 is expected."""
    done = subprocess.run(["aws", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def ask(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--output", "json"))


@dataclass
class Made:
    """A moment before each of the resources of a kind."""

    moments: list[str] = field(default_factory=list)

    def note(self) -> None:
        """Wait for the next full second, since the CLI sends no fractions, and note it."""
        second = int(time.time()) + 1
        while time.time() < second:
            time.sleep(second - time.time())
        self.moments.append(datetime.fromtimestamp(second, UTC).isoformat())


def in_turn(make: Callable[[str], None]) -> Made:
    made = Made()
    for name in NAMES:
        made.note()
        make(name)
    return made


@pytest.fixture(scope="module")
def sagemaker() -> Any:
    return boto3.client("sagemaker")


@pytest.fixture(scope="module")
def training_job(sagemaker: Any, role: str, bucket: str) -> Made:
    def make(name: str) -> None:
        wrong = {"feature_dim": 7} if name == NAMES[-1] else {}
        parameters = HYPERPARAMETERS | wrong
        sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=role,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={key: str(value) for key, value in parameters.items()},
            InputDataConfig=[
                {
                    "ChannelName": "train",
                    "ContentType": "text/csv;label_size=0",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"s3://{bucket}/train/",
                        }
                    },
                }
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{bucket}/jobs"},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
        settled(lambda: sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])

    return in_turn(make)


@pytest.fixture(scope="module")
def model(sagemaker: Any, role: str, bucket: str, training_job: Made) -> Made:
    boto3.client("s3").put_object(Bucket=bucket, Key="broken.tar.gz", Body=b"no archive")

    def make(name: str) -> None:
        good, broken = f"jobs/{NAMES[0]}/output/model.tar.gz", "broken.tar.gz"
        data = f"s3://{bucket}/{broken if name == NAMES[-1] else good}"
        container = {"Image": IMAGE, "ModelDataUrl": data}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)

    return in_turn(make)


@pytest.fixture(scope="module")
def endpoint_config(sagemaker: Any, model: Made) -> Made:
    def make(name: str) -> None:
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    return in_turn(make)


@pytest.fixture(scope="module")
def endpoint(sagemaker: Any, endpoint_config: Made) -> Made:
    def make(name: str) -> None:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        settled(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])

    return in_turn(make)


@pytest.fixture(scope="module")
def transform_job(sagemaker: Any, bucket: str, model: Made) -> Made:
    def make(name: str) -> None:
        media = "text/none" if name == NAMES[-1] else "text/csv"
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/train/"}
        sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=NAMES[0],
            TransformInput={"DataSource": {"S3DataSource": source}, "ContentType": media},
            TransformOutput={"S3OutputPath": f"s3://{bucket}/answers"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        settled(
            lambda: sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"]
        )

    return in_turn(make)


def settled(status: Callable[[], str]) -> None:
    deadline = time.monotonic() + 120
    while status() in ("InProgress", "Stopping", "Creating"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


KINDS = ("training_job", "transform_job", "model", "endpoint_config", "endpoint")
# By kind: the status of the last one, and of the others.
STATUSES = {
    "training_job": ("Failed", "Completed"),
    "transform_job": ("Failed", "Completed"),
    "endpoint": ("Failed", "InService"),
}


@pytest.fixture
def made(request: pytest.FixtureRequest, kind: str) -> Made:
    made: Made = request.getfixturevalue(kind)
    return made


def listed(kind: str, *options: str) -> list[str]:
    answer = ask("sagemaker", f"list-{kind.replace('_', '-')}s", *options)
    (entries,) = (value for value in answer.values() if isinstance(value, list))
    name = "".join(word.capitalize() for word in kind.split("_")) + "Name"
    return [entry[name] for entry in entries]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_sorted_by_name_and_time_in_both_orders(kind: str, made: Made) -> None:
    by = {"Name": sorted(NAMES), "CreationTime": list(NAMES)}
    for member, ascending in by.items():
        options = ("--sort-by", member, "--sort-order")
        assert listed(kind, *options, "Ascending") == ascending
        assert listed(kind, *options, "Descending") == ascending[::-1]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "training_job"])
def test_a_list_has_the_newest_first_unless_told_otherwise(kind: str, made: Made) -> None:
    assert listed(kind) == list(NAMES[::-1])


@pytest.mark.parametrize("kind", STATUSES)
def test_a_list_is_sorted_by_status(kind: str, made: Made) -> None:
    last = listed(kind, "--sort-by", "Status", "--sort-order", "Descending")[0]
    first = listed(kind, "--sort-by", "Status", "--sort-order", "Ascending")[0]
    assert NAMES[-1] in (first, last)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_filtered_by_a_part_of_the_name(kind: str, made: Made) -> None:
    assert listed(kind, "--name-contains", "st-a") == ["list-a"]
    assert listed(kind, "--name-contains", "none") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_filtered_by_the_time_of_creation(kind: str, made: Made) -> None:
    assert set(listed(kind, "--creation-time-after", made.moments[1])) == set(NAMES[1:])
    assert set(listed(kind, "--creation-time-before", made.moments[1])) == set(NAMES[:1])


@pytest.mark.parametrize("kind", STATUSES)
def test_a_list_is_filtered_by_the_time_of_the_last_change(kind: str, made: Made) -> None:
    assert set(listed(kind, "--last-modified-time-after", made.moments[1])) == set(NAMES[1:])
    assert set(listed(kind, "--last-modified-time-before", made.moments[1])) == set(NAMES[:1])


@pytest.mark.parametrize("kind", STATUSES)
def test_a_list_is_filtered_by_status(kind: str, made: Made) -> None:
    bad, good = STATUSES[kind]
    assert listed(kind, "--status-equals", bad) == [NAMES[-1]]
    assert set(listed(kind, "--status-equals", good)) == set(NAMES[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_filters_are_combined(kind: str, made: Made) -> None:
    options = ("--creation-time-after", made.moments[1], "--creation-time-before", made.moments[2])
    assert listed(kind, *options, "--name-contains", "list") == [NAMES[1]]
    assert listed(kind, *options, "--name-contains", "list-b") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_comes_in_pages(kind: str, made: Made) -> None:
    order = ("--sort-by", "Name", "--sort-order", "Ascending")
    assert listed(kind, *order, "--page-size", "1") == sorted(NAMES)
    command = ("sagemaker", f"list-{kind.replace('_', '-')}s", *order)
    token = ask(*command, "--max-items", "2")["NextToken"]
    assert listed(kind, *order, "--max-items", "2") == sorted(NAMES)[:2]
    assert listed(kind, *order, "--starting-token", token) == sorted(NAMES)[2:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_nobody_gave_is_refused(kind: str, made: Made) -> None:
    command = ("sagemaker", f"list-{kind.replace('_', '-')}s", "--next-token", "x")
    assert "ValidationException" in run(*command, code=FAILED)


@pytest.mark.parametrize(
    ("kind", "waiter"),
    [
        ("endpoint", "endpoint-in-service"),
        ("training_job", "training-job-completed-or-stopped"),
        ("transform_job", "transform-job-completed-or-stopped"),
    ],
)
def test_a_waiter_ends_by_success_and_by_failure(kind: str, made: Made, waiter: str) -> None:
    option = f"--{kind.replace('_', '-')}-name"
    run("sagemaker", "wait", waiter, option, NAMES[0])
    failed = run("sagemaker", "wait", waiter, option, NAMES[-1], code=FAILED)
    assert "terminal failure state" in failed
    missing = run("sagemaker", "wait", waiter, option, "missing", code=FAILED)
    assert "ValidationException" in missing


def test_an_endpoint_that_is_not_there_counts_as_deleted() -> None:
    run("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", "missing")


def test_an_endpoint_answers(endpoint: Made, tmp_path: Path) -> None:
    body, answer = tmp_path / "body", tmp_path / "answer"
    body.write_text(",".join(["1"] * WORDS))
    name = ("--endpoint-name", NAMES[0], "--content-type", "text/csv")
    told = ask(
        "sagemaker-runtime", "invoke-endpoint", *name, "--body", f"file://{body}", str(answer)
    )
    assert told["ContentType"] == "application/json"
    assert len(json.loads(answer.read_text())["predictions"]) == 1


def test_a_training_job_is_deleted(training_job: Made, transform_job: Made) -> None:
    job = ("--training-job-name", NAMES[-1])
    run("sagemaker", "delete-training-job", *job)
    refused = run("sagemaker", "describe-training-job", *job, code=FAILED)
    assert "Requested resource not found." in refused


def test_a_presigned_address_is_fetched_by_curl(bucket: str) -> None:
    address = run("s3", "presign", f"s3://{bucket}/train/train.csv").strip()
    command = ["curl", "--silent", "--show-error", "--fail", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(",") > WORDS


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_a_file_is_copied_encrypted_without_a_key(bucket: str, tmp_path: Path, size: int) -> None:
    (tmp_path / "there").write_bytes(bytes(size))
    run("s3", "cp", "--sse", "aws:kms", str(tmp_path / "there"), f"s3://{bucket}/copied")
    run("s3", "cp", f"s3://{bucket}/copied", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == bytes(size)
    head = ask("s3api", "head-object", "--bucket", bucket, "--key", "copied")
    key = ask("kms", "describe-key", "--key-id", "alias/aws/s3")["KeyMetadata"]
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key["Arn"])


def test_the_policy_of_notebooks_is_there_and_a_misspelt_one_is_not() -> None:
    arn = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    policy = ask("iam", "get-policy", "--policy-arn", arn)["Policy"]
    version = ("--version-id", policy["DefaultVersionId"])
    document = ask("iam", "get-policy-version", "--policy-arn", arn, *version)
    assert document["PolicyVersion"]["Document"]["Statement"]
    refused = run("iam", "get-policy", "--policy-arn", f"{arn}s", code=FAILED)
    assert "NoSuchEntity" in refused
