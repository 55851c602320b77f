"""New lines of a log stream, for whoever waits for what writes them."""

from collections.abc import Callable, Iterator
from typing import Any

MOST_LINES = 1000  # of a stream
MOST_CHARACTERS = 1000  # of a line


class LogStream:
    """The lines of a stream that have come since the last look; it may not exist yet.

    Args:
        logs: A client of CloudWatch Logs.
        group: The log group.
        stream: The stream.
        keep: Returns whether a line is wanted.
    """

    def __init__(
        self, logs: Any, group: str, stream: str, keep: Callable[[str], bool] = lambda _: True
    ) -> None:
        self._logs = logs
        self._place = {"logGroupName": group, "logStreamName": stream}
        self._keep = keep
        self._next: dict[str, str] = {}
        self._left = MOST_LINES

    def new_lines(self) -> Iterator[str]:
        """Yield the wanted lines that have come since, up to `MOST_LINES` of the stream."""
        while self._left:
            try:
                answer = self._logs.get_log_events(**self._place, **self._next, startFromHead=True)
            except self._logs.exceptions.ResourceNotFoundException:
                return
            lines = [event["message"].rstrip("\n") for event in answer["events"]]
            shown = [line for line in lines if self._keep(line)][: self._left]
            self._left -= len(shown)
            yield from map(cut, shown)
            if not self._left:
                yield f"... further lines are in the log group {self._place['logGroupName']}"
            token = {"nextToken": answer["nextForwardToken"]}
            if token == self._next:  # the end of the stream
                return
            self._next = token


def cut(line: str) -> str:
    """Return a line of limited length."""
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]} ..."
