"""Share work with other processes, and get the results in order."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_THREADS = "OPENBLAS_NUM_THREADS"
_TASKS_A_JOB = 2  # at least: less is done before a process has started
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

    def start(self, tasks: int) -> bool:
        """Start processes for so many tasks, unless some are running; return whether any are.

        It does not wait for them. One process alone would not be faster, so it is not started.
        """
        jobs = min(tasks // _TASKS_A_JOB, self._most)
        if not self._jobs and jobs > 1:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            context = get_context("spawn")  # NumPy has threads, which a fork would not copy
            self._jobs = jobs
            self._pool = ProcessPoolExecutor(jobs, context, _start)
            with _interrupts_held(), _one_thread_each():
                for _ in range(jobs):
                    self._pool.submit(os.getpid)  # any task: each starts a process
        return self._jobs > 0

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Generator[_Result]:
        """Yield the results in the order of the tasks; few tasks are done in this process.

        Args:
            function: Called with each task. Both and the result are pickled.
            tasks: The tasks.

        Raises:
            Exception: What the function raised.
            ChildProcessError: A process was killed.
        """
        if self.start(len(tasks)):
            yield from self._map(function, tasks)
        else:
            yield from map(function, tasks)

    def _map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Generator[_Result]:
        from concurrent.futures import wait
        from concurrent.futures.process import BrokenProcessPool

        waiting: deque[Future[_Result]] = deque()
        try:
            for task in tasks:
                waiting.append(self._pool.submit(function, task))
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


def _start() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
