from collections.abc import Iterator

import pytest

from local_aws import faults


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faults.clear()


def test_a_fault_strikes_as_often_as_it_was_armed_for() -> None:
    faults.arm("training.fail", "bad data", times=2)
    struck = [faults.strike("training.fail") for _ in range(3)]
    assert [fault and fault.reason for fault in struck] == ["bad data", "bad data", None]


def test_a_fault_strikes_nothing_else() -> None:
    faults.arm("training.fail")
    assert faults.strike("training.stop") is None
    assert [fault["name"] for fault in faults.armed()] == ["training.fail"]


def test_the_oldest_strikes_first() -> None:
    faults.arm("training.fail", "first")
    faults.arm("training.fail", "second")
    struck = [faults.strike("training.fail") for _ in range(2)]
    assert [fault and fault.reason for fault in struck] == ["first", "second"]


def test_none_is_left_when_they_are_cleared() -> None:
    faults.arm("training.fail")
    faults.clear()
    assert faults.armed() == []


def test_a_fault_that_takes_long_is_over_when_they_are_cleared() -> None:
    faults.arm("invoke.slow", seconds=600)
    struck = faults.strike("invoke.slow")
    assert struck is not None
    assert not struck.over.is_set()
    faults.clear()
    assert struck.over.is_set()
