import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats.digits import are_digits, characters_of, parse, parse_short, within


@given(st.lists(st.integers(0, 99_999_999), min_size=1), st.sampled_from([b":", b"\n", b"\xff"]))
def test_numbers_of_up_to_eight_digits_are_parsed(expected: list[int], mark: bytes) -> None:
    characters = characters_of(b"".join(b"%d%b" % (number, mark) for number in expected))
    ends = np.flatnonzero(~are_digits(characters))
    widths = np.array([len(str(number)) for number in expected])
    assert parse(characters, ends, widths).tolist() == expected
    assert parse_short(characters, ends, widths).tolist() == expected


def test_only_the_ten_digits_are_digits() -> None:
    every = np.arange(256).astype(np.uint8)
    assert every[are_digits(every)].tobytes() == b"0123456789"


@pytest.mark.parametrize(
    ("numbers", "is_within"),
    [([0, 4], True), ([5], False), ([-1, 0], False), ([0, 2**31 - 1], False)],
)
def test_limits_are_kept_on_both_sides(numbers: list[int], is_within: bool) -> None:
    assert within(np.array(numbers, np.int32), 5) is is_within
