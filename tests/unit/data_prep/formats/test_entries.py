from typing import Any

import numpy as np
import pytest

from data_prep.errors import InputError
from data_prep.formats.entries import whole_counts


@pytest.mark.parametrize("count", [np.inf, -np.inf, np.nan, 3e38])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_count_that_is_no_number_is_an_error_and_no_warning(count: float, dtype: Any) -> None:
    counts = np.array([1, count], dtype)
    with pytest.raises(
        InputError, match=r"c: document 1, word id 4: count .* must be a whole number"
    ):
        whole_counts(np.array([0, 0]), np.array([2, 3]), counts, "c")


def test_counts_of_a_small_type_are_no_warning() -> None:
    at = np.array([0, 1])
    assert whole_counts(at, at, np.array([0, 2048], np.float16), "c").tolist() == [[1], [1], [2048]]
    with pytest.raises(InputError, match=r"document 2, word id 2: count inf must be"):
        whole_counts(at, at, np.array([1, np.inf], np.float16), "c")
