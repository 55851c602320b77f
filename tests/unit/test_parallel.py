import os
import signal
import time
from collections.abc import Iterator

import pytest

from data_prep.parallel import Workers, add_in_order


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as workers:
        assert workers.start(2)
        yield workers


def negate(_: int, number: int) -> int:
    return -number


def invert(_: int, number: int) -> float:
    return 1 / number


def kill_own_process(_: int, __: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def add_late(number: int, amount: int) -> list[int]:
    time.sleep(0.05 * (number % 2 == 0))  # so that odd tasks come to it first
    return add_in_order(number, (amount, 1))


def test_results_come_in_the_order_of_the_tasks(workers: Workers) -> None:
    assert list(workers.map_in_order(negate, range(40))) == [-number for number in range(40)]


def test_an_error_comes_in_place_of_its_result(workers: Workers) -> None:
    results = workers.map_in_order(invert, [1, 2, 0, 4])
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_totals_grow_in_the_order_of_the_tasks_and_begin_anew_each_time(workers: Workers) -> None:
    expected = [[0, 0], [10, 1], [30, 2], [60, 3]]
    assert list(workers.map_in_order(add_late, [10, 20, 30, 40])) == expected
    assert list(workers.map_in_order(add_late, [10, 20, 30, 40])) == expected


def test_a_process_that_was_killed_is_noticed(workers: Workers) -> None:
    with pytest.raises(ChildProcessError, match="was killed"):
        list(workers.map_in_order(kill_own_process, [1]))


@pytest.mark.parametrize(("most", "wanted"), [(1, 8), (8, 1), (8, 0)])
def test_a_single_process_is_not_started(most: int, wanted: int) -> None:
    with Workers(most) as workers:
        assert not workers.start(wanted)
