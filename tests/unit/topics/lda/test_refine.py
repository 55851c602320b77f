"""Variational sweeps over a corpus."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import psi

from topics.lda import blocks
from topics.lda import refine as refine_module
from topics.lda.blocks import in_memory
from topics.lda.refine import refine
from topics.model.topic_model import Model
from topics.quality.likelihood import per_word_log_likelihood
from topics.quality.matching import match_topics


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
    monkeypatch.setattr(refine_module, "_STEPS", 2000)
    monkeypatch.setattr(refine_module, "_FACTORS", (1.0,))
    model, counts = drawn()
    dense = counts.toarray().astype(np.float64)
    gamma = model.alpha + dense.sum(axis=1, keepdims=True) / 4
    for _ in range(2000):
        phi = gamma[:, :, np.newaxis] * model.beta
        phi /= phi.sum(axis=1, keepdims=True) + 1e-300
        gamma = model.alpha + np.einsum("dw,dkw->dk", dense, phi)
    expected = np.einsum("dw,dkw->kw", dense, phi) + 0.1
    found = refine(in_memory(counts), model, 1)
    np.testing.assert_allclose(
        found.beta, expected / expected.sum(axis=1, keepdims=True), rtol=0.01, atol=1e-5
    )
    lengths = dense.sum(axis=1)
    gained = psi(gamma).sum(axis=0) - 600 * psi(0.25)
    alpha = 0.25 * gained / (psi(lengths + 1) - psi(1)).sum()
    np.testing.assert_allclose(found.alpha, alpha, rtol=1e-3)


def test_alpha_is_that_of_the_documents() -> None:
    rng = np.random.default_rng(0)
    truth = Model(np.array([0.1, 0.2, 0.4, 0.8]), rng.dirichlet(np.full(100, 0.1), 4))
    counts = rng.multinomial(200, rng.dirichlet(truth.alpha, 2000) @ truth.beta)
    corpus = in_memory(sparse.csr_array(counts.astype(np.float32)))
    found = refine(corpus, Model(np.full(4, 2.5), truth.beta), 60)
    assert (np.diff(found.alpha) > 0).all()
    assert 1 < found.alpha.sum() < 2.5  # 1.5, as the documents were drawn; 10 at the start


def test_the_sum_of_alpha_can_be_kept() -> None:
    model, counts = drawn()
    found = refine(in_memory(counts), Model(12 * model.alpha, model.beta), 5, fit_alpha=False)
    assert found.alpha.sum() == pytest.approx(12)
    assert found.alpha.std() > 0


def test_sweeps_end_when_one_gains_too_little() -> None:
    model, counts = drawn()
    made: list[None] = []
    refine(in_memory(counts), model, 100, tolerance=1e-4, after_sweep=lambda: made.append(None))
    assert 5 < len(made) < 50


def test_mixtures_that_do_not_fit_into_memory_are_found_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, counts = drawn()
    monkeypatch.setattr(refine_module, "_STEPS", 100)
    kept = refine(in_memory(counts), blurred(model), 10).beta
    monkeypatch.setattr(refine_module, "_GAMMA_BYTES", 0)
    np.testing.assert_allclose(refine(in_memory(counts), blurred(model), 10).beta, kept, atol=1e-3)


def test_sweeps_lead_from_blurred_topics_to_those_of_the_corpus() -> None:
    model, counts = drawn()
    start = blurred(model)
    assert match_topics(model.beta, start.beta).cosine.min() < 0.95
    found = refine(in_memory(counts), start, 10)
    assert match_topics(model.beta, found.beta).cosine.min() > 0.99


def test_sweeps_raise_the_likelihood_of_unseen_documents() -> None:
    model, counts = drawn()
    corpus, start = in_memory(counts[:500]), blurred(model)
    scores = [per_word_log_likelihood(refine(corpus, start, n), counts[500:]) for n in range(3)]
    assert scores == sorted(scores)


def test_no_sweep_changes_nothing() -> None:
    model, counts = drawn()
    assert np.array_equal(refine(in_memory(counts), model, 0).beta, model.beta)


def test_the_parts_of_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model, counts = drawn()
    expected = refine(in_memory(counts), model, 2).beta
    monkeypatch.setattr(blocks, "_ENTRIES", 1000)
    monkeypatch.setattr(blocks, "_ENTRIES_A_WORD", 0)
    np.testing.assert_allclose(refine(in_memory(counts), model, 2).beta, expected, rtol=0.01)


def test_every_word_keeps_a_probability() -> None:
    model, counts = drawn()
    found = refine(in_memory(counts), model, 3).beta
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
