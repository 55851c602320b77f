"""Share work with other processes, and get the results in order."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import add
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.context import SpawnContext

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_THREADS = "OPENBLAS_NUM_THREADS"
_AHEAD = 2  # tasks a process that are done or under way; bounds the results that wait


class Workers:
    """Processes that share work.

    Nothing that they need is imported before they start: most corpora need no other process.

    Args:
        most: Largest number of processes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._jobs:
            self._pool.shutdown(cancel_futures=True)

    def start(self, wanted: int) -> bool:
        """Start this many processes, unless some are running; return whether any are running.

        It does not wait for them. One process alone would not be faster, so it is not started.
        """
        jobs = min(wanted, self._most)
        if not self._jobs and jobs > 1:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            context = get_context("spawn")  # NumPy has threads, which a fork would not copy
            self._jobs = jobs
            self._totals = _Totals(context)
            self._pool = ProcessPoolExecutor(jobs, context, _start, (self._totals,))
            with _interrupts_held(), _one_thread_each():
                for _ in range(jobs):
                    self._pool.submit(os.getpid)  # any task: each starts a process
        return self._jobs > 0

    def map_in_order(
        self, function: Callable[[int, _Task], _Result], tasks: Iterable[_Task]
    ) -> Generator[_Result]:
        """Yield the results in the order of the tasks.

        Args:
            function: Called with the number of the task, from 0, and the task. Both and the
                result are pickled. It may call `add_in_order`.
            tasks: The tasks.

        Raises:
            Exception: What the function raised.
            ChildProcessError: A process was killed.
        """
        from concurrent.futures import wait
        from concurrent.futures.process import BrokenProcessPool

        self._totals.reset()
        waiting: deque[Future[_Result]] = deque()
        try:
            for number, task in enumerate(tasks):
                waiting.append(self._pool.submit(function, number, task))
                if len(waiting) > _AHEAD * self._jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise ChildProcessError(
                "a process was killed; perhaps there was not enough memory: try fewer --jobs"
            ) from None
        finally:
            wait([future for future in waiting if not future.cancel()])


def add_in_order(number: int, amounts: Sequence[int]) -> list[int]:
    """Add to the totals of all tasks, after the tasks before this one have added theirs.

    Every task must add something, or the tasks after it wait for ever.

    Returns:
        The totals before this task.
    """
    return _totals.add(number, amounts)


class _Totals:
    """Two numbers that processes add to in turn."""

    def __init__(self, context: "SpawnContext") -> None:
        self._state = context.Array("q", 3)  # the task whose turn it is, and the numbers
        self._changed = context.Condition(self._state.get_lock())

    def reset(self) -> None:
        self._state[:] = [0, 0, 0]

    def add(self, number: int, amounts: Sequence[int]) -> list[int]:
        with self._changed:
            self._changed.wait_for(lambda: self._state[0] == number)
            before = self._state[1:]
            self._state[:] = [number + 1, *map(add, before, amounts)]
            self._changed.notify_all()
        return before


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Delay interrupts; processes that are started meanwhile ignore them.

    A terminal interrupts all processes at once, but this one ends the others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let NumPy use one thread in processes that are started meanwhile."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


_totals: _Totals


def _start(totals: _Totals) -> None:
    global _totals
    _totals = totals
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
