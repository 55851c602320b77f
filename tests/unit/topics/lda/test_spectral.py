"""Topics from moments: the moments themselves, and what is found in planted corpora."""

import itertools
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from topics.lda import blocks, moments, spectral
from topics.lda.blocks import Blocks, in_memory
from topics.lda.moments import SpectralError
from topics.lda.refine import refine
from topics.lda.spectral import FewTopicsWarning, fit
from topics.quality.likelihood import per_word_log_likelihood, unigram
from topics.quality.matching import match_topics

Array = NDArray[np.float64]


def planted(
    topics: int, words: int, documents: int, *, length: int = 100, seed: int = 0
) -> tuple[sparse.csr_array, Array]:
    """Draw a corpus from an LDA model; returns it and the model's beta."""
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(words, 0.05), topics)
    mixtures = rng.dirichlet(np.full(topics, 1 / topics), documents)
    return sparse.csr_array(rng.multinomial(length, mixtures @ beta).astype(np.float32)), beta


def tiny() -> sparse.csr_array:
    rows = [[2, 1, 0, 3], [0, 4, 1, 0], [1, 1, 1, 1], [0, 0, 2, 1], [1, 1, 0, 0]]
    return sparse.csr_array(np.array(rows, np.float32))


def average_over_positions(counts: sparse.csr_array, order: int) -> Array:
    """The moment by its definition: over all ordered choices of different positions.

    The documents have the weights of the module's description.
    """
    size = counts.shape[1]
    moments, weights = [], []
    for row in counts.toarray().astype(int):
        if row.sum() >= 3:
            positions = list(itertools.permutations(np.repeat(np.arange(size), row), order))
            moment = np.zeros((size,) * order)
            np.add.at(moment, tuple(np.array(positions).T), 1 / len(positions))
            moments.append(moment)
            weights.append((row.sum() / (1 + row.sum() / 200)) ** 2)
    mean: Array = np.average(moments, axis=0, weights=weights)
    return mean


def scale(counts: sparse.csr_array) -> Array:
    """(V, 1) by which the words are multiplied."""
    factors: Array = 1 / np.sqrt(average_over_positions(counts, 1) + 0.001)
    return factors[:, np.newaxis]


def pair_moment(counts: sparse.csr_array, alpha0: float) -> Array:
    words = average_over_positions(counts, 1)
    return average_over_positions(counts, 2) - alpha0 / (alpha0 + 1) * np.outer(words, words)


def whitening(counts: sparse.csr_array, alpha0: float) -> tuple[Blocks, moments.Averages, Array]:
    """The corpus, its averages, and what whitens its pair moment."""
    corpus = in_memory(counts)
    averages = moments.average(corpus)
    values, vectors = moments.directions(corpus, averages, alpha0, 1, np.random.default_rng(0))
    return corpus, averages, averages.scale * vectors / np.sqrt(values)


