"""Collect things that happen often, to deliver them together."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

SECONDS = 0.5  # from the first thing of a batch until the batch is delivered

T = TypeVar("T")


class Batch(Generic[T]):
    """Collects things and passes them to `deliver` half a second after the first came."""

    def __init__(self, deliver: Callable[[list[T]], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._things: list[T] = []
        self._delivering = threading.Lock()

    def add(self, thing: T) -> None:
        """Add `thing` and return at once."""
        with self._lock:
            self._things.append(thing)
            first = len(self._things) == 1
        if first:
            timer = threading.Timer(SECONDS, self.flush)
            timer.daemon = True
            timer.start()

    def flush(self) -> None:
        """Deliver what is collected. On return, all that was added before is delivered."""
        with self._delivering:
            with self._lock:
                things, self._things = self._things, []
            if things:
                self._deliver(things)
