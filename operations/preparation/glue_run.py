"""Follow a run of the Glue job to its end: its states, its driver's log, and why it failed."""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from operations.environment import Clients
from operations.log_stream import LogStream, cut

LOG_GROUP = "/aws-glue/jobs"
POLL_SECONDS = 5.0
LATE_SECONDS = 15.0  # for which the last lines of a log may be on their way
STATUS_SECONDS = 60.0  # between two lines that say that the run goes on
ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
OUR_LINE = "data_prep"  # how a line of our program begins, among Spark's own
NO_MEMORY = "java.lang.OutOfMemoryError"
KEPT_LINES = 20  # of what the program says on stderr, the last ones
BAD_INPUT = re.compile(r"\bSystemExit: 2\b")

Say = Callable[[str], None]
Run = Mapping[str, Any]


class RunFailedError(Exception):
    """A run did not succeed; the message says why.

    Attributes:
        bad_input: Whether the program says that it was given what can't be used.
    """

    def __init__(self, message: str, *, bad_input: bool = False) -> None:
        super().__init__(message)
        self.bad_input = bad_input


def follow(client: Clients, job: str, id: str, say: Say) -> Run:
    """Wait for the end of a run, and say what happens meanwhile.

    Args:
        client: Makes clients of the run's Region.
        job: The job's name.
        id: The run's id.
        say: Gets states and lines of the driver's log.

    Returns:
        The run, as GetJobRun answers.

    Raises:
        RunFailedError: The run failed, was stopped or took too long.
    """
    output = LogStream(
        client("logs"), f"{LOG_GROUP}/output", id, lambda line: not line.startswith(OUR_LINE)
    )
    begin = said_at = time.monotonic()
    state = ""
    while True:
        run: Run = client("glue").get_job_run(JobName=job, RunId=id)["JobRun"]
        now = time.monotonic()
        if run["JobRunState"] != state or now - said_at >= STATUS_SECONDS:
            state, said_at = run["JobRunState"], now
            say(f"{state.lower()}, {_clock(now - begin)}")
        for line in output.new_lines():
            say(line)
        if state not in ACTIVE:
            break
        time.sleep(POLL_SECONDS)
    told = _errors(client("logs"), id)
    end = time.monotonic() + LATE_SECONDS
    while state == "FAILED" and not told and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        told = _errors(client("logs"), id)
    if state != "SUCCEEDED":
        raise _failure(run, told)
    for line in told:
        say(line)
    return run


def _failure(run: Run, told: list[str]) -> RunFailedError:
    message = str(run.get("ErrorMessage", ""))
    bad_input = BAD_INPUT.search(message) is not None
    match run["JobRunState"]:
        case "TIMEOUT":
            return RunFailedError(
                f"it took longer than {run['Timeout']} minutes; set preparation.max_minutes or "
                "preparation.workers to more, and deploy the preparation stack again"
            )
        case "STOPPED":
            return RunFailedError("somebody stopped it")
    ours = [line for line in told if NO_MEMORY not in line]
    if ours:
        return RunFailedError("\n".join(ours), bad_input=bad_input)
    if told:
        return RunFailedError(
            f"a machine ran out of memory ({told[-1]}): cut the corpus into smaller files, of 64 "
            "to 256 MB each"
        )
    reason = cut(message) or "Glue gives no reason; look at its console"
    return RunFailedError(reason, bad_input=bad_input)


def _errors(logs: Any, id: str) -> list[str]:
    """Return what the program said on stderr, from the ends of the logs; the rest is Spark's own.

    Spark's driver joins a Python program's stderr with its stdout.
    """
    told = []
    for name in ("output", "error"):
        place = {"logGroupName": f"{LOG_GROUP}/{name}", "logStreamName": id}
        with suppress(logs.exceptions.ResourceNotFoundException):
            lines = [
                event["message"].rstrip("\n") for event in logs.get_log_events(**place)["events"]
            ]
            told += [line for line in lines if line.startswith(OUR_LINE) or NO_MEMORY in line]
    return [cut(line) for line in told[-KEPT_LINES:]]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
