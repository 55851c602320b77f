"""A container's log stream."""

import threading
import time
from typing import Any

from botocore.exceptions import ClientError

from local_aws.sagemaker.logs import Stream


class Logs:
    """CloudWatch Logs, in which making a stream takes time and succeeds once."""

    exceptions = type("Exceptions", (), {"ResourceNotFoundException": KeyError})

    def __init__(self) -> None:
        self.made = 0
        self.lines: list[str] = []

    def create_log_stream(self, **_: str) -> None:
        self.made += 1
        if self.made > 1:
            error: Any = {"Error": {"Code": "ResourceAlreadyExistsException"}}
            raise ClientError(error, "CreateLogStream")
        time.sleep(0.05)

    def put_log_events(self, logEvents: list[Any], **_: str) -> None:  # noqa: N803
        self.lines += [event["message"] for event in logEvents]


def test_no_line_is_lost_when_two_threads_write_the_first() -> None:
    """As the container's own lines come while SageMaker writes one."""
    logs = Logs()
    stream = Stream(logs, "group", "stream")
    threads = [threading.Thread(target=stream.write, args=([line],)) for line in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(logs.lines) == ["a", "b"]
