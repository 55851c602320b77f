"""Variational sweeps over a corpus."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import psi

from topics import corpus as corpus_module
from topics import inference, refinement
from topics.artifact import Model
from topics.corpus import in_memory
from topics.evaluate import match_topics, per_word_log_likelihood
from topics.inference import infer
from topics.refinement import refine


def drawn(documents: int = 600) -> tuple[Model, sparse.csr_array]:
    """A model, and documents drawn from it."""
    rng = np.random.default_rng(0)
    model = Model(np.full(4, 0.25), rng.dirichlet(np.full(60, 0.1), 4))
    mixtures = rng.dirichlet(model.alpha, documents)
    counts = rng.multinomial(80, mixtures @ model.beta).astype(np.float32)
    counts[::50] = 0
    return model, sparse.csr_array(counts)


def blurred(model: Model) -> Model:
    return Model(model.alpha, 0.5 * model.beta + 0.5 * model.beta.mean(axis=0))


def test_a_sweep_is_the_update_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under converged mixtures; computed with dense arrays."""
    monkeypatch.setattr(refinement, "_TOLERANCE", 1e-5)
    monkeypatch.setattr(inference, "TOLERANCE", 1e-6)
    model, counts = drawn()
    gamma = infer(model, counts) * (counts.sum(axis=1) + 1)[:, np.newaxis]
    weights = np.exp(psi(gamma))
    phi = weights[:, :, np.newaxis] * model.beta
    phi /= phi.sum(axis=1, keepdims=True) + 1e-300
    expected = np.einsum("dw,dkw->kw", counts.toarray(), phi) + 0.1
    found = refine(in_memory(counts), model, 1, max_steps=500)
    np.testing.assert_allclose(
        found.beta, expected / expected.sum(axis=1, keepdims=True), rtol=0.01, atol=1e-5
    )
    assert np.array_equal(found.alpha, model.alpha)


def test_sweeps_lead_from_blurred_topics_to_those_of_the_corpus() -> None:
    model, counts = drawn()
    start = blurred(model)
    assert match_topics(model.beta, start.beta).cosine.min() < 0.95
    found = refine(in_memory(counts), start, 10)
    assert match_topics(model.beta, found.beta).cosine.min() > 0.99


def test_sweeps_raise_the_likelihood_of_unseen_documents() -> None:
    model, counts = drawn()
    corpus, start = in_memory(counts[:500]), blurred(model)
    scores = [per_word_log_likelihood(refine(corpus, start, n), counts[500:]) for n in range(4)]
    assert scores == sorted(scores)


def test_no_sweep_changes_nothing() -> None:
    model, counts = drawn()
    assert np.array_equal(refine(in_memory(counts), model, 0).beta, model.beta)


def test_the_parts_of_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model, counts = drawn()
    expected = refine(in_memory(counts), model, 2).beta
    monkeypatch.setattr(corpus_module, "_ENTRIES", 1000)
    monkeypatch.setattr(corpus_module, "_ENTRIES_A_WORD", 0)
    np.testing.assert_allclose(refine(in_memory(counts), model, 2).beta, expected, rtol=1e-3)


def test_every_word_keeps_a_probability() -> None:
    model, counts = drawn()
    found = refine(in_memory(counts), model, 3).beta
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
