"""Run a function over tasks in several processes, and get the results in order."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_AHEAD = 2  # tasks a process that are done or under way; bounds the results that wait


def map_in_order(
    function: Callable[[_Task], _Result], tasks: Iterable[_Task], jobs: int
) -> Iterator[_Result]:
    """Yield the results in the order of the tasks.

    Args:
        function: Sent once to each process; it, the tasks and the results are pickled.
        tasks: One argument each.
        jobs: Number of processes.

    Raises:
        Exception: What the function raised, in place of its result.
        ChildProcessError: A process was killed.
    """
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),  # NumPy has threads, which a fork would not copy
        initializer=_start,
        initargs=(function,),
    )
    waiting: deque[Future[_Result]] = deque()
    try:
        for task in tasks:
            with _interrupts_held():
                waiting.append(pool.submit(_run, task))
            if len(waiting) > _AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise ChildProcessError("a process was killed, perhaps for want of memory") from None
    finally:
        pool.shutdown(cancel_futures=True)


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


_function: Callable[[Any], Any]


def _start(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _run(task: Any) -> Any:
    return _function(task)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
