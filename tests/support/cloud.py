"""The real CDK CLI against an embedded AWS, which all tests share and leave as they found it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local_aws import instance
from operations import leftovers

PROJECT = Path(__file__).parents[2]
COMMAND_SECONDS = 240
# SageMaker and Glue make these groups for an account's first jobs, and they are never a stack's.
ACCOUNTS_OWN = {
    leftovers.Resource("log group", name)
    for name in (
        "/aws/sagemaker/TrainingJobs",
        "/aws/sagemaker/TransformJobs",
        "/aws-glue/jobs/output",
        "/aws-glue/jobs/error",
    )
}
# Settings of an endpoint that is checked, captured, scaled, and updated in steps.
FULL_ENDPOINT = {
    "endpoint.instance_count": "2",
    "endpoint.capture_percent": "100",
    "updates.strategy": "canary",
    "updates.step_percent": "50",
    "updates.wait_seconds": "180",
    "scaling.min_instances": "2",
    "scaling.max_instances": "3",
    "scaling.instance_type": "ml.m4.xlarge",
}
# Of a client that puts a load on an endpoint: each question has its own answer.
ONCE = Config(max_pool_connections=50, retries={"total_max_attempts": 1})


def context(settings: Mapping[str, str]) -> list[str]:
    """Options of the CDK CLI that give settings."""
    return [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]


def run(
    *argv: str,
    environment: dict[str, str],
    folder: Path = PROJECT,
    seconds: float = COMMAND_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`; its standard output and error together."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        argv,
        cwd=folder,
        env=instance.without_aws(dict(os.environ)) | environment | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )


def client_of(environment: Mapping[str, str], service: str, config: Config | None = None) -> Any:
    """A client of whoever an environment names."""
    session = boto3.session.Session()
    return session.client(  # type: ignore[call-overload]  # the name is a variable
        service,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        verify=environment["AWS_CA_BUNDLE"],
        config=config,
    )


@dataclass
class Cloud:
    """An embedded AWS that is bootstrapped for the CDK, and clients of it."""

    environment: dict[str, str]
    out: Path
    folder: Path = PROJECT

    def __post_init__(self) -> None:
        self._before = self.there()  # of a test that failed

    def client(self, service: str, config: Config | None = None) -> Any:
        return client_of(self.environment, service, config)

    def cdk(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        output = [] if "--app" in options else ["--output", str(self.out / "cdk.out")]
        arguments = [command, "--all", *output, *options]
        return run("cdk", *arguments, environment=self.environment, folder=self.folder)

    def deploy(self, *options: str) -> subprocess.CompletedProcess[str]:
        outputs = str(self.out / "outputs.json")
        always = ["--require-approval", "never", "--outputs-file", outputs]
        return self.cdk("deploy", *always, *options)

    def deployed(self, *options: str) -> dict[str, str]:
        """Deploy, which must succeed; the outputs of all stacks."""
        done = self.deploy(*options)
        assert done.returncode == 0, done.stdout
        stacks = json.loads((self.out / "outputs.json").read_text())
        return {key: value for stack in stacks.values() for key, value in stack.items()}

    def destroyed(self, *options: str) -> None:
        """Destroy, which must succeed and leave nothing."""
        done = self.cdk("destroy", "--force", *options)
        assert done.returncode == 0, done.stdout
        assert self.left() == []

    def there(self) -> set[leftovers.Resource]:
        """All there is, whoever's it is."""
        return set(leftovers.list_resources(self.client)) - ACCOUNTS_OWN

    def left(self) -> list[leftovers.Resource]:
        """What is there now and was not before the test."""
        return sorted(self.there() - self._before)

    def clean_up(self) -> None:
        """Delete the stacks that a test left because it failed, the latest first."""
        cloudformation = self.client("cloudformation")
        stacks = cloudformation.describe_stacks()["Stacks"]
        for stack in sorted(stacks, key=lambda stack: stack["CreationTime"], reverse=True):
            name = stack["StackName"]
            if leftovers.Resource("stack", name) not in self._before:
                cloudformation.delete_stack(StackName=name)
                cloudformation.get_waiter("stack_delete_complete").wait(
                    StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": COMMAND_SECONDS}
                )

    @contextmanager
    def armed(self, *fault: str) -> Iterator[None]:
        """Arm a fault by its command; what has not struck by the end of the block is disarmed."""
        command = (sys.executable, "-m", "local_aws", "fault")
        done = run(*command, "add", *fault, environment=self.environment)
        assert done.returncode == 0, done.stdout
        try:
            yield
        finally:
            done = run(*command, "clear", environment=self.environment)
            assert done.returncode == 0, done.stdout

    def calls(self) -> list[str]:
        """The operations that SageMaker was asked for, from the server's log."""
        log = Path(self.environment["AWS_CA_BUNDLE"]).with_name("server.log")
        return re.findall(r" \[sagemaker\] (\w+)$", log.read_text(), re.MULTILINE)

    def job_names(self) -> list[str]:
        """All training jobs there ever were."""
        found = self.client("sagemaker").list_training_jobs(MaxResults=100)
        return [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]


def topics_of(runtime: Any, endpoint: str, corpus: Path) -> Callable[[], int]:
    """A function that invokes an endpoint: how many topics it answers with."""
    words = json.loads((corpus / "manifest.json").read_text())["vocabulary"]["size"]
    body = json.dumps({"instances": [{"features": [1] * words}]})

    def ask() -> int:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=body
        )
        (prediction,) = json.load(answer["Body"])["predictions"]
        return len(prediction["topic_mixture"])

    return ask


@contextmanager
def bootstrapped() -> Iterator[dict[str, str]]:
    """Run an embedded AWS that is bootstrapped for the CDK; yield the variables of its clients."""
    with instance.running() as started:
        # Away from the app, which the CDK CLI would synthesize, and into a folder that all share.
        away = Path(started.folder)
        account = f"aws://{instance.ACCOUNT}/{instance.REGION}"
        done = run("cdk", "bootstrap", account, environment=started.environment(), folder=away)
        assert done.returncode == 0, done.stdout
        yield started.environment()


@pytest.fixture(scope="session")
def environment() -> Iterator[dict[str, str]]:
    with bootstrapped() as variables:
        yield variables


@pytest.fixture
def cloud(environment: dict[str, str], tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(environment, tmp_path)
    yield cloud
    cloud.clean_up()
    assert cloud.left() == [], "the test left something"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample corpus, prepared as a user prepares one."""
    folder = tmp_path_factory.mktemp("corpus")
    sample, prepared = folder / "sample", folder / "prepared"
    files = ["--corpus", f"{sample}/corpus.txt", "--vocab", f"{sample}/vocab.txt"]
    for arguments in (
        ["sample", "--out", str(sample), "--documents", "600", "--num-topics", "5"],
        ["convert", *files, "--out", str(prepared)],
    ):
        done = run(sys.executable, "-m", "data_prep", *arguments, environment={})
        assert done.returncode == 0, done.stdout
    return prepared
