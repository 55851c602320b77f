"""Coherence of topics, against the definitions worked out by hand and by loops."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import sparse

from topics.quality.coherence import npmi, umass

# Words:      a  b  c  d (never)
DOCUMENTS = [[3, 1, 0, 0], [1, 0, 0, 0], [0, 2, 1, 0], [0, 0, 1, 0]]


def counts(rows: list[list[int]]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, np.float32))


def ids(*topics: list[int]) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    return np.array(topics, np.int64)


def test_npmi_of_two_words_is_the_definition() -> None:
    """Words a and b: each in 2 of 4 documents, together in 1, as often as chance has it."""
    assert npmi(ids([0, 1]), counts(DOCUMENTS)) == pytest.approx([0])
    together = counts([[1, 1], [1, 1], [0, 0], [0, 1]])
    expected = math.log((2 / 4) / ((2 / 4) * (3 / 4))) / -math.log(2 / 4)
    assert npmi(ids([0, 1]), together) == pytest.approx([expected])


def test_npmi_reaches_its_limits() -> None:
    assert npmi(ids([0, 2]), counts(DOCUMENTS)).tolist() == [-1]  # never together
    assert npmi(ids([0, 3]), counts(DOCUMENTS)).tolist() == [-1]  # one that never occurs
    assert npmi(ids([0, 1]), counts([[1, 1], [1, 1]])).tolist() == [1]  # in all documents
    assert npmi(ids([0, 1]), counts([[1, 1], [0, 0]])) == pytest.approx([1])  # always together


def test_umass_is_asymmetric() -> None:
    """The more probable word is the condition: D(a) = 2, D(c) = 2, D(b) = 2; D(b, c) = 1."""
    skewed = counts([[1, 1], [1, 0], [1, 0]])
    assert umass(ids([0, 1]), skewed) == pytest.approx([math.log(2 / 3)])
    assert umass(ids([1, 0]), skewed) == pytest.approx([math.log(2 / 1)])


def test_umass_leaves_out_pairs_whose_condition_never_occurs() -> None:
    assert umass(ids([3, 0]), counts(DOCUMENTS)).tolist() == pytest.approx([np.nan], nan_ok=True)
    # Of the pairs (d, a), (d, b), (a, b) the last is left.
    assert umass(ids([3, 0, 1]), counts(DOCUMENTS)) == pytest.approx([math.log(2 / 2)])


def test_many_topics_are_measured_as_one_by_one_with_loops() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.poisson(0.3, (50, 30)).astype(np.float32)
    top = np.stack([rng.choice(30, 6, replace=False) for _ in range(4)])
    present = drawn > 0
    both_measures = npmi(top, sparse.csr_array(drawn)), umass(top, sparse.csr_array(drawn))
    for topic, words in enumerate(top):
        normalised, conditional = [], []
        for first, second in combinations(words, 2):
            joint = (present[:, first] & present[:, second]).sum()
            one, other = present[:, first].sum(), present[:, second].sum()
            share = joint / 50
            normalised.append(
                math.log(share / (one / 50 * other / 50)) / -math.log(share) if joint else -1
            )
            conditional.append(math.log((joint + 1) / one))
        assert both_measures[0][topic] == pytest.approx(np.mean(normalised))
        assert both_measures[1][topic] == pytest.approx(np.mean(conditional))


def test_the_order_of_topics_and_an_explicit_zero_mean_nothing() -> None:
    stored = sparse.csr_array(
        (np.array([3.0, 0.0, 1.0]), np.array([0, 1, 1]), np.array([0, 2, 3])), (2, 2)
    )
    plain = counts([[3, 0], [0, 1]])
    for measure in (npmi, umass):
        assert measure(ids([0, 1]), stored) == pytest.approx(measure(ids([0, 1]), plain))
    several = ids([0, 1], [1, 2])
    np.testing.assert_array_equal(
        npmi(several, counts(DOCUMENTS))[::-1], npmi(several[::-1], counts(DOCUMENTS))
    )


def test_a_topic_of_one_word_has_no_coherence() -> None:
    """There is no pair of words."""
    one = counts([[3], [1]])
    assert np.isnan(npmi(ids([0], [0]), one)).tolist() == [True, True]
    assert np.isnan(umass(ids([0], [0]), one)).tolist() == [True, True]
