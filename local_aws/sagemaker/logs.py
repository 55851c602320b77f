"""Write a container's output to a stream of CloudWatch Logs."""

import threading
import time
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


class Stream:
    """A log stream, created with the first line. Several threads may write to it.

    If the role may not write logs, there is no log, and nothing else fails, as on AWS.
    """

    def __init__(self, client: Any, group: str, name: str) -> None:
        self._client = client
        self._group = group
        self._name = name
        self._made = False
        self._lock = threading.Lock()

    def write(self, lines: list[str]) -> None:
        """Add `lines` with the present time, without empty ones."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines if line]
        with self._lock, suppress(ClientError, BotoCoreError):
            self._make()
            if events:
                self._put(events)

    def _put(self, events: list[Any]) -> None:
        """Put `events`; create the log group again if it is gone, as SageMaker's agent does."""
        target = {"logGroupName": self._group, "logStreamName": self._name}
        try:
            self._client.put_log_events(**target, logEvents=events)
        except self._client.exceptions.ResourceNotFoundException:
            self._made = False
            self._make()
            self._client.put_log_events(**target, logEvents=events)

    def _make(self) -> None:
        if self._made:
            return
        try:
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._name)
        except self._client.exceptions.ResourceNotFoundException:
            self._client.create_log_group(logGroupName=self._group)
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._name)
        self._made = True
