"""Whoever asks the endpoint, or runs transform jobs."""

import contextlib
import io
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from scipy.sparse import csr_array

from data_prep.recordio import encode
from tests.support.cloud import client_of
from topics.__main__ import main
from topics.endpoint import transform_job

from ..stage import NAME, PROJECT, Stage, session
from .step import Step

WORDS = 1000  # of the sample corpus


def ask(runtime: Any, endpoint: str) -> None:
    body = json.dumps({"instances": [{"features": [1] * WORDS}]})
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=body
    )
    assert json.load(answer["Body"])["predictions"]


def document() -> bytes:
    """RecordIO of a document with each word once."""
    return b"".join(encode(csr_array(np.ones((1, WORDS), np.float32))))


@contextmanager
def user(stage: Stage, policy: str) -> Iterator[dict[str, str]]:
    """The environment of a user that has the policy of an output, and nothing else."""
    iam = stage.at_hand("iam")
    name = f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    arn = stage.outputs()[policy]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        yield stage.environment | {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.detach_user_policy(UserName=name, PolicyArn=arn)
        iam.delete_user(UserName=name)


def ask_as_a_user(stage: Stage) -> None:
    with user(stage, "InvokePolicyArn") as environment:
        ask(client_of(environment, "sagemaker-runtime"), NAME)


def transform(stage: Stage, environment: dict[str, str]) -> tuple[int, str]:
    """Run `topics transform` in this process: its exit code, and what it tells."""
    documents = Path(stage.out, "documents.recordio")
    documents.write_bytes(2 * document())
    told, printed = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stderr(told),
        contextlib.redirect_stdout(printed),
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", session())
        patch.setattr(transform_job, "POLL_SECONDS", 0.1)
        code = main(["transform", "--env", f"{PROJECT}/dev", str(documents)])
    assert code or printed.getvalue().count("\n") == 2
    return code, told.getvalue()


def transform_as_a_user(stage: Stage) -> None:
    """The documents are answered, and nothing stays in the bucket."""
    with user(stage, "TransformPolicyArn") as environment:
        code, told = transform(stage, environment)
    problem = next((line for line in told.splitlines() if "not authorized" in line), told)
    assert code == 0, problem
    assert "could not be removed" not in told, problem


def read_the_log_of_a_failed_job(stage: Stage) -> None:
    stage.arm("transform.fail", reason="no memory")
    with user(stage, "TransformPolicyArn") as environment:
        code, told = transform(stage, environment)
    assert code == 1
    assert "no memory" in told, next(
        (line for line in told.splitlines() if "can't be read" in line), told
    )


def stop_as_a_user(stage: Stage) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    stage.arm("invoke.slow", seconds=600)
    try:
        with user(stage, "TransformPolicyArn") as environment, pytest.MonkeyPatch.context() as p:
            p.setattr(time, "sleep", interrupt)
            _, told = transform(stage, environment)
    finally:
        stage.disarm()
        stage.end_transforms()
    assert "is being stopped" in told, told.splitlines()[-3]


STEPS = {
    "InvokePolicy": [Step("ask the endpoint", ask_as_a_user)],
    "TransformPolicy": [
        Step("transform documents", transform_as_a_user),
        Step("read the log of a failed transform job", read_the_log_of_a_failed_job),
        Step("stop a transform job", stop_as_a_user),
    ],
}
