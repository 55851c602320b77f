"""From a corpus in S3 to an endpoint, with no document on the deploying machine.

The real CDK CLI deploys, a Glue job prepares by a real Spark, and the deployment trains in place.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from data_prep.manifest import Manifest
from tests.support.cloud import Cloud, bootstrapped, context, run, topics_of

pytestmark = pytest.mark.spark

SOURCE = "s3://corpora/sample"
OPTIONS = (
    "--corpus",
    f"{SOURCE}/parts",
    "--vocab",
    f"{SOURCE}/vocab.txt",
    "--seed",
    "7",
    "--format",
    "pairs",
)
PARTS = 3
STACKS = ("topic-model-dev-storage", "topic-model-dev-preparation")
JOB = "topic-model-dev-preparation"


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with bootstrapped() as variables:
        yield variables


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus: `corpus.txt` and `vocab.txt`."""
    folder = tmp_path_factory.mktemp("sample")
    arguments = ["sample", "--out", str(folder), "--documents", "600", "--num-topics", "5"]
    done = run(sys.executable, "-m", "data_prep", *arguments, environment={})
    assert done.returncode == 0, done.stdout
    return folder


def upload(cloud: Cloud, sample: Path) -> None:
    """Put the corpus into S3, in several files."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="corpora")
    lines = (sample / "corpus.txt").read_bytes().splitlines(keepends=True)
    size = -(-len(lines) // PARTS)
    for number in range(PARTS):
        content = b"".join(lines[number * size : (number + 1) * size])
        s3.put_object(Bucket="corpora", Key=f"sample/parts/{number}.txt", Body=content)
    vocabulary = (sample / "vocab.txt").read_bytes()
    s3.put_object(Bucket="corpora", Key="sample/vocab.txt", Body=vocabulary)


@dataclass
class Account(Cloud):
    """An account with a corpus in S3, and the job that prepares it."""

    def settings(self) -> list[str]:
        prepared = str(self.out / "prepared")
        return context(
            {"preparation.source": SOURCE, "prepared": prepared, "model.num_topics": "5"}
        )

    def deploy_preparation(self) -> None:
        command = ["deploy", *STACKS, "--require-approval", "never"]
        output = ["--output", str(self.out / "cdk.out")]
        done = run("cdk", *command, *output, *self.settings(), environment=self.environment)
        assert done.returncode == 0, done.stdout

    def prepare(self, name: str, *options: str) -> CompletedProcess[str]:
        command = ["-m", "operations", "prepare", "--name", name, *self.settings()]
        given = options or OPTIONS
        return run(sys.executable, *command, "--", *given, environment=self.environment)

    def content(self, name: str, part: str) -> bytes:
        """The documents of a part of a prepared corpus, in order."""
        s3, bucket = self.client("s3"), self.bucket()
        prefix = f"sagemaker/lda-model/data/{name}/"
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        keys = sorted(
            entry["Key"] for entry in listed if entry["Key"].removeprefix(prefix).startswith(part)
        )
        return b"".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)

    def bucket(self) -> str:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=STACKS[0])["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        return str(outputs["BucketName"])

    def states(self) -> list[str]:
        runs = self.client("glue").get_job_runs(JobName=JOB)["JobRuns"]
        return [one["JobRunState"] for one in runs]


@pytest.fixture(scope="module")
def account(
    environment: dict[str, str], sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Account]:
    upload(Cloud(environment, sample), sample)
    account = Account(environment, tmp_path_factory.mktemp("account"))
    account.deploy_preparation()
    yield account
    account.destroyed(*account.settings())


def test_a_corpus_goes_from_s3_to_an_endpoint_past_the_deploying_machine(
    account: Account, sample: Path, tmp_path: Path
) -> None:
    done = account.prepare("sample")
    assert done.returncode == 0, done.stdout
    fetched = account.out / "prepared"
    assert not list(fetched.rglob("*.recordio"))
    assert Manifest.load(fetched).location == (
        f"s3://{account.bucket()}/sagemaker/lda-model/data/sample"
    )

    files = ["--corpus", f"{sample}/corpus.txt", "--vocab", f"{sample}/vocab.txt"]
    here = ["convert", *files, "--seed", "7", "--out", str(tmp_path / "here")]
    assert run(sys.executable, "-m", "data_prep", *here, environment={}).returncode == 0
    for part in ("train", "test"):
        converted = (tmp_path / f"here/{part}.recordio").read_bytes()
        assert account.content("sample", part) == converted

    outputs = account.deployed(*account.settings())
    assert topics_of(account.client("sagemaker-runtime"), outputs["EndpointName"], fetched)() == 5
    jobs = account.job_names()
    assert len(jobs) == 1
    assert account.deployed(*account.settings()) == outputs
    assert account.job_names() == jobs, "the second deployment has trained again"
    assert not list((account.out / "cdk.out").rglob("*.recordio"))


def test_bad_input_is_told_by_file_and_line(account: Account) -> None:
    account.client("s3").put_object(Bucket="corpora", Key="sample/bad/0.txt", Body=b"1:1\n1:x\n")
    vocabulary = ("--vocab", f"{SOURCE}/vocab.txt")
    done = account.prepare("bad", "--corpus", f"{SOURCE}/bad", *vocabulary, "--format", "pairs")
    assert done.returncode == 2, done.stdout
    (line,) = [one for one in done.stdout.splitlines() if "0.txt" in one]
    assert "2" in line
    assert "Traceback" not in done.stdout


def test_a_source_that_is_missing_is_named(account: Account) -> None:
    done = account.prepare("missing", "--corpus", f"{SOURCE}/none")
    assert done.returncode == 2, done.stdout
    assert f"{SOURCE}/none" in done.stdout


@pytest.mark.parametrize(
    ("denied", "named"),
    [("ReadSource", "s3://corpora/sample/"), ("WritePreparedData", "/data/denied-")],
)
def test_a_permission_that_is_missing_fails_the_run_and_is_named(
    account: Account, denied: str, named: str
) -> None:
    iam = account.client("iam")
    (role,) = [
        one["PhysicalResourceId"]
        for one in account.client("cloudformation").describe_stack_resources(StackName=STACKS[1])[
            "StackResources"
        ]
        if one["ResourceType"] == "AWS::IAM::Role"
    ]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    place = {"RoleName": role, "PolicyName": policy}
    document = iam.get_role_policy(**place)["PolicyDocument"]
    rest = [one for one in document["Statement"] if one["Sid"] != denied]
    iam.put_role_policy(**place, PolicyDocument=json.dumps(document | {"Statement": rest}))
    try:
        done = account.prepare(f"denied-{denied.lower()}")
    finally:
        iam.put_role_policy(**place, PolicyDocument=json.dumps(document))
    assert done.returncode != 0
    told = [line for line in done.stdout.splitlines() if "not authorized" in line or "403" in line]
    assert any(named in line for line in told), done.stdout


@pytest.mark.parametrize(
    ("fault", "told", "state"),
    [
        ("glue.memory", "ran out of memory", "FAILED"),
        ("glue.timeout", "took longer than 60 minutes", "TIMEOUT"),
    ],
)
def test_a_run_without_memory_or_time_says_what_to_do(
    account: Account, fault: str, told: str, state: str
) -> None:
    with account.armed(fault):
        done = account.prepare(fault)
    assert done.returncode == 1, done.stdout
    assert told in done.stdout
    assert account.states()[0] == state
