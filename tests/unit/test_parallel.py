import os
import signal
from operator import neg

import pytest

from data_prep.parallel import map_in_order


def invert(number: int) -> float:
    return 1 / number


def kill_own_process(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_the_order_of_the_tasks() -> None:
    assert list(map_in_order(neg, range(40), 2)) == [-number for number in range(40)]


def test_an_error_comes_in_place_of_its_result() -> None:
    results = map_in_order(invert, [1, 2, 0, 4], 2)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_process_that_was_killed_is_noticed() -> None:
    with pytest.raises(ChildProcessError, match="was killed"):
        list(map_in_order(kill_own_process, [1], 1))
