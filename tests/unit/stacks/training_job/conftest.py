import time

import boto3
import pytest

from stacks.training_job.handlers import models, signals
from tests.support.training_job_world import HANDLE, IDENTITY, WAIT, World, job_request


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    world.objects["staging", "train"] = "training data"
    monkeypatch.setattr(boto3, "client", world.client)
    monkeypatch.setattr(models, "_s3", lambda: world.client("s3"))
    monkeypatch.setattr(signals, "send", world.signal)
    monkeypatch.setattr(time, "sleep", world.slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(world.slept))
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "start-logs")
    monkeypatch.setenv("IDENTITY", IDENTITY)
    monkeypatch.setenv("NAME_PREFIX", "topics-dev")
    monkeypatch.setenv("FINISH_LOG_GROUP", "finish-logs")
    monkeypatch.setenv("WAIT_HANDLE", HANDLE)
    monkeypatch.setenv("WAIT", WAIT)
    monkeypatch.setenv("REQUEST", job_request())
    monkeypatch.setenv("LINEAGE", "commit fingerprint")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return world
