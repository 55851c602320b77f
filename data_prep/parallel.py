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
    """Processes to share work with.

    Until there are some, not even what they need is imported: most corpora do without.

    Args:
        most: Number of processes at most.
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
        """Start so many processes, if none are there yet; return whether there are any.

        It does not wait for them. A single one would be no faster than doing without.
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
                    self._pool.submit(os.getpid)  # anything: a process is started for each
        return self._jobs > 0

    def map_in_order(
        self, function: Callable[[int, _Task], _Result], tasks: Iterable[_Task]
    ) -> Generator[_Result]:
        """Yield the results in the order of the tasks.

        Args:
            function: Called with the number of the task, from 0, and the task; they and the
                results are pickled. It may call `add_in_order`.
            tasks: What there is to do.

        Raises:
            Exception: What the function raised, in place of its result.
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
            raise ChildProcessError("a process was killed, perhaps for want of memory") from None
        finally:
            wait([future for future in waiting if not future.cancel()])


def add_in_order(number: int, amounts: Sequence[int]) -> list[int]:
    """Add to totals that all tasks share, when the tasks before this one have done so.

    A task that adds nothing keeps those after it waiting.

    Returns:
        The totals before.
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
    """Keep interrupts for later; processes started meanwhile never get them.

    A terminal interrupts all processes at once, and this one ends the others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let NumPy in processes started meanwhile make no threads: they would wait, and busily."""
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