@pytest.mark.parametrize("alpha0", [0.5, 3.0])
def test_the_directions_are_eigenvectors_of_the_pair_moment(
    alpha0: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "noise_edge", lambda *_: 0.0)
    corpus = in_memory(tiny())
    values, vectors = moments.directions(
        corpus, moments.average(corpus), alpha0, 1, np.random.default_rng(0)
    )
    moment = scale(tiny()) * pair_moment(tiny(), alpha0) * scale(tiny()).T
    expected = np.linalg.eigvalsh(moment)[::-1][: len(values)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    np.testing.assert_allclose(moment @ vectors, vectors * values, atol=1e-6)


@pytest.mark.parametrize("alpha0", [0.5, 3.0])
def test_the_triple_moment_is_that_of_the_definition(
    alpha0: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Summed up in whitened coordinates, in blocks, it equals the definition's V x V x V array."""
    monkeypatch.setattr(moments, "_ROWS", 2)
    monkeypatch.setattr(blocks, "_ENTRIES", 3)
    monkeypatch.setattr(blocks, "_ENTRIES_A_WORD", 0)
    monkeypatch.setattr(moments, "noise_edge", lambda *_: 0.0)
    corpus, averages, whiten = whitening(tiny(), alpha0)
    assert len(list(corpus)) > 2

    words = average_over_positions(tiny(), 1)
    pairs = average_over_positions(tiny(), 2)
    mixed = np.einsum("ij,k->ijk", pairs, words)
    moment = average_over_positions(tiny(), 3)
    moment -= alpha0 / (alpha0 + 2) * (mixed + mixed.transpose(0, 2, 1) + mixed.transpose(2, 1, 0))
    scale = 2 * alpha0**2 / ((alpha0 + 1) * (alpha0 + 2))
    moment += scale * np.einsum("i,j,k->ijk", words, words, words)

    expected = np.einsum("xyz,xi,yj,zk->ijk", moment, whiten, whiten, whiten)
    found = moments.whitened_triples(corpus, averages, whiten.astype(np.float32), alpha0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, _ = planted(5, 100, 800)
    monkeypatch.setattr(blocks, "_ENTRIES", 5000)
    monkeypatch.setattr(blocks, "_ENTRIES_A_WORD", 0)
    models = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(blocks, "cores", lambda threads=threads: threads)
        models.append(refine(in_memory(counts), fit(counts, 5), 2))
    for model in models[1:]:
        assert np.array_equal(model.beta, models[0].beta)
        assert np.array_equal(model.alpha, models[0].alpha)


def test_a_corpus_that_is_read_again_at_each_pass_gives_the_same_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts, _ = planted(5, 100, 800)
    expected = fit(counts, 5)
    monkeypatch.setattr(blocks, "_KEPT_BYTES", 0)
    pieces = [counts[:300], counts[300:301], counts[301:]]
    streamed = fit(Blocks(lambda: pieces), 5)
    assert np.array_equal(streamed.beta, expected.beta)


@pytest.mark.parametrize(("topics", "words", "documents"), [(3, 50, 500), (10, 500, 2000)])
def test_planted_topics_are_recovered(topics: int, words: int, documents: int) -> None:
    counts, beta = planted(topics, words, documents)
    model = fit(counts, topics)
    assert match_topics(beta, model.beta).cosine.min() >= 0.98


def test_overlapping_bars_are_recovered() -> None:
    """The rows and columns of a 5 x 5 image, AWS's example of LDA.

    The topics depend on each other, as all rows make up what all columns do: 10 topics have
    only 9 directions.
    """
    bars = np.zeros((10, 5, 5))
    for index in range(5):
        bars[index, index, :] = bars[5 + index, :, index] = 0.2
    beta = bars.reshape(10, 25)
    rng = np.random.default_rng(0)
    mixtures = rng.dirichlet(np.full(10, 0.1), 4000)
    counts = sparse.csr_array(rng.multinomial(150, mixtures @ beta).astype(np.float32))
    assert match_topics(beta, fit(counts, 10).beta).cosine.min() >= 0.98


def test_alpha_follows_the_size_of_topics_and_adds_up_to_alpha0() -> None:
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(200, 0.05), 3)
    truth = np.array([0.3, 0.9, 1.8])
    mixtures = rng.dirichlet(truth, 4000)
    counts = sparse.csr_array(rng.multinomial(100, mixtures @ beta).astype(np.float32))
    model = fit(counts, 3, alpha0=3.0)
    assert model.alpha.sum() == pytest.approx(3.0)
    match = match_topics(beta, model.beta)
    np.testing.assert_allclose(model.alpha[match.second], truth, rtol=0.15)
    assert (np.diff(model.alpha) <= 0).all()


def test_topics_are_probabilities() -> None:
    model = fit(planted(4, 80, 600)[0], 4)
    assert model.beta.shape == (4, 80)
    assert (model.beta >= 0).all()
    np.testing.assert_allclose(model.beta.sum(axis=1), 1)


def test_the_same_seed_gives_the_same_model_and_another_the_same_topics() -> None:
    counts, _ = planted(5, 100, 800)
    one, again, other = fit(counts, 5), fit(counts, 5), fit(counts, 5, seed=1)
    assert np.array_equal(one.beta, again.beta)
    assert np.array_equal(one.alpha, again.alpha)
    assert match_topics(one.beta, other.beta).cosine.min() > 0.9999


def test_documents_of_one_or_two_words_have_no_moments() -> None:
    counts, _ = planted(3, 50, 500)
    short = np.zeros((3, 50), np.float32)
    short[1, 4], short[2, 7] = 1, 2
    longer = sparse.csr_array(sparse.vstack([counts, sparse.csr_array(short)], format="csr"))
    assert np.array_equal(fit(counts, 3).alpha, fit(longer, 3).alpha)


@pytest.mark.parametrize("asked", [4, 20, 200])
def test_more_topics_than_the_data_shows_are_fitted_with_a_warning(asked: int) -> None:
    counts, _ = planted(3, 150, 800)
    with pytest.warns(FewTopicsWarning, match=f"shows 3 topics clearly, {asked} were") as caught:
        model = fit(counts, asked)
    assert [each.message.clear for each in caught] == [3]  # type: ignore[union-attr]
    assert model.beta.shape == (asked, 150)
    np.testing.assert_allclose(model.beta.sum(axis=1), 1)
    assert model.alpha.sum() == pytest.approx(1)
    assert (np.diff(model.alpha) <= 0).all()


def test_topics_beyond_the_true_ones_do_not_spoil_the_model() -> None:
    counts, _ = planted(3, 150, 1200)
    train, test = counts[:1000], counts[1000:]
    true = per_word_log_likelihood(fit(train, 3), test)
    with pytest.warns(FewTopicsWarning):
        assert per_word_log_likelihood(fit(train, 12), test) > true - 0.01


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 1, 0], [0, 2, 0]],  # no document has the three words of a triple
        [[0, 0, 1]],
        [[4, 0, 0], [7, 0, 0]],  # one word alone
        [[0, 0, 0], [3, 1, 1]],
    ],
)
@pytest.mark.parametrize("topics", [1, 2, 5])
def test_any_corpus_with_a_word_gives_a_model(rows: list[list[int]], topics: int) -> None:
    counts = sparse.csr_array(np.array(rows, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewTopicsWarning)
        model = fit(counts, topics, alpha0=0.1)
    assert model.beta.shape == (topics, 3)
    assert np.isfinite(model.beta).all()
    np.testing.assert_allclose(model.beta.sum(axis=1), 1)
    assert model.alpha.sum() == pytest.approx(0.1)
    assert (model.alpha > 0).all()


def test_a_corpus_without_a_word_is_refused() -> None:
    with pytest.raises(SpectralError, match="no document has a word"):
        fit(sparse.csr_array(np.zeros((2, 3), np.float32)), 1)


def test_one_topic_is_the_word_frequencies() -> None:
    counts, _ = planted(3, 50, 100)
    np.testing.assert_array_equal(fit(counts, 1).beta, unigram(counts).beta)


@pytest.mark.parametrize("alpha0", [0.1, 10.0])
@pytest.mark.parametrize("topics", [2, 5, 12])
def test_no_model_is_worse_than_word_frequencies(topics: int, alpha0: float) -> None:
    counts, _ = planted(5, 400, 1200)
    train, test = counts[:1000], counts[1000:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewTopicsWarning)
        model = fit(train, topics, alpha0=alpha0)
    least = per_word_log_likelihood(unigram(train), test)
    assert per_word_log_likelihood(model, test) >= least


def with_stubs(counts: sparse.csr_array) -> sparse.csr_array:
    """A tenth as many documents of three words beside the others."""
    rng = np.random.default_rng(1)
    stubs = rng.multinomial(3, np.full(counts.shape[1], 1 / counts.shape[1]), counts.shape[0] // 10)
    joined = sparse.vstack([counts, sparse.csr_array(stubs.astype(np.float32))], format="csr")
    return sparse.csr_array(joined)


def with_total(counts: sparse.csr_array) -> sparse.csr_array:
    """A column that has most of all tokens."""
    total = np.ceil(1.6 * counts.sum(axis=1))[:, np.newaxis].astype(np.float32)
    return sparse.csr_array(sparse.hstack([counts, sparse.csr_array(total)], format="csr"))


@pytest.mark.parametrize("spoilt", [with_stubs, with_total])
def test_short_documents_and_a_heavy_column_do_not_hide_topics(
    spoilt: Callable[[sparse.csr_array], sparse.csr_array],
) -> None:
    """A warning of fewer topics is an error here."""
    counts, beta = planted(10, 500, 2000)
    model = fit(spoilt(counts), 10)
    assert match_topics(beta, model.beta[:, :500]).cosine.min() >= 0.98


@pytest.mark.parametrize(
    ("topics", "alpha0"), [(0, 1.0), (1, 0.0), (1, float("nan")), (1, 1e-320), (1, 1e9), (1, 1e160)]
)
def test_parameters_out_of_range_are_refused(topics: int, alpha0: float) -> None:
    told = re.escape(f"num_topics is {topics}, must be at least 1; alpha0 is {alpha0}, must be")
    with pytest.raises(SpectralError, match=told):
        fit(tiny(), topics, alpha0=alpha0)


def test_the_projection_is_the_nearest_point_of_the_simplex() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (200, 6))
    nearest = spectral._project_to_simplex(rows)
    np.testing.assert_allclose(nearest.sum(axis=1), 1)
    assert (nearest >= 0).all()
    distance = np.linalg.norm(rows - nearest, axis=1)
    for other in rng.dirichlet(np.full(6, 0.5), 200):
        assert (distance <= np.linalg.norm(rows - other, axis=1) + 1e-12).all()
    inside = rng.dirichlet(np.ones(6), 20)
    np.testing.assert_allclose(spectral._project_to_simplex(inside), inside)


@pytest.fixture(scope="module")
def nyt_counts(nyt: Path) -> sparse.csr_array:
    lines = (nyt / "nyt_data.txt").read_text(encoding="utf-8").splitlines()
    pairs = np.array([pair.split(":") for line in lines for pair in line.split(",")], np.int64)
    bounds = np.cumsum([0, *(line.count(",") + 1 for line in lines)])
    return sparse.csr_array(
        (pairs[:, 1].astype(np.float32), pairs[:, 0] - 1, bounds), shape=(len(lines), 3012)
    )


def test_topics_of_real_text_predict_unseen_documents(nyt_counts: sparse.csr_array) -> None:
    train, test = nyt_counts[:8713], nyt_counts[8713:]
    score = per_word_log_likelihood(fit(train, 10), test)
    assert score > per_word_log_likelihood(unigram(train), test) + 0.2
    assert score > -7.18


def test_topics_of_real_text_read_as_sections_of_a_newspaper(
    nyt: Path, nyt_counts: sparse.csr_array
) -> None:
    words = (nyt / "nyt_vocab.dat").read_text(encoding="utf-8").split()
    model = fit(nyt_counts[:8713], 10)
    tops = [{words[word] for word in np.argsort(-row)[:12]} for row in model.beta]
    for section in (
        {"vaccine", "health", "virus"},
        {"court", "law", "federal"},
        {"united", "military", "war"},
        {"election", "republican", "vote"},
    ):
        assert any(section <= top for top in tops), section
