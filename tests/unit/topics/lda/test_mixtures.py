"""Topic mixtures of documents."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import psi

from data_prep.errors import InputError
from topics.lda import mixtures
from topics.lda.mixtures import infer
from topics.model.topic_model import Model


def drawn(
    topics: int = 5, words: int = 60, documents: int = 200
) -> tuple[Model, sparse.csr_array, np.ndarray]:
    """A model, documents drawn from it (some of them without words), and their mixtures."""
    rng = np.random.default_rng(0)
    model = Model(rng.uniform(0.05, 0.5, topics), rng.dirichlet(np.full(words, 0.1), topics))
    mixtures = rng.dirichlet(model.alpha, documents)
    lengths = rng.integers(0, 200, documents)
    counts = sparse.csr_array(rng.multinomial(lengths, mixtures @ model.beta).astype(np.float32))
    return model, counts, mixtures


def test_a_mixture_is_the_fixed_point_of_the_update() -> None:
    model, counts, _ = drawn()
    lengths = counts.sum(axis=1, dtype=np.float64)
    gamma = infer(model, counts) * (lengths + model.alpha.sum())[:, np.newaxis]
    weights = np.exp(psi(gamma))
    norms = weights @ model.beta
    ratio = np.divide(counts.toarray(), norms, out=np.zeros(counts.shape), where=norms > 0)
    updated = model.alpha + weights * (ratio @ model.beta.T)
    assert (np.abs(updated - gamma).max(axis=1) <= mixtures.TOLERANCE * lengths + 1e-9).all()


def test_the_mixtures_that_documents_were_drawn_from_are_found() -> None:
    model, counts, mixtures = drawn()
    long = counts.sum(axis=1) > 100
    error = np.abs(infer(model, counts) - mixtures)[long].sum(axis=1)
    assert np.median(error) < 0.15


def test_mixtures_are_probabilities() -> None:
    model, counts, _ = drawn()
    mixtures = infer(model, counts)
    assert mixtures.shape == (200, 5)
    assert (mixtures > 0).all()
    np.testing.assert_allclose(mixtures.sum(axis=1), 1)


def test_a_mixture_does_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model, counts, _ = drawn()
    together = infer(model, counts)
    alone = np.vstack([infer(model, counts[[row]]) for row in range(counts.shape[0])])
    monkeypatch.setattr(mixtures, "_BLOCK_ELEMENTS", 700)
    in_small_batches = infer(model, counts)
    np.testing.assert_allclose(alone, together, atol=1e-12)
    np.testing.assert_allclose(in_small_batches, together, atol=1e-12)


def test_a_document_without_words_has_the_mean_of_the_prior() -> None:
    model, _, _ = drawn()
    stored_zeros = sparse.csr_array(([0.0, 0.0], ([1, 1], [3, 4])), shape=(2, 60))
    expected = np.tile(model.alpha / model.alpha.sum(), (2, 1))
    np.testing.assert_allclose(infer(model, stored_zeros), expected)


def test_no_document_has_no_mixture() -> None:
    model, counts, _ = drawn()
    assert infer(model, counts[:0]).shape == (0, 5)


def test_a_word_that_no_topic_has_says_nothing() -> None:
    model = Model(np.array([0.5, 0.5]), np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0]]))
    counts = sparse.csr_array(np.array([[3, 1, 0, 9], [0, 0, 0, 2]], np.float32))
    mixtures = infer(model, counts)
    assert mixtures[0, 0] > 0.8
    np.testing.assert_allclose(mixtures[1], 0.5)


def test_a_tiny_prior_does_not_underflow() -> None:
    model = Model(np.full(3, 1e-6), np.array([[0.9, 0.1, 0], [0, 1, 0], [0, 0, 1]]))
    counts = sparse.csr_array(np.array([[5, 0, 0], [1, 1, 1]], np.float32))
    mixtures = infer(model, counts)
    assert np.isfinite(mixtures).all()
    np.testing.assert_allclose(mixtures[0], [1, 0, 0], atol=1e-5)


def test_documents_of_another_vocabulary_are_refused() -> None:
    model, counts, _ = drawn()
    with pytest.raises(InputError, match="has 59 words, the model 60"):
        infer(model, counts[:, :59])
