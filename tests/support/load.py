"""A constant load: so many requests a second, whatever becomes of them."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.waiting import wait_for

WORKERS = 16


@dataclass
class Load:
    """What a load found.

    Attributes:
        answers: What each request answered, or the error's text, by its number.
    """

    answers: dict[int, Any] = field(default_factory=dict)

    def seen(self, after: int = -1) -> set[Any]:
        """All different answers to requests whose number is above `after`."""
        return {answer for number, answer in list(self.answers.items()) if number > after}

    def now(self) -> int:
        """A number that only requests sent from now on are above."""
        return max(list(self.answers)) + WORKERS

    def wait_for(self, more: int) -> None:
        """Return when `more` requests have been answered from now on."""
        enough = len(self.answers) + more
        wait_for(lambda: len(self.answers) >= enough, f"{more} requests are not answered")


@contextmanager
def constant(ask: Callable[[], Any], per_second: int) -> Iterator[Load]:
    """Call `ask` so often, for as long as the block runs and a second before and after.

    Each call has its time. One that cannot be made then, because all workers still wait for their
    answers, is made as soon as one is free: slowness leaves none out, and so hides no error.
    """
    load = Load()
    lock, end = threading.Lock(), threading.Event()
    numbers, begin = itertools.count(), time.monotonic()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers)
            if end.wait(max(0.0, begin + number / per_second - time.monotonic())):
                return
            try:
                load.answers[number] = ask()
            except Exception as error:  # whatever it is, it is what the load is for
                load.answers[number] = repr(error)

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        load.wait_for(per_second)
        yield load
        load.wait_for(per_second)
    finally:
        end.set()
        for worker in workers:
            worker.join()
