"""Topic shares and relevance, beside what a pencil gives."""

import math

import numpy as np
import pytest

from topics.quality.relevance import (
    STEPS,
    ever_most_relevant,
    log_lift,
    most_relevant,
    relevance,
    topic_given_word,
    topic_shares,
    word_probabilities,
)

BETA = np.array([[0.5, 0.5, 0], [0.1, 0.3, 0.6]])
SHARES = np.array([0.25, 0.75])


def test_a_topic_has_the_share_of_the_tokens_of_its_documents() -> None:
    mixtures = np.array([[1, 0], [0.5, 0.5]])
    assert topic_shares(mixtures, np.array([10, 30])).tolist() == [0.625, 0.375]


def test_a_words_probability_is_that_of_its_topics() -> None:
    assert word_probabilities(BETA, SHARES) == pytest.approx([0.2, 0.35, 0.45])


def test_a_words_tokens_are_spread_over_its_topics() -> None:
    given = topic_given_word(BETA, SHARES)
    assert given[:, 0] == pytest.approx([0.125 / 0.2, 0.075 / 0.2])
    assert given[:, 2] == pytest.approx([0, 1])
    nowhere = topic_given_word(np.array([[1, 0], [1, 0]]), SHARES)
    assert nowhere[:, 1].tolist() == [0, 0]


def test_the_lift_is_the_ratio_to_the_corpus() -> None:
    lift = log_lift(BETA, SHARES)
    assert lift[0, 0] == pytest.approx(math.log(0.5 / 0.2))
    assert lift[1, 1] == pytest.approx(math.log(0.3 / 0.35))
    assert lift[0, 2] == -math.inf


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_relevance_weighs_the_probability_against_the_lift(weight: float) -> None:
    found = relevance(BETA, SHARES, weight)
    by_hand = weight * math.log(0.1) + (1 - weight) * math.log(0.1 / 0.2)
    assert found[1, 0] == pytest.approx(by_hand)
    assert found[0, 2] == -math.inf


def test_the_most_relevant_words_depend_on_lambda() -> None:
    beta = np.array([[0.6, 0.3, 0.1], [0.6, 0, 0.4]])
    shares = np.array([0.5, 0.5])
    assert [ids.tolist() for ids in most_relevant(beta, shares, 2, 1)] == [[0, 1], [0, 2]]
    assert [ids.tolist() for ids in most_relevant(beta, shares, 2, 0)] == [[1, 0], [2, 0]]


def test_a_topic_has_only_words_of_its_own() -> None:
    assert [len(ids) for ids in most_relevant(BETA, SHARES, 3)] == [2, 3]
    assert [len(ids) for ids in ever_most_relevant(BETA, SHARES, 3)] == [2, 3]


def test_of_words_that_one_topic_alone_has_the_probable_ones_come_first() -> None:
    """They all have the same lift, and only rounding would set them apart."""
    rng = np.random.default_rng(0)
    beta = np.zeros((2, 100))
    beta[0, :50] = rng.dirichlet(np.ones(50))
    beta[1, 50:] = rng.dirichlet(np.ones(50))
    first, _ = most_relevant(beta, np.array([0.3, 0.7]), 10, 0)
    assert first.tolist() == np.argsort(-beta[0])[:10].tolist()


def models() -> list[tuple[str, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    sparse = rng.dirichlet(np.full(2000, 0.05), 6)
    sparse[sparse < 1e-5] = 0
    equal = np.full((3, 500), 1 / 500)
    few = rng.integers(0, 4, (4, 300)) + 0.0  # many words are as probable as each other
    return [
        ("sparse", sparse / sparse.sum(axis=1, keepdims=True), rng.dirichlet(np.ones(6))),
        ("dense", rng.dirichlet(np.full(1000, 1), 5), rng.dirichlet(np.ones(5))),
        ("equal", equal, np.full(3, 1 / 3)),
        ("few values", few / few.sum(axis=1, keepdims=True), np.full(4, 0.25)),
        ("a topic without tokens", rng.dirichlet(np.full(400, 0.1), 2), np.array([1.0, 0.0])),
        ("few words", rng.dirichlet(np.full(20, 0.1), 2), np.array([0.5, 0.5])),
    ]


@pytest.mark.parametrize(("name", "beta", "shares"), models(), ids=lambda each: str(each)[:30])
def test_exactly_the_words_that_are_ever_among_the_first_are_found(
    name: str, beta: np.ndarray, shares: np.ndarray
) -> None:
    expected: list[set[int]] = [set() for _ in beta]
    for step in range(STEPS + 1):
        for words, ids in zip(expected, most_relevant(beta, shares, 30, step / STEPS), strict=True):
            words.update(ids.tolist())
    found = ever_most_relevant(beta, shares, 30)
    assert [ids.tolist() for ids in found] == [sorted(words) for words in expected]
