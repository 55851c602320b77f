"""What happens to a job from outside: stopped, out of time, killed. The image waits for it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws import faults
from local_aws.api.errors import ApiError
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker import container, images, training_life
from local_aws.sagemaker.account import Account

from .sleeping_image import LEAVES_MODEL
from .test_training import request


class Client:
    """S3 that has one object and takes all, and Logs that take all."""

    def __init__(self) -> None:
        self.uploaded: list[str] = []
        self.started = threading.Event()

    def get_paginator(self, operation: str) -> "Client":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": "train/train.recordio"}]}]

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).touch()

    def put_object(self, Key: str, **_: Any) -> None:  # noqa: N803
        self.uploaded.append(Key)

    def create_log_stream(self, **_: str) -> None:
        pass

    def put_log_events(self, **_: Any) -> None:
        self.started.set()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(training_life, "role_client", lambda *_: client)
    monkeypatch.setitem(images.IMAGES, ("lda", "1"), "tests.local_aws.sleeping_image")
    monkeypatch.setattr(container, "FLUSH_SECONDS", 0)
    return client


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states that were announced."""
    seen: list[str] = []

    def emit(_scope: Scope, _type: str, detail: Any, _resource: str) -> None:
        seen.append(f"{detail['TrainingJobStatus']}/{detail['SecondaryStatus']}")

    monkeypatch.setattr(bridge, "emit_event", emit)
    return seen


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(Scope("000000000000", "us-east-1"))
    yield account
    account.kill_all()


def start(account: Account, **changes: Any) -> training_life.TrainingJob:
    job = training_life.TrainingJob(account, request("job", "role", "bucket", **changes))
    account.training_jobs[job.name] = job
    job.start()
    return job


def test_a_stopped_job_passes_through_stopping(
    account: Account, client: Client, events: list[str]
) -> None:
    job = start(account)
    assert client.started.wait(30)
    job.stop()
    job.join(30)
    assert (job.status, job.secondary_status) == ("Stopped", "Stopped")
    assert events[-2:] == ["Stopping/Stopping", "Stopped/Stopped"]
    assert client.uploaded == []


def test_a_stopped_job_uploads_what_its_container_left(
    account: Account, client: Client, events: list[str]
) -> None:
    """So an artifact is no proof of a completed job."""
    job = start(account, HyperParameters={LEAVES_MODEL: "1"})
    assert client.started.wait(30)
    job.stop()
    job.join(30)
    assert job.status == "Stopped"
    assert client.uploaded == ["jobs/job/output/model.tar.gz"]


def test_a_job_out_of_time_is_stopped_and_says_so(
    account: Account, client: Client, events: list[str]
) -> None:
    job = start(account, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job.join(30)
    assert (job.status, job.secondary_status) == ("Stopped", "MaxRuntimeExceeded")


def test_a_job_can_be_asked_to_stop_once(
    account: Account, client: Client, events: list[str]
) -> None:
    job = start(account)
    assert client.started.wait(30)
    job.stop()
    with pytest.raises(ApiError, match="is in status Stopping"):
        job.stop()
    job.join(30)


def test_a_container_that_dies_without_a_reason_fails_the_job(
    account: Account, client: Client, events: list[str]
) -> None:
    job = start(account)
    assert client.started.wait(30)
    job.kill()
    job.join(30)
    assert job.status == "Failed"
    assert job.failure.startswith("AlgorithmError: the container wrote no reason, exit code: -")


def test_a_job_that_is_killed_before_it_has_a_container_gets_none_that_lives(
    account: Account, client: Client, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the server ends just then."""
    jobs: list[training_life.TrainingJob] = []

    class LateContainer(container.Container):
        def __init__(self, *arguments: Any) -> None:
            jobs[0].kill()
            super().__init__(*arguments)

    monkeypatch.setattr(container, "Container", LateContainer)
    job = training_life.TrainingJob(account, request("job", "role", "bucket"))
    jobs.append(job)
    job.start()
    job.join(60)
    assert job.failure.startswith("AlgorithmError: the container wrote no reason, exit code: -9")


def test_times_in_events_are_milliseconds(
    account: Account, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    details: list[Any] = []
    monkeypatch.setattr(bridge, "emit_event", lambda *call: details.append(call[2]))
    job = start(account)
    assert client.started.wait(30)
    job.stop()
    job.join(30)
    assert details[-1]["CreationTime"] == int(job.times["CreationTime"] * 1000)
    (first, *_) = details[-1]["SecondaryStatusTransitions"]
    assert first["StartTime"] >= details[-1]["CreationTime"]


@pytest.fixture
def armed(request: pytest.FixtureRequest) -> Iterator[None]:
    faults.arm(request.param, "bad data")
    yield
    assert faults.armed() == [], "the fault did not strike"


@pytest.mark.parametrize(
    ("armed", "status", "secondary"),
    [
        ("training.time-limit", "Stopped", "MaxRuntimeExceeded"),
        ("training.stop", "Stopped", "Stopped"),
        ("training.fail", "Failed", "Failed"),
        ("training.capacity", "Failed", "Failed"),
        ("training.no-data", "Failed", "Failed"),
    ],
    indirect=["armed"],
)
@pytest.mark.usefixtures("armed")
def test_a_fault_ends_the_job_as_the_real_thing_would(
    account: Account, client: Client, events: list[str], status: str, secondary: str
) -> None:
    job = start(account)
    job.join(30)
    assert (job.status, job.secondary_status) == (status, secondary)
    assert events[-1] == f"{status}/{secondary}"


@pytest.mark.parametrize(
    ("armed", "delivered"), [("event.lose", 0), ("event.duplicate", 2)], indirect=["armed"]
)
@pytest.mark.usefixtures("armed")
def test_a_fault_of_delivery_strikes_the_end_alone(
    account: Account, client: Client, events: list[str], delivered: int
) -> None:
    job = start(account)
    assert client.started.wait(30)
    job.stop()
    job.join(30)
    assert events.count("Stopped/Stopped") == delivered
    assert events.count("InProgress/Training") == 1
