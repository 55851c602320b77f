"""What training jobs and transform jobs share: their states, their thread, and their events.

A job reports each change of state as AWS does: by Describe and List, by an event, and in its log
group. SageMaker names all of these after the kind of the job.
"""

import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from local_aws import faults
from local_aws.api.errors import invalid
from local_aws.sagemaker import events
from local_aws.sagemaker.account_data import AccountData

FAILURE_CHARACTERS = 1024
RUNNING = ("InProgress", "Stopping")
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a "
    "different ML instance type."
)


class JobError(Exception):
    """A job fails; the message is its FailureReason."""


class Job(ABC):
    """One job, from its request to its end."""

    KIND: ClassVar[str]  # `Training` or `Transform`, as the API's members begin

    def __init__(self, data: AccountData, request: Mapping[str, Any]) -> None:
        self.data = data
        self.request = dict(request)
        self.name: str = request[f"{self.KIND}JobName"]
        self.arn = data.scope.arn(f"{self.KIND.lower()}-job/{self.name.lower()}")
        self.status = "InProgress"
        self.failure = ""
        now = time.time()
        self.times = {"CreationTime": now, "LastModifiedTime": now}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def log_group(self) -> str:
        """The log group of all jobs of the kind."""
        return f"/aws/sagemaker/{self.KIND}Jobs"

    def start(self) -> None:
        """Start the job and return at once."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the job's end, at most for `seconds`."""
        self._thread.join(seconds)

    def stop(self) -> None:
        """Ask the job to stop; it ends later."""
        with self.data.lock:
            if self.status != "InProgress":
                raise invalid(
                    f"The request was rejected because the {self.KIND.lower()} job is in status "
                    f"{self.status}."
                )
            self.status = "Stopping"
        self._stop.set()

    @abstractmethod
    def kill(self) -> None:
        """End the job's containers at once."""

    def describe(self) -> dict[str, Any]:
        """Return the job as its Describe operation answers it."""
        with self.data.lock:
            answer = {key: value for key, value in self.request.items() if key != "Tags"}
            return answer | self.summary()

    def summary(self) -> dict[str, Any]:
        """Return the job as its List operation answers it."""
        with self.data.lock:
            return {
                f"{self.KIND}JobName": self.name,
                f"{self.KIND}JobArn": self.arn,
                f"{self.KIND}JobStatus": self.status,
                **self.times,
            } | ({"FailureReason": self.failure} if self.failure else {})

    def _run(self) -> None:
        with tempfile.TemporaryDirectory(prefix=f"{self.KIND.lower()}-") as folder:
            try:
                self._work(Path(folder))
            except JobError as error:
                self._fail(str(error))
            except Exception as error:  # whatever else fails, the job must end
                self._fail(f"InternalServerError: {error!r}")
                raise

    @abstractmethod
    def _work(self, folder: Path) -> None:
        """Do the job's work in an empty folder, and report its end.

        Raises:
            JobError: The job fails.
        """

    def _fail(self, reason: str) -> None:
        self.failure = reason[:FAILURE_CHARACTERS]
        self._change("Failed")

    def _change(self, status: str) -> None:
        self._set(status)
        self._report(status)

    def _set(self, status: str) -> None:
        now = time.time()
        with self.data.lock:
            self.status = "Stopping" if self._stop.is_set() and status == "InProgress" else status
            self.times["LastModifiedTime"] = now
            if status not in RUNNING:
                self.times.setdefault(f"{self.KIND}EndTime", now)

    def _report(self, status: str) -> None:
        detail = self.describe() | {"Tags": self.data.tags_of(self.arn)}
        event = f"SageMaker {self.KIND} Job State Change"
        for _ in range(_deliveries(status)):
            events.emit(self.data.scope, event, detail, self.arn)


def _deliveries(status: str) -> int:
    """Return how often a change of state is delivered: EventBridge does not promise once."""
    if status in RUNNING:
        return 1
    if faults.strike("event.lose"):
        return 0
    return 2 if faults.strike("event.duplicate") else 1
