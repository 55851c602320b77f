"""Requests about runs of Glue jobs: start, describe, list and stop them."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from local_aws.api import pages, validation
from local_aws.api.errors import ApiError
from local_aws.glue.job_run import JobRun
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope

Request = Mapping[str, Any]

SPARK = "glueetl"
PAGE = 200
# What a run may have instead of the job's; anything else has no meaning here.
OVERRIDES = {"JobName", "Arguments", "Timeout", "WorkerType", "NumberOfWorkers"}

_runs: dict[tuple[Scope, str], list[JobRun]] = {}
_lock = threading.Lock()


def call(scope: Scope, operation: str, request: Request) -> dict[str, Any]:
    """Do an operation.

    Raises:
        ApiError: The request is wrong.
    """
    validation.check("glue", operation, request)
    return _OPERATIONS[operation](scope, request)


def _start(scope: Scope, request: Request) -> dict[str, Any]:
    name = request["JobName"]
    job = bridge.glue_job(scope, name)
    if job is None:
        raise _missing("Failed to start job run due to missing metadata")
    if job["Command"].get("Name") != SPARK:
        raise ApiError("InvalidInputException", f"Only jobs of type {SPARK} can run here.")
    if others := sorted(request.keys() - OVERRIDES):
        raise ApiError("InvalidInputException", f"{', '.join(others)}: not offered here.")
    with _lock:
        runs = _runs.setdefault((scope, name), [])
        active = sum(run.is_active for run in runs)
        if active >= int(job["ExecutionProperty"]["MaxConcurrentRuns"]):
            raise ApiError(
                "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}"
            )
        run = JobRun(scope, job, request)
        runs.append(run)
    run.start()
    return {"JobRunId": run.id}


def _get(scope: Scope, request: Request) -> dict[str, Any]:
    run = _find(scope, request["JobName"], request["RunId"])
    if run is None:
        raise _missing(f"Job Run {request['RunId']} not found")
    return {"JobRun": run.describe()}


def _list(scope: Scope, request: Request) -> dict[str, Any]:
    """GetJobRuns, the newest first."""
    name = request["JobName"]
    if bridge.glue_job(scope, name) is None:
        raise _missing(f"Job {name} not found.")
    with _lock:
        runs = list(_runs.get((scope, name), []))
    found, further = pages.cut(
        "glue",
        "GetJobRuns",
        request,
        enumerate(runs),
        lambda one: (one[0],),
        size=PAGE,
        descending=True,
    )
    return {"JobRuns": [run.describe() for _, run in found], **further}


def _stop(scope: Scope, request: Request) -> dict[str, Any]:
    name = request["JobName"]
    stopped: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for id in request["JobRunIds"]:
        run = _find(scope, name, id)
        named = {"JobName": name, "JobRunId": id}
        if run is None:
            code, message = "EntityNotFoundException", f"Job Run {id} not found"
        elif not run.stop():
            code, message = "JobRunInTerminalStateException", f"Job Run {id} has ended"
        else:
            stopped.append(named)
            continue
        errors.append(named | {"ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}})
    return {"SuccessfulSubmissions": stopped, "Errors": errors}


def _find(scope: Scope, name: str, id: str) -> JobRun | None:
    with _lock:
        return next((run for run in _runs.get((scope, name), []) if run.id == id), None)


def _missing(message: str) -> ApiError:
    return ApiError("EntityNotFoundException", message)


_OPERATIONS: dict[str, Callable[[Scope, Request], dict[str, Any]]] = {
    "StartJobRun": _start,
    "GetJobRun": _get,
    "GetJobRuns": _list,
    "BatchStopJobRun": _stop,
}
