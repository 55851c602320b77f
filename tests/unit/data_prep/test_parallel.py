import os
import signal
from collections.abc import Iterator

import pytest

from data_prep.parallel import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as workers:
        assert workers.start(4)
        yield workers


def negate(number: int) -> int:
    return -number


def invert(number: int) -> float:
    return 1 / number


def kill_own_process(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_the_order_of_the_tasks(workers: Workers) -> None:
    assert list(workers.map(negate, range(40))) == [-number for number in range(40)]


def test_an_error_comes_in_place_of_its_result(workers: Workers) -> None:
    results = workers.map(invert, [1, 2, 0, 4])
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_process_that_was_killed_is_noticed(workers: Workers) -> None:
    with pytest.raises(ChildProcessError, match="was killed"):
        list(workers.map(kill_own_process, [1]))


def process(_: int) -> int:
    return os.getpid()


@pytest.mark.parametrize(("most", "tasks"), [(1, 16), (8, 3), (8, 1), (8, 0)])
def test_what_a_single_process_does_as_fast_is_done_in_this_one(most: int, tasks: int) -> None:
    with Workers(most) as workers:
        assert not workers.start(tasks)
        assert set(workers.map(process, range(tasks))) <= {os.getpid()}


def test_many_tasks_are_done_in_other_processes(workers: Workers) -> None:
    assert os.getpid() not in workers.map(process, range(4))
