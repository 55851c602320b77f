"""A transform job as its caller sees it: started, followed, stopped, explained."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from topics.endpoint import transform_job
from topics.endpoint.deployed import Deployed, Environment, TransformError
from topics.endpoint.transform_job import TransformJob, new_name

DEPLOYED = Deployed(Environment("lda", "dev"), "Model-1", "s3://b/p/models/0/m", "b", "p")
LOST = EndpointConnectionError(endpoint_url="https://sagemaker")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


class Cloud:
    """SageMaker and Logs: a job goes through the states, an exception is raised instead."""

    def __init__(self, *states: str | Exception) -> None:
        self.states = list(states)
        self.created: dict[str, Any] = {}
        self.create_error: Exception | None = None
        self.log_error: Exception | None = None
        self.log = {"job/i-1": ["a GET", "", "no memory"], "job/i-1/data-log": ["b/k: 500"]}

    def create_transform_job(self, **request: Any) -> None:
        self.created = request
        if self.create_error is not None:
            raise self.create_error

    def describe_transform_job(self, **_: str) -> dict[str, Any]:
        state = self.states.pop(0)
        if isinstance(state, Exception):
            raise state
        return {"TransformJobStatus": state, "FailureReason": "AlgorithmError: See job logs"}

    def stop_transform_job(self, **_: str) -> None:
        raise error("ValidationException")

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        if self.log_error is not None:
            raise self.log_error
        return {"logStreams": [{"logStreamName": name} for name in self.log]}

    def get_log_events(self, logStreamName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"events": [{"message": line} for line in self.log[logStreamName]]}


Run = Callable[..., TransformJob]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a job in a cloud."""

    def run_in(cloud: Cloud, key: str | None = None, look: Callable[[], Any] = int) -> Any:
        monkeypatch.setattr(boto3, "client", lambda *_, **__: cloud)
        monkeypatch.setattr(transform_job, "POLL_SECONDS", 0)
        job = TransformJob(DEPLOYED, "job")
        job.run("s3://b/in/", "s3://b/out", instance_type="ml.x", instances=3, key=key, look=look)
        return job

    return run_in


def test_the_request_is_recordio_in_and_out_with_the_environments_model(run: Run) -> None:
    cloud, looks = Cloud("InProgress", "InProgress", "Completed"), list[int]()
    run(cloud, look=lambda: looks.append(1))
    assert len(looks) == 2
    media = "application/x-recordio-protobuf"
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in/"}}
    assert cloud.created == {
        "TransformJobName": "job",
        "ModelName": "Model-1",
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 6,
        "TransformInput": {"DataSource": source, "ContentType": media, "SplitType": "RecordIO"},
        "TransformOutput": {
            "S3OutputPath": "s3://b/out",
            "Accept": media,
            "AssembleWith": "None",
        },
        "TransformResources": {"InstanceType": "ml.x", "InstanceCount": 3},
        "Tags": [{"Key": "project", "Value": "lda"}, {"Key": "environment", "Value": "dev"}],
    }


def test_the_buckets_key_encrypts_outputs_and_volumes(run: Run) -> None:
    cloud = Cloud("Completed")
    run(cloud, key="arn:key")
    assert cloud.created["TransformOutput"]["KmsKeyId"] == "arn:key"
    assert cloud.created["TransformResources"]["VolumeKmsKeyId"] == "arn:key"


def test_names_of_jobs_begin_with_the_environments_and_differ() -> None:
    names = {new_name(Environment("lda", "dev")) for _ in range(5)}
    assert len(names) == 5
    assert {(name[:8], len(name)) for name in names} == {("lda-dev-", 16)}


def test_a_job_whose_creation_was_answered_to_nobody_is_followed(run: Run) -> None:
    """The client has asked again, and then the name is taken: by this very job."""
    cloud = Cloud("Completed")
    cloud.create_error = error("ResourceInUse")
    run(cloud)
    assert cloud.states == []


@pytest.mark.parametrize("why", [error("ValidationException"), LOST])
def test_a_job_that_is_refused_is_told(run: Run, why: Exception) -> None:
    cloud = Cloud()
    cloud.create_error = why
    with pytest.raises(TransformError, match="the transform job job was not started: "):
        run(cloud)


@pytest.mark.parametrize("why", [error("ExpiredTokenException"), LOST])
def test_a_job_that_can_not_be_followed_goes_on(run: Run, why: Exception) -> None:
    with pytest.raises(TransformError, match="job goes on, but can't be followed: "):
        run(Cloud("InProgress", why))


def test_a_failure_is_told_with_the_log_of_what_was_asked_first(run: Run) -> None:
    with pytest.raises(TransformError) as caught:
        run(Cloud("Failed"))
    assert str(caught.value).splitlines() == [
        "the transform job job is Failed: AlgorithmError: See job logs",
        "log: b/k: 500",
        "log: a GET",
        "log: no memory",
    ]


def test_however_much_a_job_logs_a_screen_of_it_is_told(run: Run) -> None:
    cloud = Cloud("Failed")
    cloud.log = {f"job/i-{number}": ["x" * 9999 + "\n" * 99 + "y"] * 99 for number in range(9)}
    with pytest.raises(TransformError) as caught:
        run(cloud)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert max(map(len, lines)) <= 305


def test_a_log_that_can_not_be_read_is_told(run: Run) -> None:
    cloud = Cloud("Failed")
    cloud.log_error = error("AccessDeniedException")
    with pytest.raises(TransformError, match="its log in /aws/sagemaker/TransformJobs can't be"):
        run(cloud)


def test_a_job_that_somebody_stopped_is_told(run: Run) -> None:
    with pytest.raises(TransformError, match="job is Stopped: somebody has stopped it"):
        run(Cloud("Stopping", "Stopped"))


def test_a_job_that_can_not_be_stopped_is_told(run: Run) -> None:
    job = run(Cloud("Completed"))
    assert job.stop() == "the transform job job was not stopped: ValidationException: no"
