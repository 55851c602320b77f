import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.parallel import Workers, add_in_order
from tests.support.waiting import wait_for


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


def add_odd_ones_first(number: int, task: tuple[int, Path]) -> list[int]:
    """Of two tasks at the same time, the second comes to adding first."""
    amount, folder = task
    if number % 2:
        (folder / str(number)).touch()
    else:
        wait_for((folder / str(number + 1)).exists)
    return add_in_order(number, (amount, 1))


def test_results_come_in_the_order_of_the_tasks(workers: Workers) -> None:
    assert list(workers.map_in_order(negate, range(40))) == [-number for number in range(40)]


def test_an_error_comes_in_place_of_its_result(workers: Workers) -> None:
    results = workers.map_in_order(invert, [1, 2, 0, 4])
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_totals_grow_in_the_order_of_the_tasks_and_begin_anew_each_time(
    workers: Workers, tmp_path: Path
) -> None:
    for folder in (tmp_path / "first", tmp_path / "again"):
        folder.mkdir()
        tasks = [(amount, folder) for amount in (10, 20, 30, 40)]
        results = list(workers.map_in_order(add_odd_ones_first, tasks))
        assert results == [[0, 0], [10, 1], [30, 2], [60, 3]]


def test_a_process_that_was_killed_is_noticed(workers: Workers) -> None:
    with pytest.raises(ChildProcessError, match="was killed"):
        list(workers.map_in_order(kill_own_process, [1]))


@pytest.mark.parametrize(("most", "wanted"), [(1, 8), (8, 1), (8, 0)])
def test_a_single_process_is_not_started(most: int, wanted: int) -> None:
    with Workers(most) as workers:
        assert not workers.start(wanted)
