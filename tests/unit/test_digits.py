import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.digits import Numbers, within


@given(st.lists(st.integers(0, 99_999_999), min_size=1), st.sampled_from([b":", b"\n", b"\xff"]))
def test_numbers_of_up_to_eight_digits_are_parsed(expected: list[int], mark: bytes) -> None:
    numbers = Numbers(b"".join(b"%d%b" % (number, mark) for number in expected))
    assert numbers.can_be_parsed()
    assert numbers.parse(np.s_[:]).tolist() == expected
    assert numbers.parse_short(np.s_[:]).tolist() == expected
    assert numbers.marks.tobytes() == mark * len(expected)


@pytest.mark.parametrize("text", [b"1,,2,", b",1,", b"123456789,", b"1, 2,"])
def test_numbers_without_digits_or_with_more_can_not_be_parsed(text: bytes) -> None:
    assert not Numbers(text).can_be_parsed()


def test_numbers_that_are_dropped_are_gone() -> None:
    numbers = Numbers(b"12,3;456.")
    numbers.drop(np.array([1]))
    assert numbers.parse(np.s_[:]).tolist() == [12, 456]
    assert numbers.marks.tobytes() == b",."


@pytest.mark.parametrize(
    ("numbers", "is_within"),
    [([0, 4], True), ([5], False), ([-1, 0], False), ([0, 2**31 - 1], False)],
)
def test_limits_are_kept_on_both_sides(numbers: list[int], is_within: bool) -> None:
    assert within(np.array(numbers, np.int32), 5) is is_within
