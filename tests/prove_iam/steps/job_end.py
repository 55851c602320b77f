"""The functions of a job's end."""

import io
import json
from contextlib import redirect_stdout
from typing import Any

from stacks.training_job.handlers import finish, jobs

from ..stage import Stage, instance_arn, unused_handle
from .function_logs import events_of, log
from .job_start import assert_tells_the_log
from .step import Step


def finishing(stage: Stage, job: str, handle: str) -> Any:
    stage.at_hand("sagemaker").add_tags(
        ResourceArn=instance_arn("sagemaker", f"training-job/{job}"),
        Tags=[{"Key": k, "Value": v} for k, v in jobs.awaited_by(handle).items()],
    )
    said = io.StringIO()
    with stage.acting_as("TrainingJobFinish", WAIT_HANDLE=handle) as told, redirect_stdout(said):
        finish.handler({"detail": {"TrainingJobName": job}}, None)
    assert said.getvalue(), "there is no metric of the job"
    (signal,) = told
    return signal


def publish_a_model(stage: Stage) -> None:
    stage.remove("models")
    stage.put("jobs")
    signal = finishing(stage, stage.first_job["TrainingJobName"], unused_handle())
    assert signal.failure is None
    assert signal.data.startswith("test:pwll=")
    stage.assert_stored("models")


def tell_why_a_job_has_failed(stage: Stage) -> None:
    stage.put("data")
    job = stage.train(stage.identity, "training.fail")
    stage.ended(job)
    assert_tells_the_log(finishing(stage, job, unused_handle()).failure)


def hand_over_what_fails(stage: Stage) -> None:
    """A job that nobody knows makes `Finish` fail, twice; then `Crashed` is called, and logs."""
    before = events_of(stage, "TrainingJobCrashed")
    stage.at_hand("lambda").invoke(
        FunctionName=stage.resources["TrainingJobFinish"],
        InvocationType="Event",
        Payload=json.dumps({"detail": {"TrainingJobName": "unknown"}}),
    )
    what = "the deployment hears nothing of an end that could not be handled"
    stage.expect(lambda: events_of(stage, "TrainingJobCrashed") > before, what)


STEPS = {
    "TrainingJobFinishRole": [
        Step("publish a model", publish_a_model),
        Step("tell why a job has failed", tell_why_a_job_has_failed),
        Step("hand over what fails", hand_over_what_fails),
        log("TrainingJobFinish"),
    ],
    "TrainingJobCrashedRole": [log("TrainingJobCrashed")],
}
