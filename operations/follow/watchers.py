"""What is new since the last look: of the stacks, of the training job, and of the endpoint.

A watcher asks AWS and returns lines. It keeps what it has told, and tells it once.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from operations.environment import Clients
from operations.log_stream import LogStream
from stacks.settings import Settings

LOG_GROUP = "/aws/sagemaker/TrainingJobs"  # not from `stacks.training_job`, which starts the CDK
_CHARACTERS = 160  # of a line
# Resources that take minutes or say what went wrong; others are told only if they fail.
_TOLD = ("Custom::TrainingJob", "Custom::EndpointGate", "AWS::CloudFormation::WaitCondition")
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled")
_ENDS = ("_COMPLETE", "_FAILED")
# The CDK's framework for custom resources tells where in its own code it was.
_CALLS = re.compile(r"\n+ +at [^\n]*")


def short(text: str) -> str:
    """Return a text as one line of limited length."""
    line = " ".join(text.split())
    return line if len(line) <= _CHARACTERS else f"{line[:_CHARACTERS]}..."


class Stacks:
    """The events of an environment's stacks: those of a change that is under way, and all later.

    Attributes:
        reason: Why the first resource failed; empty if none did.
        under_way: The stacks that change at present, each with when that began.
        ended: The stacks that have ended a change, each with its status.
    """

    def __init__(self, settings: Settings, client: Clients) -> None:
        self._cloudformation = client("cloudformation")
        self._names = settings.stacks
        self._prefix = f"{settings.name}-"
        self._told: set[str] = set()
        self._first = True
        self.reason = ""
        self.under_way: dict[str, datetime] = {}
        self.ended: dict[str, str] = {}

    def look(self) -> Iterator[str]:
        """Yield a line for each event that matters."""
        for name in self._names:
            stack = name.removeprefix(self._prefix)
            events = self._events(name)
            if events is None:
                if self.under_way.pop(stack, None):
                    self.ended[stack] = "DELETE_COMPLETE"
                    yield f"stack {stack}: delete complete"
                continue
            for event in events:
                yield from self._tell(stack, event)
        self._first = False

    @property
    def has_failed(self) -> bool:
        """Whether a change ended with anything but success."""
        return any("ROLLBACK" in status or "FAILED" in status for status in self.ended.values())

    def _events(self, name: str) -> list[Any] | None:
        """Return the events that were not told yet, the oldest first; None if there is no stack."""
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        found: list[Any] = []
        try:
            for event in (event for page in pages for event in page["StackEvents"]):
                if event["EventId"] in self._told:
                    break
                found.append(event)
                if self._first and (_ends(found[0]) or _begins(event)):
                    break
        except self._cloudformation.exceptions.ClientError as error:
            if "does not exist" not in str(error):
                raise
            return None
        self._told |= {event["EventId"] for event in found}
        is_over = self._first and found and _ends(found[0])
        return [] if is_over else found[::-1]

    def _tell(self, stack: str, event: Any) -> Iterator[str]:
        status = event["ResourceStatus"]
        reason = event.get("ResourceStatusReason", "")
        failed = status.endswith("_FAILED") and not reason.startswith(_CANCELLED)
        if failed and not self.reason and not _is_of_stack(event):
            without_calls = _CALLS.sub("", reason).rstrip()
            self.reason = f"{stack}: {event['LogicalResourceId']}: {without_calls}"
        if _is_of_stack(event):
            self._note(stack, event)
            yield f"stack {stack}: {_words(status)}"
        elif failed or event["ResourceType"] in _TOLD or _is_of_sagemaker(event):
            kind = event["ResourceType"].rpartition("::")[2]
            yield f"stack {stack}: {kind} {_words(status)}"

    def _note(self, stack: str, event: Any) -> None:
        status = event["ResourceStatus"]
        if status.endswith(_ENDS):
            self.under_way.pop(stack, None)
            self.ended[stack] = status
        elif stack not in self.under_way:
            self.under_way[stack] = event["Timestamp"]
            self.ended.pop(stack, None)


def _is_of_stack(event: Any) -> bool:
    return bool(event.get("PhysicalResourceId") == event["StackId"])


def _is_of_sagemaker(event: Any) -> bool:
    return bool(event["ResourceType"].startswith("AWS::SageMaker::"))


def _ends(event: Any) -> bool:
    """Whether a change of a stack ends with this event."""
    return _is_of_stack(event) and event["ResourceStatus"].endswith(_ENDS)


def _begins(event: Any) -> bool:
    """Whether a change of a stack begins with this event."""
    return _is_of_stack(event) and event["ResourceStatus"] in (
        "CREATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    )


def _words(status: str) -> str:
    return status.lower().replace("_", " ")


class Job:
    """The training job of an environment that runs, or the next one, and what it logs.

    Attributes:
        state: What it does at present, and since when; None if no job runs.
    """

    def __init__(self, settings: Settings, client: Clients) -> None:
        self._sagemaker = client("sagemaker")
        self._logs = client("logs")
        self._prefix = f"{settings.name}-"
        self._name: str | None = None
        self._over: set[str] | None = None  # jobs that had ended at the first look
        self._transitions = 0
        self._streams: dict[str, LogStream] = {}
        self._ended = False
        self.state: tuple[str, datetime] | None = None

    def look(self) -> Iterator[str]:
        """Yield a line for each state of the job, and what it has logged."""
        yield from self._find()
        if self._name is None or self._ended:
            return
        job = self._sagemaker.describe_training_job(TrainingJobName=self._name)
        transitions = job.get("SecondaryStatusTransitions", [])
        for each in transitions[self._transitions :]:
            message = each.get("StatusMessage", "")
            yield f"job: {each['Status']}{': ' if message else ''}{message}"
        self._transitions = len(transitions)
        if transitions:
            self.state = f"job {transitions[-1]['Status']}", transitions[-1]["StartTime"]
        yield from self._log()
        if job["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            self._ended, self.state = True, None
            yield f"job: {job['TrainingJobStatus']}"

    def _find(self) -> Iterator[str]:
        newest = self._sagemaker.list_training_jobs(
            NameContains=self._prefix, SortBy="CreationTime", SortOrder="Descending", MaxResults=10
        )["TrainingJobSummaries"]
        jobs = [job for job in newest if job["TrainingJobName"].startswith(self._prefix)]
        if self._over is None:
            running = ("InProgress", "Stopping")
            over = (job for job in jobs if job["TrainingJobStatus"] not in running)
            self._over = {job["TrainingJobName"] for job in over}
        name = jobs[0]["TrainingJobName"] if jobs else None
        if name not in (None, self._name) and name not in self._over:
            self._name, self._transitions, self._ended = name, 0, False
            self._streams = {}
            yield f"job {name}"

    def _log(self) -> Iterator[str]:
        try:
            found = self._logs.describe_log_streams(
                logGroupName=LOG_GROUP, logStreamNamePrefix=f"{self._name}/"
            )["logStreams"]
        except self._logs.exceptions.ResourceNotFoundException:
            return
        for name in (each["logStreamName"] for each in found):
            if name not in self._streams:
                self._streams[name] = LogStream(self._logs, LOG_GROUP, name)
            for line in self._streams[name].new_lines():
                yield f"job | {line}"


class Endpoint:
    """The states of an environment's endpoint.

    Attributes:
        state: What it does at present, and since when; None if it is in service or not there.
    """

    def __init__(self, settings: Settings, client: Clients) -> None:
        self._sagemaker = client("sagemaker")
        self._name = settings.name
        self._status: str | None = None
        self._first = True
        self.state: tuple[str, datetime] | None = None

    def look(self) -> Iterator[str]:
        """Yield a line if the endpoint has come to another state."""
        try:
            found = self._sagemaker.describe_endpoint(EndpointName=self._name)
        except self._sagemaker.exceptions.ClientError as error:
            if "could not find" not in str(error).lower():
                raise
            found = {}
        status = found.get("EndpointStatus")
        if status == self._status and not self._first:
            return
        if not self._first:
            yield f"endpoint {self._name}: {status or 'deleted'}"
        self._status, self._first = status, False
        changes = status not in (None, "InService")
        self.state = (f"endpoint {status}", found["LastModifiedTime"]) if changes else None
