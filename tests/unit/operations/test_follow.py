"""`python -m operations follow`: what it tells of stacks, jobs and endpoints, and how it ends."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from operations import __main__ as operations
from operations.follow import command
from operations.follow.watchers import Endpoint, Job, Stacks
from stacks.settings import load

SETTINGS = load({"environments": {"dev": {}}})
STACK = "topic-model-dev-training"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class World:
    """CloudFormation, SageMaker and Logs, as far as they are asked."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.lines: dict[str, list[str]] = {}
        self.endpoint: dict[str, Any] | None = None
        self.denied: set[str] = set()
        self.exceptions = SimpleNamespace(
            ClientError=ClientError, ResourceNotFoundException=ClientError
        )

    def client(self, service: str) -> "World":
        return self

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_stack_events"

        def paginate(StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
            if "cloudformation" in self.denied:
                raise error("AccessDenied", "not authorized")
            if StackName not in self.events:
                raise error("ValidationError", f"Stack [{StackName}] does not exist")
            yield {"StackEvents": self.events[StackName][::-1]}

        return SimpleNamespace(paginate=paginate)

    def list_training_jobs(self, **_: Any) -> dict[str, Any]:
        return {"TrainingJobSummaries": list(self.jobs.values())[::-1]}

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        return self.jobs[TrainingJobName]

    def describe_log_streams(self, logStreamNamePrefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        names = [name for name in self.lines if name.startswith(logStreamNamePrefix)]
        return {"logStreams": [{"logStreamName": name} for name in names]}

    def get_log_events(
        self,
        logStreamName: str,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        lines = self.lines[logStreamName]
        after = min(len(lines), int(nextToken) + 40)  # AWS answers in pages too
        new = [{"message": line} for line in lines[int(nextToken) : after]]
        return {"events": new, "nextForwardToken": str(after)}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if self.endpoint is None:
            raise error("ValidationException", f"Could not find endpoint {EndpointName!r}.")
        return self.endpoint

    def event(
        self, status: str, id: str = "", kind: str = "AWS::S3::Bucket", why: str = ""
    ) -> None:
        """Let an event of the training stack, or of a resource in it, happen."""
        events = self.events.setdefault(STACK, [])
        events.append(
            {
                "EventId": str(len(events)),
                "StackId": "arn:stack",
                "PhysicalResourceId": id or "arn:stack",
                "LogicalResourceId": id or STACK,
                "ResourceType": kind if id else "AWS::CloudFormation::Stack",
                "ResourceStatus": status,
                "ResourceStatusReason": why,
                "Timestamp": NOW,
            }
        )

    def job(self, name: str, status: str, *states: str) -> None:
        """Let a job have come to a status by way of states."""
        transitions = [{"Status": s, "StartTime": NOW, "StatusMessage": ""} for s in states]
        self.jobs[name] = {
            "TrainingJobName": name,
            "TrainingJobStatus": status,
            "SecondaryStatusTransitions": transitions,
        }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(command, "clients", lambda *_, **__: world.client)
    monkeypatch.setattr(command, "PERIOD", 0.05)
    monkeypatch.setattr(command, "QUIET", 0.2)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return world


class TestStacks:
    def test_what_was_over_before_is_no_news(self, world: World) -> None:
        world.event("CREATE_IN_PROGRESS")
        world.event("CREATE_COMPLETE")
        assert list(Stacks(SETTINGS, world.client).look()) == []

    def test_what_is_under_way_is_told_from_its_beginning(self, world: World) -> None:
        world.event("CREATE_COMPLETE")
        world.event("UPDATE_IN_PROGRESS")
        world.event("UPDATE_IN_PROGRESS", "Job", "Custom::TrainingJob")
        stacks = Stacks(SETTINGS, world.client)
        assert list(stacks.look()) == [
            "stack training: update in progress",
            "stack training: TrainingJob update in progress",
        ]
        assert stacks.under_way == {"training": NOW}

    def test_each_event_is_told_once_and_others_than_the_important_ones_only_if_they_fail(
        self, world: World
    ) -> None:
        stacks = Stacks(SETTINGS, world.client)
        assert list(stacks.look()) == []
        world.event("CREATE_IN_PROGRESS")
        world.event("CREATE_COMPLETE", "Bucket")
        assert list(stacks.look()) == ["stack training: create in progress"]
        world.event("CREATE_FAILED", "Bucket", why="no more buckets")
        assert list(stacks.look()) == ["stack training: Bucket create failed"]
        assert list(stacks.look()) == []

    def test_the_reason_is_that_of_the_first_failure_that_is_none_of_others(
        self, world: World
    ) -> None:
        stacks = Stacks(SETTINGS, world.client)
        list(stacks.look())
        world.event("CREATE_FAILED", "Role", why="Resource creation cancelled")
        world.event("CREATE_FAILED", "Job", why="out of money")
        world.event("CREATE_FAILED", "Other", why="later")
        world.event("ROLLBACK_COMPLETE")
        list(stacks.look())
        assert stacks.reason == "training: Job: out of money"
        assert stacks.has_failed

    def test_the_reason_is_without_the_calls_of_the_framework_for_custom_resources(
        self, world: World
    ) -> None:
        calls = (
            "\n\n    at invokeUserFunction (/var/task/framework.js:2:6)\n    at async onEvent (x)"
        )
        world.event("CREATE_IN_PROGRESS")
        stacks = Stacks(SETTINGS, world.client)
        world.event("CREATE_FAILED", "Job", why=f"Error: no money\n\nLogs: /aws/lambda/a{calls}")
        list(stacks.look())
        assert stacks.reason == "training: Job: Error: no money\n\nLogs: /aws/lambda/a"

    def test_a_stack_that_is_gone_has_ended(self, world: World) -> None:
        world.event("DELETE_IN_PROGRESS")
        stacks = Stacks(SETTINGS, world.client)
        assert list(stacks.look()) == ["stack training: delete in progress"]
        del world.events[STACK]
        assert list(stacks.look()) == ["stack training: delete complete"]
        assert (stacks.under_way, stacks.has_failed) == ({}, False)


class TestJob:
    def test_a_job_that_had_ended_before_is_no_news(self, world: World) -> None:
        world.job("topic-model-dev-1", "Completed", "Starting", "Completed")
        job = Job(SETTINGS, world.client)
        assert list(job.look()) == list(job.look()) == []

    def test_states_and_lines_of_the_log_are_told_once(self, world: World) -> None:
        job = Job(SETTINGS, world.client)
        assert list(job.look()) == []
        world.job("topic-model-dev-1", "InProgress", "Starting")
        world.lines["topic-model-dev-1/algo-1"] = ["one"]
        assert list(job.look()) == ["job topic-model-dev-1", "job: Starting", "job | one"]
        assert job.state == ("job Starting", NOW)
        world.job("topic-model-dev-1", "Failed", "Starting", "Failed")
        world.lines["topic-model-dev-1/algo-1"].append("two")
        assert list(job.look()) == ["job: Failed", "job | two", "job: Failed"]
        assert list(job.look()) == []
        assert job.state is None

    def test_of_a_long_log_the_last_line_is_told_too(self, world: World) -> None:
        """The job ends at the same look, and the last lines say why it failed."""
        job = Job(SETTINGS, world.client)
        assert list(job.look()) == []
        world.job("topic-model-dev-1", "Failed", "Failed")
        world.lines["topic-model-dev-1/algo-1"] = [str(number) for number in range(100)]
        told = list(job.look())
        assert told[2:-1] == [f"job | {number}" for number in range(100)]
        assert told[-1] == "job: Failed"

    def test_another_environments_job_is_not_followed(self, world: World) -> None:
        job = Job(SETTINGS, world.client)
        world.job("my-topic-model-dev-1", "InProgress", "Starting")
        assert list(job.look()) == []


def test_an_endpoint_is_told_when_its_state_changes(world: World) -> None:
    endpoint = Endpoint(SETTINGS, world.client)
    assert list(endpoint.look()) == []
    for status in ("Creating", "Creating", "InService"):
        world.endpoint = {"EndpointStatus": status, "LastModifiedTime": NOW}
        told = list(endpoint.look())
        changing = ("endpoint Creating", NOW) if status == "Creating" else None
        assert endpoint.state == changing
    assert told == ["endpoint topic-model-dev: InService"]
    world.endpoint = None
    assert list(endpoint.look()) == ["endpoint topic-model-dev: deleted"]


def follow(*argv: str) -> int:
    return operations.main(["follow", *argv])


@pytest.mark.parametrize("code", [0, 1, 7])
def test_the_exit_code_is_the_commands(world: World, code: int) -> None:
    assert follow("--", sys.executable, "-c", f"raise SystemExit({code})") == code


def test_a_command_that_a_signal_ended_has_the_code_that_a_shell_gives_it(world: World) -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    assert follow("--", sys.executable, "-c", code) == 128 + 9


def test_a_command_that_is_not_there_is_wrong_use(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert follow("--", "no-such-command") == 2
    assert "no-such-command: No such file" in capsys.readouterr().err


def test_the_reason_is_told_whole_and_in_the_end(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.event("CREATE_IN_PROGRESS")
    world.event("CREATE_FAILED", "Job", why=f"{'long ' * 100}\x1b[2Jend")
    assert follow("--", sys.executable, "-c", "raise SystemExit(1)") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"the deployment failed. training: Job: {'long ' * 100}\\u001b[2Jend" in last


def test_what_may_not_be_seen_is_told_once_and_stops_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.denied.add("cloudformation")
    assert follow("--", sys.executable, "-c", "import time; time.sleep(0.5)") == 0
    assert capsys.readouterr().err.count("the stacks can't be seen: ") == 1


def test_an_aws_that_can_not_be_reached_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://aws")

    for name in ("list_training_jobs", "describe_endpoint"):
        monkeypatch.setattr(world, name, fail)
    assert follow("--", sys.executable, "-c", "") == 0
    assert "the training jobs can't be seen: Could not connect" in capsys.readouterr().err


def after(looks: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen after so many looks at the endpoint, which is looked at last."""
    original, count = World.describe_endpoint, iter(range(1000))

    def describe(self: World, EndpointName: str) -> Any:  # noqa: N803
        if next(count) == looks:
            act()
        return original(self, EndpointName)

    monkeypatch.setattr(World, "describe_endpoint", describe)


@pytest.mark.parametrize(
    ("status", "code"), [("CREATE_COMPLETE", 0), ("ROLLBACK_COMPLETE", 1), ("DELETE_FAILED", 1)]
)
def test_a_deployment_of_somebody_else_is_followed_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    world.event("CREATE_IN_PROGRESS")
    after(3, lambda: world.event(status), monkeypatch)
    assert follow() == code


def test_where_nothing_is_deployed_that_is_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert follow() == 0
    assert "topic-model-dev: nothing is deployed at present" in capsys.readouterr().err
