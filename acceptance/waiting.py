"""Wait for AWS: ask again and again, up to a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE = 1.0  # seconds between two requests

Answer = TypeVar("Answer")


def wait_until(ask: Callable[[], Answer], minutes: float) -> Answer:
    """Return the answer of `ask` as soon as it is true, or its last answer at the deadline."""
    deadline = time.monotonic() + 60 * minutes
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return answer
