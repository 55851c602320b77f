"""The role of the Glue job, and whoever prepares a corpus with it.

The program runs with plain Python in Spark's place: it calls the same functions, so it asks AWS
for the same things.
"""

import io
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress

import boto3
import pytest
from botocore.exceptions import ClientError

from data_prep import s3
from operations.__main__ import main
from operations.preparation import glue_run
from operations.preparation.glue_run import RunFailedError
from tests.support.waiting import wait_for

from ..stage import NAME, PROJECT, Stage, session
from .step import Step
from .users import user

JOB = f"{NAME}-preparation"
GROUPS = ("/aws-glue/jobs/output", "/aws-glue/jobs/error")


def prepare_as_the_job(stage: Stage) -> None:
    """An account's first run: its log groups are not there yet."""
    end_runs(stage)
    for group in GROUPS:
        with suppress(ClientError):
            stage.at_hand("logs").delete_log_group(logGroupName=group)
    glue = stage.at_hand("glue")
    out = f"s3://{stage.bucket}/sagemaker/lda-model/data/{uuid.uuid4().hex[:8]}"
    given = {"--out": out, "--options": "--field body"}
    run = glue.start_job_run(JobName=JOB, Arguments=given)["JobRunId"]
    said: list[str] = []
    with waiting_little():
        try:
            glue_run.follow(stage.at_hand, JOB, run, said.append)
        except RunFailedError as error:
            pytest.fail(str(error).removeprefix("data_prep: "))
    assert any(line.endswith(f"-> {out}") for line in said), "the run has no log"


def prepare_as_a_user(stage: Stage) -> None:
    end_runs(stage)
    with whoever_prepares(stage):
        said = main_says(f"{stage.out}/prepared")
        assert said == "", said


def stop_as_a_user(stage: Stage) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    end_runs(stage)
    with whoever_prepares(stage), pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", interrupt)
        said = main_says(f"{stage.out}/prepared")
    runs = stage.at_hand("glue").get_job_runs(JobName=JOB)["JobRuns"]
    assert runs[0]["JobRunState"] in ("STOPPING", "STOPPED"), said


def end_runs(stage: Stage) -> None:
    """End what a step before has left running: the job has one run at a time."""
    glue = stage.at_hand("glue")

    def active() -> list[str]:
        runs = glue.get_job_runs(JobName=JOB)["JobRuns"]
        return [run["Id"] for run in runs if "CompletedOn" not in run]

    if ids := active():
        glue.batch_stop_job_run(JobName=JOB, JobRunIds=ids)
        wait_for(lambda: not active(), "the run does not end")


def main_says(out: str) -> str:
    """What the command line says against preparing a corpus, in a line."""
    name = uuid.uuid4().hex[:8]
    said = io.StringIO()
    with redirect_stderr(said), waiting_little():
        where = ["-c", f"project={PROJECT}", "--name", name, "--out", out]
        code = main(["prepare", *where, "--", "--field", "body"])
    lines = said.getvalue().splitlines()
    return next((line for line in lines if "not authorized" in line), lines[-1]) if code else ""


@contextmanager
def whoever_prepares(stage: Stage) -> Iterator[None]:
    """This process has the credentials of a user with the policy, and no other."""
    with user(stage, "PreparePolicyArn") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", session())
        s3._client.cache_clear()  # it has the credentials of the user before
        yield


@contextmanager
def waiting_little() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glue_run, "POLL_SECONDS", 0.1)
        patch.setattr(glue_run, "LATE_SECONDS", 1)
        yield


STEPS = {
    "JobRole": [Step("prepare a corpus", prepare_as_the_job)],
    "PreparePolicy": [
        Step("prepare a corpus and fetch what a deployment needs", prepare_as_a_user),
        Step("stop a run", stop_as_a_user),
    ],
}
