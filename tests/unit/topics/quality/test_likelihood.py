"""Matching and scoring of models."""

import numpy as np
import pytest
from scipy import sparse

from data_prep.errors import InputError
from topics.model.topic_model import Model
from topics.quality import likelihood
from topics.quality.likelihood import EvaluationError, per_word_log_likelihood, unigram
from topics.quality.matching import match_topics


def counts(rows: list[list[float]]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, np.float32))


def test_a_permutation_is_undone() -> None:
    beta = np.random.default_rng(0).dirichlet(np.full(20, 0.3), 6)
    order = np.array([3, 0, 5, 1, 4, 2])
    match = match_topics(beta[order], beta)
    assert match.first.tolist() == [0, 1, 2, 3, 4, 5]
    assert match.second.tolist() == order.tolist()
    np.testing.assert_allclose(match.cosine, 1)


def test_the_assignment_is_the_best_in_all_and_not_the_nearest_first() -> None:
    """The first topic is nearest to the first, but then the second would be left with nothing."""
    first = np.array([[0.6, 0.4, 0.0], [1.0, 0.0, 0.0]])
    second = np.array([[0.7, 0.3, 0.0], [0.0, 0.8, 0.2]])
    assert match_topics(first, second).second.tolist() == [1, 0]


def test_the_smaller_model_is_matched_whole() -> None:
    beta = np.eye(4)
    assert match_topics(beta[2:], beta).second.tolist() == [2, 3]
    assert match_topics(beta, beta[2:]).first.tolist() == [2, 3]


def test_topics_of_different_vocabularies_are_refused() -> None:
    with pytest.raises(EvaluationError, match="over 3 words can't be matched with topics over 4"):
        match_topics(np.eye(3), np.eye(4))


def test_the_halves_of_a_document_make_it_up() -> None:
    whole = sparse.csr_array(np.random.default_rng(0).poisson(2, (50, 30)).astype(np.float32))
    observed, held_out = likelihood._split_words(whole, np.random.default_rng(0))
    assert np.array_equal((observed + held_out).toarray(), whole.toarray())
    assert np.array_equal(held_out.sum(axis=1), whole.sum(axis=1) // 2)


def test_the_draw_takes_every_word_equally_often() -> None:
    whole = counts([[1] * 10] * 4000)
    observed, _ = likelihood._split_words(whole, np.random.default_rng(0))
    np.testing.assert_allclose(observed.mean(axis=0), 0.5, atol=0.04)


def test_a_model_of_one_topic_scores_the_log_of_its_word_probabilities() -> None:
    model = Model(np.ones(1), np.array([[0.75, 0.25]]))
    low, high = np.log(0.99 * np.array([0.25, 0.75]) + 0.01 / 2)
    assert per_word_log_likelihood(model, counts([[4, 0], [0, 4]])) == pytest.approx(
        (low + high) / 2
    )


def test_the_right_model_scores_better_than_word_frequencies() -> None:
    rng = np.random.default_rng(0)
    model = Model(np.full(4, 0.25), rng.dirichlet(np.full(50, 0.1), 4))
    mixtures = rng.dirichlet(model.alpha, 300)
    drawn = sparse.csr_array(rng.multinomial(80, mixtures @ model.beta).astype(np.float32))
    assert per_word_log_likelihood(model, drawn) > per_word_log_likelihood(unigram(drawn), drawn)


def test_a_word_that_no_topic_has_does_not_make_the_score_infinite() -> None:
    model = Model(np.ones(1), np.array([[1.0, 0.0]]))
    assert np.isfinite(per_word_log_likelihood(model, counts([[2, 2]])))


def test_the_seed_decides_the_halves() -> None:
    rng = np.random.default_rng(0)
    model = Model(np.full(3, 0.3), rng.dirichlet(np.ones(40), 3))
    drawn = sparse.csr_array(rng.poisson(1, (20, 40)).astype(np.float32))
    one, again = (per_word_log_likelihood(model, drawn) for _ in range(2))
    assert one == again
    assert one != per_word_log_likelihood(model, drawn, seed=1)


def test_unigram_holds_the_word_frequencies() -> None:
    np.testing.assert_allclose(
        unigram(counts([[1, 2, 0], [0, 4, 1]])).beta, [[1 / 8, 6 / 8, 1 / 8]]
    )
    with pytest.raises(EvaluationError, match="there are no words"):
        unigram(counts([[0, 0]]))


@pytest.mark.parametrize("bad", [[0.5, 1], [-1, 2]])
def test_counts_that_are_not_whole_are_refused(bad: list[float]) -> None:
    with pytest.raises(EvaluationError, match="must be whole numbers and not negative"):
        per_word_log_likelihood(unigram(counts([[1, 1]])), counts([bad]))


def test_documents_of_one_word_can_not_be_scored() -> None:
    with pytest.raises(EvaluationError, match="no document has two words"):
        per_word_log_likelihood(unigram(counts([[1, 1]])), counts([[1, 0], [0, 1]]))


def test_documents_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(InputError, match="has 3 words, the model 2"):
        per_word_log_likelihood(unigram(counts([[1, 1]])), counts([[1, 1, 1]]))
