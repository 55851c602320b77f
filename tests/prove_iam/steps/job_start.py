"""The function that starts jobs."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stacks.training_job.handlers import interfaces, jobs, start

from ..stage import NAME, Stage, unused_handle
from .function_logs import log
from .step import Step

AT_REST = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
FORMER = f"{NAME}-000000000000"  # jobs of a fingerprint before this one


@contextmanager
def starting(stage: Stage, **environment: str) -> Iterator[list[Any]]:
    """As `Start`, in a deployment that goes forward."""
    given = {"WAIT_HANDLE": unused_handle()} | environment
    with (
        stage.acting_as("TrainingJobStart", **given) as told,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(start, "FORWARD", AT_REST)  # what the stack is while this proof runs
        yield told


def request(stage: Stage, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "RequestId": str(uuid.uuid4()),
        "StackId": stage.stack_id,
        "ResourceProperties": stage.training_properties(),
        **more,
    }


def start_a_job(stage: Stage) -> None:
    stage.remove("models", "jobs", "data")
    stage.arm("training.hang")
    with starting(stage):
        start.handler(request(stage, "Create"), None)
    (job,) = stage.running()
    assert stage.tags(job)["fingerprint"] == stage.fingerprint
    stage.assert_stored("data")


def stop_on_delete(stage: Stage) -> None:
    stage.put("data")
    for identity in (stage.identity, FORMER):
        job = stage.train(identity, "training.hang")
        with starting(stage):
            start.handler(request(stage, "Delete", PhysicalResourceId=identity), None)
        assert stage.status(job) == "Stopped", "the job runs on"


def look_for_interfaces_on_delete(stage: Stage) -> None:
    """The endpoint's are there: so it looks once, and waits no longer."""
    with starting(stage), pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "ENDING", AT_REST)
        patch.setattr(interfaces, "GONE_SECONDS", 0)
        start.handler(request(stage, "Delete", PhysicalResourceId=FORMER), None)


def stop_what_an_update_that_goes_back_has_left(stage: Stage) -> None:
    stage.put("data", "models")
    job = stage.train(FORMER, "training.hang")
    former = stage.training_properties() | {"Fingerprint": "0" * 64}
    with starting(stage), pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "FORWARD", ())
        start.handler(request(stage, "Update", OldResourceProperties=former), None)
    assert stage.status(job) != "InProgress", "the job runs on"


def adopt_a_job_that_runs(stage: Stage) -> None:
    stage.remove("models", "jobs")
    stage.put("data")
    job = stage.train(stage.identity, "training.hang")
    handle = unused_handle()
    with starting(stage, WAIT_HANDLE=handle):
        start.handler(request(stage, "Create"), None)
    assert stage.running() == [job]
    assert jobs.awaited_by(handle).items() <= stage.tags(job).items(), (
        "the job's end will tell nobody"
    )


def adopt_a_job_that_is_done(stage: Stage) -> None:
    stage.remove("models")
    stage.put("jobs")
    with starting(stage) as told:
        start.handler(request(stage, "Create"), None)
    (signal,) = told
    assert signal.failure is None
    assert signal.data.startswith("test:pwll=")
    stage.assert_stored("models")


def tell_of_a_job_that_has_failed(stage: Stage) -> None:
    stage.remove("models", "jobs")
    stage.put("data")
    handle = unused_handle()
    stage.ended(stage.train(stage.identity, "training.fail", handle=handle))
    with starting(stage, WAIT_HANDLE=handle) as told:
        start.handler(request(stage, "Create"), None)
    (signal,) = told
    assert_tells_the_log(signal.failure)


def assert_tells_the_log(failure: str) -> None:
    assert failure.splitlines()[-1] == "bad data", "the failure says nothing of the job's log"


def take_a_model_that_is_published(stage: Stage) -> None:
    stage.put("models")
    with starting(stage) as told:
        start.handler(request(stage, "Create"), None)
    (signal,) = told
    assert signal.data.startswith("test:pwll=")


STEPS = {
    "TrainingJobStartRole": [
        Step("start a job", start_a_job),
        Step("stop a job when its resource is deleted", stop_on_delete),
        Step("look for interfaces before the stack's role goes", look_for_interfaces_on_delete),
        Step("go back from an update", stop_what_an_update_that_goes_back_has_left),
        Step("adopt a job that runs", adopt_a_job_that_runs),
        Step("adopt a job that is done", adopt_a_job_that_is_done),
        Step("tell of a job that has failed", tell_of_a_job_that_has_failed),
        Step("deploy a model that is there", take_a_model_that_is_published),
        log("TrainingJobStart"),
    ],
}
