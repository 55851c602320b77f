"""Waiting for what comes about by itself: up to a deadline, never for a time that might do."""

import time
from collections.abc import Callable
from typing import Any

PAUSE = 0.05


def wait_for(is_so: Callable[[], Any], what: str = "it did not come", seconds: float = 60) -> Any:
    """What `is_so` answers as soon as that is true.

    Raises:
        AssertionError: It is not in time; the error is `what`.
    """
    deadline = time.monotonic() + seconds
    while not (answer := is_so()):
        assert time.monotonic() < deadline, what
        time.sleep(PAUSE)
    return answer
