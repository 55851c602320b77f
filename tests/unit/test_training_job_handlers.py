"""The two functions of `TrainingJob` against stand-ins of S3, SageMaker, Logs and the signal."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import pytest
from botocore.exceptions import ClientError

from stacks.training_job.handlers import finish, models, signals, start

FINGERPRINT = "f" * 64
IDENTITY = "topics-dev-ffffffffffff"
ARTIFACT = f"lda/models/{FINGERPRINT}/model.tar.gz"
HANDLE = "https://signals/handle"


class ResourceInUseError(Exception):
    """The exception of a client that boto3 generates."""


@dataclass
class World:
    """What AWS holds, and the clients that see it."""

    objects: dict[tuple[str, str], str] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    signals: list[tuple[str, str, str | None]] = field(default_factory=list)
    errors: list[ClientError] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def client(self, service: str, **_: Any) -> Any:
        return {"s3": S3, "sagemaker": SageMaker, "logs": Logs}[service](self)

    def end(self, name: str, status: str, **details: Any) -> dict[str, Any]:
        """Let a job end; its event."""
        self.jobs[name] |= {"TrainingJobStatus": status, "SecondaryStatus": status, **details}
        if status == "Completed":
            artifact = f"lda/jobs/{FINGERPRINT}/{name}/output/model.tar.gz"
            self.objects["bucket", artifact] = f"model of {name}"
            self.jobs[name]["ModelArtifacts"] = {"S3ModelArtifacts": f"s3://bucket/{artifact}"}
        return {"detail": {"TrainingJobName": name, "TrainingJobStatus": status}}


@dataclass
class S3:
    world: World

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:  # noqa: N803
        keys = sorted(k for b, k in self.world.objects if b == Bucket and k.startswith(Prefix))
        return {"Contents": [{"Key": key} for key in keys[:MaxKeys]]} if keys else {}

    def copy(self, source: dict[str, str], bucket: str, key: str) -> None:
        self.world.objects[bucket, key] = self.world.objects[source["Bucket"], source["Key"]]


@dataclass
class SageMaker:
    world: World
    exceptions: ClassVar[Any] = SimpleNamespace(ResourceInUse=ResourceInUseError)

    def create_training_job(self, TrainingJobName: str, **request: Any) -> None:  # noqa: N803
        if self.world.errors:
            raise self.world.errors.pop(0)
        if TrainingJobName in self.world.jobs:
            raise ResourceInUseError
        self.world.jobs[TrainingJobName] = {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            **request,
        }

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        job = self.world.jobs[TrainingJobName]
        if job["TrainingJobStatus"] == "Stopping":
            job["TrainingJobStatus"] = "Stopped"  # by the next time that anybody asks
            return job | {"TrainingJobStatus": "Stopping"}
        return dict(job)

    def stop_training_job(self, TrainingJobName: str) -> None:  # noqa: N803
        job = self.world.jobs[TrainingJobName]
        if job["TrainingJobStatus"] != "InProgress":
            raise error("ValidationException", "The request was rejected")
        job["TrainingJobStatus"] = "Stopping"

    def get_paginator(self, operation: str) -> "SageMaker":
        assert operation == "list_training_jobs"
        return self

    def paginate(
        self,
        NameContains: str,  # noqa: N803
        StatusEquals: str,  # noqa: N803
        **_: str,
    ) -> Iterator[dict[str, Any]]:
        for name, job in list(self.world.jobs.items()):
            if NameContains in name and job["TrainingJobStatus"] == StatusEquals:
                yield {"TrainingJobSummaries": [{"TrainingJobName": name}]}


@dataclass
class Logs:
    world: World

    def describe_log_streams(self, **request: str) -> dict[str, Any]:
        if not self.world.log:
            raise error("ResourceNotFoundException", "no such group")
        return {"logStreams": [{"logStreamName": request["logStreamNamePrefix"] + "algo-1"}]}

    def get_log_events(self, limit: int, **_: str) -> dict[str, Any]:
        return {"events": [{"message": line} for line in self.world.log[-limit:]]}


def error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    world.objects["staging", "train"] = "training data"
    monkeypatch.setattr(boto3, "client", world.client)
    monkeypatch.setattr(signals, "send", lambda *call: world.signals.append((*call, None)[:3]))
    monkeypatch.setattr(time, "sleep", world.slept.append)
    monkeypatch.setenv("JOB_PREFIX", IDENTITY)
    monkeypatch.setenv("WAIT_HANDLE", HANDLE)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return world


def event(kind: str, request_id: str = "request-1", fingerprint: str = FINGERPRINT) -> Any:
    return {
        "RequestType": kind,
        "RequestId": request_id,
        "PhysicalResourceId": f"topics-dev-{fingerprint[:12]}",
        "ResourceProperties": {
            "NamePrefix": "topics-dev",
            "Fingerprint": fingerprint,
            "Bucket": "bucket",
            "ArtifactKey": f"lda/models/{fingerprint}/model.tar.gz",
            "Data": [{"SourceBucket": "staging", "SourceKey": "train", "Key": "lda/data/1/train"}],
            "Request": json.dumps(
                {"OutputDataConfig": {"S3OutputPath": f"s3://bucket/lda/jobs/{fingerprint}"}}
            ),
            "WaitHandle": HANDLE,
        },
    }


class TestStart:
    def test_create_stages_the_data_and_starts_one_job(self, world: World) -> None:
        answer = start.handler(event("Create"), None)
        assert answer == {"PhysicalResourceId": IDENTITY}
        assert world.objects["bucket", "lda/data/1/train"] == "training data"
        (name,) = world.jobs
        assert name.startswith(f"{IDENTITY}-")
        assert world.signals == []

    def test_a_published_model_is_signalled_at_once_and_not_trained(self, world: World) -> None:
        world.objects["bucket", ARTIFACT] = "model"
        start.handler(event("Update"), None)
        assert world.jobs == {}
        assert world.signals == [(HANDLE, IDENTITY, None)]

    def test_a_model_whose_address_only_begins_so_does_not_count(self, world: World) -> None:
        world.objects["bucket", f"{ARTIFACT}.old"] = "model"
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1

    def test_the_same_request_again_starts_no_second_job(self, world: World) -> None:
        start.handler(event("Create"), None)
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1

    def test_the_same_request_after_its_job_has_failed_starts_no_second_job(
        self, world: World
    ) -> None:
        """Its name is taken; the failure was signalled when the job ended."""
        start.handler(event("Create"), None)
        world.end(next(iter(world.jobs)), "Failed")
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1

    def test_a_running_job_of_the_fingerprint_is_adopted(self, world: World) -> None:
        start.handler(event("Create", "request-1"), None)
        start.handler(event("Create", "request-2"), None)
        assert len(world.jobs) == 1
        assert world.signals == []

    def test_a_failed_job_is_not_adopted(self, world: World) -> None:
        start.handler(event("Create", "request-1"), None)
        world.end(next(iter(world.jobs)), "Failed")
        start.handler(event("Create", "request-2"), None)
        assert len(world.jobs) == 2

    def test_a_completed_job_that_was_never_published_is_not_paid_for_again(
        self, world: World
    ) -> None:
        start.handler(event("Create", "request-1"), None)
        (name,) = world.jobs
        world.end(name, "Completed")
        start.handler(event("Create", "request-2"), None)
        assert list(world.jobs) == [name]
        assert world.objects["bucket", ARTIFACT] == f"model of {name}"
        assert world.signals == [(HANDLE, IDENTITY, None)]

    def test_a_role_that_sagemaker_does_not_know_yet_is_waited_for(self, world: World) -> None:
        race = error("ValidationException", "Could not assume role arn:aws:iam::1:role/R.")
        world.errors = [race, race]
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1
        assert world.slept == [1, 2]

    def test_any_other_refusal_is_an_error_at_once(self, world: World) -> None:
        world.errors = [error("ResourceLimitExceeded", "The account-level service limit is 0")]
        with pytest.raises(ClientError, match="service limit is 0"):
            start.handler(event("Create"), None)
        assert world.slept == []

    @pytest.mark.usefixtures("world")
    def test_another_fingerprint_is_another_physical_id(self, world: World) -> None:
        """So that CloudFormation deletes the old one after an update, and the new one else."""
        answer = start.handler(event("Update", fingerprint="0" * 64), None)
        assert answer == {"PhysicalResourceId": "topics-dev-000000000000"}

    def test_delete_stops_the_running_job_and_waits_for_its_end(self, world: World) -> None:
        start.handler(event("Create"), None)
        (name,) = world.jobs
        start.handler(event("Delete"), None)
        assert world.jobs[name]["TrainingJobStatus"] == "Stopped"
        assert world.slept == [start.POLL_SECONDS]

    @pytest.mark.usefixtures("world")
    def test_delete_of_what_never_started_does_nothing(self, world: World) -> None:
        assert start.handler(event("Delete"), None) == {}

    def test_delete_stops_no_job_of_another_fingerprint(self, world: World) -> None:
        start.handler(event("Create", fingerprint="0" * 64), None)
        start.handler(event("Delete"), None)
        assert [job["TrainingJobStatus"] for job in world.jobs.values()] == ["InProgress"]

    def test_delete_leaves_the_published_model(self, world: World) -> None:
        world.objects["bucket", ARTIFACT] = "model"
        start.handler(event("Delete"), None)
        assert world.objects["bucket", ARTIFACT] == "model"

    def test_a_job_that_does_not_stop_is_an_error_within_the_bound(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.handler(event("Create"), None)
        (name,) = world.jobs
        monkeypatch.setattr(SageMaker, "describe_training_job", lambda *_, **__: world.jobs[name])
        monkeypatch.setattr(time, "monotonic", iter(range(0, 10_000, 200)).__next__)
        with pytest.raises(start.StopError, match=f"{name} did not stop within 300 s"):
            start.handler(event("Delete"), None)


class TestFinish:
    @pytest.fixture
    def job(self, world: World) -> str:
        start.handler(event("Create"), None)
        return next(iter(world.jobs))

    def test_a_completed_job_is_published_then_signalled(self, world: World, job: str) -> None:
        finish.handler(world.end(job, "Completed"), None)
        assert world.objects["bucket", ARTIFACT] == f"model of {job}"
        assert world.signals == [(HANDLE, job, None)]

    def test_a_failure_is_signalled_with_reason_name_link_and_last_lines(
        self, world: World, job: str
    ) -> None:
        world.log = [f"line {number}" for number in range(30)]
        finish.handler(world.end(job, "Failed", FailureReason="AlgorithmError: no"), None)
        ((handle, sender, failure),) = world.signals
        assert (handle, sender) == (HANDLE, job)
        assert failure is not None
        lines = failure.splitlines()
        assert lines[0] == f"Training job {job} ended as Failed: AlgorithmError: no"
        assert lines[1].endswith(f"region=us-east-1#/jobs/{job}")
        assert lines[2:] == [f"line {number}" for number in range(10, 30)]
        assert ("bucket", ARTIFACT) not in world.objects

    def test_a_stopped_job_is_a_failure_although_it_may_have_an_artifact(
        self, world: World, job: str
    ) -> None:
        event_of_end = world.end(job, "Stopped") | {}
        world.jobs[job]["SecondaryStatus"] = "MaxRuntimeExceeded"
        finish.handler(event_of_end, None)
        assert world.signals[0][2] is not None
        assert "ended as Stopped: MaxRuntimeExceeded" in world.signals[0][2]
        assert ("bucket", ARTIFACT) not in world.objects

    def test_an_event_that_says_more_than_sagemaker_does_is_not_believed(
        self, world: World, job: str
    ) -> None:
        finish.handler({"detail": {"TrainingJobName": job, "TrainingJobStatus": "Failed"}}, None)
        assert world.signals == []

    def test_a_job_of_another_fingerprint_signals_nothing(
        self, world: World, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JOB_PREFIX", "topics-dev-000000000000")
        finish.handler(world.end(job, "Completed"), None)
        assert world.signals == []
        assert world.objects["bucket", ARTIFACT] == f"model of {job}"

    def test_a_model_that_can_not_be_published_fails_the_deployment_now(
        self, world: World, job: str
    ) -> None:
        end = world.end(job, "Completed")
        world.objects = {}
        finish.handler(end, None)
        assert world.signals[0][2] is not None
        assert "publishing its model failed" in world.signals[0][2]


def test_only_a_job_of_ours_is_published(world: World) -> None:
    job: Any = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/elsewhere"}}
    with pytest.raises(ValueError, match="not a job of ours: s3://bucket/elsewhere"):
        models.publish(job)
