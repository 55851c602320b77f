"""Things that happen often and are handed on together."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

SECONDS = 0.5  # from the first thing of a batch until it is handed on

T = TypeVar("T")


class Batch(Generic[T]):
    """Collects things and hands them to `deliver`, half a second after the first came."""

    def __init__(self, deliver: Callable[[list[T]], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._things: list[T] = []
        self._delivering = threading.Lock()

    def add(self, thing: T) -> None:
        """Take `thing`; returns at once."""
        with self._lock:
            self._things.append(thing)
            first = len(self._things) == 1
        if first:
            timer = threading.Timer(SECONDS, self.flush)
            timer.daemon = True
            timer.start()

    def flush(self) -> None:
        """Hand on what there is; when this returns, all that was added before is delivered."""
        with self._delivering:
            with self._lock:
                things, self._things = self._things, []
            if things:
                self._deliver(things)
