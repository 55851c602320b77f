"""Following a run, with stand-ins of Glue and CloudWatch Logs."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from operations import log_stream
from operations.preparation import glue_run as module
from operations.preparation.glue_run import RunFailedError, follow

OUTPUT, ERROR = "/aws-glue/jobs/output", "/aws-glue/jobs/error"


class NotFoundError(Exception):
    pass


class Aws:
    """Answers GetJobRun with one state after the other; a log grows with each."""

    def __init__(self, *states: str, **members: Any) -> None:
        self.states = list(states)
        self.members = members
        self.grows: dict[str, list[list[str]]] = {}
        self.log: dict[str, list[str]] = {}

    @property
    def exceptions(self) -> Any:
        return SimpleNamespace(ResourceNotFoundException=NotFoundError)

    def client(self, _: str) -> Any:
        return self

    def get_job_run(self, **_: str) -> dict[str, Any]:
        for group, lines in self.grows.items():
            if lines:
                self.log.setdefault(group, []).extend(lines.pop(0))
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"JobRun": {"JobRunState": state, "Timeout": 60, **self.members}}

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        """Pages of two events from the start; without startFromHead, the end."""
        if request["logGroupName"] not in self.log:
            raise NotFoundError
        lines = self.log[request["logGroupName"]]
        if not request.get("startFromHead"):
            return {"events": [{"message": line} for line in lines]}
        start = int(request.get("nextToken", "0"))
        page = lines[start : start + 2]
        return {
            "events": [{"message": line} for line in page],
            "nextForwardToken": str(start + len(page)),
        }


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0)
    monkeypatch.setattr(module, "LATE_SECONDS", 0)


def said(aws: Aws) -> list[str]:
    lines: list[str] = []
    follow(aws.client, "job", "jr_1", lines.append)
    return lines


def failure(aws: Aws) -> RunFailedError:
    with pytest.raises(RunFailedError) as caught:
        said(aws)
    return caught.value


def test_each_state_is_said_once_with_the_time() -> None:
    states = ("STARTING", "STARTING", "RUNNING", "RUNNING", "SUCCEEDED")
    assert said(Aws(*states)) == ["starting, 0:00", "running, 0:00", "succeeded, 0:00"]


def test_a_long_state_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STATUS_SECONDS", 0)
    assert said(Aws("RUNNING", "RUNNING", "SUCCEEDED"))[:2] == ["running, 0:00"] * 2


def test_what_the_driver_prints_is_said_once_and_as_it_comes() -> None:
    aws = Aws("RUNNING", "RUNNING", "SUCCEEDED")
    aws.grows[OUTPUT] = [["1", "2", "3"], ["4"], ["5"]]
    assert [line for line in said(aws) if line.isdigit()] == ["1", "2", "3", "4", "5"]


def test_a_log_is_cut_where_it_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "MOST_LINES", 3)
    monkeypatch.setattr(log_stream, "MOST_CHARACTERS", 4)
    aws = Aws("RUNNING", "SUCCEEDED")
    aws.grows[OUTPUT] = [["a" * 4, "b" * 5], ["c", "d", "e"]]
    lines = [line for line in said(aws) if ", " not in line]
    assert lines == ["aaaa", "bbbb ...", "c", f"... further lines are in the log group {OUTPUT}"]


def test_of_stderr_the_programs_lines_are_said_at_the_end_and_not_sparks() -> None:
    aws = Aws("SUCCEEDED")
    aws.log[ERROR] = ["26/01/01 INFO Spark", "data_prep: left out: it", "26/01/01 INFO Bye"]
    assert said(aws) == ["succeeded, 0:00", "data_prep: left out: it"]


@pytest.mark.parametrize(("code", "bad_input"), [(2, True), (1, False), (21, False)])
def test_a_failure_is_what_the_program_says(code: int, bad_input: bool) -> None:
    aws = Aws("FAILED", ErrorMessage=f"Error Category: UNCLASSIFIED_ERROR; SystemExit: {code}")
    aws.log[ERROR] = ["INFO Spark", "data_prep: s3://a/b: line 3: no count"]
    error = failure(aws)
    assert str(error) == "data_prep: s3://a/b: line 3: no count"
    assert error.bad_input is bad_input


def test_a_failure_is_told_once_where_spark_joins_stderr_with_stdout() -> None:
    aws = Aws("RUNNING", "FAILED", ErrorMessage="SystemExit: 2")
    aws.grows[OUTPUT] = [["working", "data_prep: why"]]
    lines: list[str] = []
    with pytest.raises(RunFailedError, match=r"^data_prep: why$") as caught:
        follow(aws.client, "job", "jr_1", lines.append)
    assert caught.value.bad_input
    assert lines == ["running, 0:00", "working", "failed, 0:00"]


def test_a_failure_after_more_lines_than_are_shown_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "MOST_LINES", 3)
    aws = Aws("FAILED", ErrorMessage="SystemExit: 1")
    aws.log[OUTPUT] = [*"abcdefgh", "data_prep: why"]
    assert str(failure(aws)) == "data_prep: why"


def test_the_reason_is_waited_for_since_logs_come_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LATE_SECONDS", 60)
    aws = Aws("FAILED", ErrorMessage="SystemExit: 1")
    asked: list[str] = []
    late = aws.get_log_events

    def get_log_events(**request: Any) -> dict[str, Any]:
        asked.append(request["logGroupName"])
        if asked.count(ERROR) == 3:
            aws.log[ERROR] = ["data_prep: why"]
        return late(**request)

    aws.get_log_events = get_log_events  # type: ignore[method-assign]
    assert str(failure(aws)) == "data_prep: why"


def test_without_a_line_of_the_program_glues_own_words_are_the_reason() -> None:
    aws = Aws("FAILED", ErrorMessage="LAUNCH ERROR | it")
    assert str(failure(aws)) == "LAUNCH ERROR | it"
    assert "no reason" in str(failure(Aws("FAILED")))


def test_a_lack_of_memory_says_what_to_do() -> None:
    aws = Aws("FAILED", ErrorMessage="Command Failed with Exit Code 1")
    aws.log[ERROR] = ["INFO Spark", "java.lang.OutOfMemoryError: Java heap space"]
    assert "ran out of memory" in str(failure(aws))
    assert "smaller files" in str(failure(aws))


Names = Callable[[RunFailedError], bool]


@pytest.mark.parametrize(
    ("state", "told"),
    [("TIMEOUT", "longer than 60 minutes; set preparation.max_minutes"), ("STOPPED", "stopped it")],
)
def test_a_run_that_was_ended_is_no_success(state: str, told: str) -> None:
    error = failure(Aws("RUNNING", state))
    assert told in str(error)
    assert not error.bad_input
