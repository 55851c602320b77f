"""Run Glue's jobs, where MiniStack answers that they have succeeded.

Without Docker MiniStack runs no Spark: it sets a run's state to SUCCEEDED and does nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import glue

from local_aws.api.errors import ApiError
from local_aws.glue import runs_api
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Response


def apply() -> None:
    """Change MiniStack."""
    glue._start_job_run = _answering("StartJobRun")
    glue._get_job_run = _answering("GetJobRun")
    glue._get_job_runs = _answering("GetJobRuns")
    glue._batch_stop_job_run = _answering("BatchStopJobRun")


def _answering(operation: str) -> Callable[[Mapping[str, Any]], Response]:
    def answer(request: Mapping[str, Any]) -> Response:
        try:
            return bridge.success(runs_api.call(bridge.current_scope(), operation, request))
        except ApiError as error:
            return bridge.failure(error)

    return answer
