"""Waiting for AWS: to a deadline, asking again and again."""

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE = 1.0  # seconds; of AWS nothing is asked more often

Answer = TypeVar("Answer")


def wait_until(ask: Callable[[], Answer], minutes: float) -> Answer:
    """Return what `ask` answers as soon as that is true, or what it last answered."""
    deadline = time.monotonic() + 60 * minutes
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return answer
