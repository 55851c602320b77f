"""Topic models of real corpora: beside peers, beside word frequencies, and with short documents.

This is the part `corpora` of lda.py. Every engine has the same split and the same scorer.
"""

import sys
import warnings
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.fits import REFINED, SHARED, SPECTRAL, Fit, run, save, show
from data_prep.convert import convert
from data_prep.recordio import read_matrix
from topics.lda.blocks import in_memory
from topics.lda.mixtures import infer
from topics.lda.refine import refine
from topics.lda.spectral import FewTopicsWarning, fit
from topics.model.top_words import top_ids
from topics.model.topic_model import Model
from topics.quality.coherence import npmi
from topics.quality.likelihood import per_word_log_likelihood, per_word_log_likelihoods, unigram

SKLEARN, GENSIM, TOMOTOPY = PEERS = (
    "scikit-learn batch, 10 iterations",
    "gensim, 10 passes",
    "tomotopy, 200 iterations, 2 workers",
)
ENGINES = (SPECTRAL, REFINED, *PEERS)
TOPICS = (5, 10, 20, 50)
GRID = (1, 2, 5, 10, 20, 50)
ALPHA0 = (0.1, 1, 5, 10)
BARS = 10  # topics, on a grid of 5 by 5 words
STUBS, STUB_WORDS, STUB_TOPICS = 100, 3, (10, 20, 40)


class Corpus(NamedTuple):
    """Documents to fit and to score.

    Attributes:
        name: For the tables.
        train, test: (D, V) counts.
        labels: (D,) what each test document is about, if that is known.
    """

    name: str
    train: sparse.csr_array
    test: sparse.csr_array
    labels: NDArray[np.int64] | None = None


def measure_corpora(folder: Path, runs: int) -> None:
    """Compare on all corpora."""
    corpora = [
        converted(folder, "KOS", "kos/docword.kos.txt.gz", "kos/vocab.kos.txt"),
        converted(folder, "NYT", "nyt/nyt_data.txt", "nyt/nyt_vocab.dat"),
        newsgroups(),
        converted(folder, "AWS's file", "aws_lda/nips-train_1.pbr", "aws_lda/vocab.txt"),
    ]
    compare_with_frequencies(corpora)
    compare_bars()
    add_stubs(corpora[:3], runs)
    compare_with_peers(corpora, folder, runs)


def converted(folder: Path, name: str, corpus: str, vocabulary: str) -> Corpus:
    """Read a corpus by `data_prep`, a tenth of it held out at random."""
    out = folder / name
    convert(SHARED / corpus, SHARED / vocabulary, out, test_fraction=0.1, seed=0)
    with (out / "train.recordio").open("rb") as train, (out / "test.recordio").open("rb") as test:
        return Corpus(name, read_matrix(train), read_matrix(test))


def newsgroups() -> Corpus:
    """Read 20 Newsgroups, which has a split of its own."""
    folder = SHARED / "20ng"
    train, test = (
        sparse.csr_array(sparse.load_npz(folder / f"{part}_bow.npz")).astype(np.float32)
        for part in ("train", "test")
    )
    return Corpus("20 Newsgroups", train, test, np.loadtxt(folder / "test_labels.txt", dtype=int))


def compare_with_frequencies(corpora: list[Corpus]) -> None:
    """Fit with any number of topics and any alpha0; none may be worse than word frequencies."""
    rows = []
    for corpus in corpora:
        frequencies = per_word_log_likelihood(unigram(corpus.train), corpus.test)
        gains = {
            (topics, alpha0): score(corpus, topics, alpha0) - frequencies
            for topics in GRID
            for alpha0 in ALPHA0
        }
        above_one = {at: gain for at, gain in gains.items() if at[0] > 1}
        worst, best = min(above_one, key=above_one.__getitem__), max(gains, key=gains.__getitem__)
        rows.append(
            f"{corpus.name} | {frequencies:.4f}"
            f" | {min(gains[1, alpha0] for alpha0 in ALPHA0):+.4f}"
            f" | {gains[worst]:+.4f} (K = {worst[0]}, alpha0 = {worst[1]:g})"
            f" | {gains[best]:+.4f} (K = {best[0]}, alpha0 = {best[1]:g})"
        )
    show(
        f"Spectral, K = {', '.join(map(str, GRID))}, alpha0 = {', '.join(map(str, ALPHA0))}",
        "corpus | word frequencies | K = 1 | the least gain of the others | the largest",
        rows,
    )


def compare_bars() -> None:
    """Ask for fewer and for more topics than the documents were drawn from."""
    corpus = bars()
    frequencies = per_word_log_likelihood(unigram(corpus.train), corpus.test)
    rows = [
        f"{topics} | " + " | ".join(f"{score(corpus, topics, alpha0):.4f}" for alpha0 in ALPHA0)
        for topics in GRID
    ]
    show(
        f"Bars: {BARS} topics, word frequencies {frequencies:.4f}",
        "K | " + " | ".join(f"alpha0 = {alpha0:g}" for alpha0 in ALPHA0),
        rows,
    )


def bars() -> Corpus:
    """Draw documents from the rows and columns of a grid of 5 by 5 words.

    Source: Griffiths, Steyvers: "Finding scientific topics", PNAS 2004.
    """
    topics = np.zeros((BARS, 5, 5))
    for number in range(5):
        topics[number, number, :] = topics[5 + number, :, number] = 0.2
    rng = np.random.default_rng(0)
    mixtures = rng.dirichlet(np.full(BARS, 1 / BARS), 4000)
    counts = rng.multinomial(100, mixtures @ topics.reshape(BARS, 25)).astype(np.float32)
    return Corpus("bars", sparse.csr_array(counts[400:]), sparse.csr_array(counts[:400]))


def score(corpus: Corpus, topics: int, alpha0: float) -> float:
    """Return the log likelihood of the spectral model."""
    return per_word_log_likelihood(quiet_fit(corpus.train, topics, alpha0), corpus.test)


def quiet_fit(counts: sparse.csr_array, topics: int, alpha0: float = 1.0, seed: int = 0) -> Model:
    """Fit more topics than there may be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewTopicsWarning)
        return fit(counts, topics, alpha0=alpha0, seed=seed)


def add_stubs(corpora: list[Corpus], runs: int) -> None:
    """Add documents of three words, which tell next to nothing; medians of seeds."""
    rows = []
    for corpus in corpora:
        words = np.random.default_rng(0).integers(corpus.train.shape[1], size=(STUBS, STUB_WORDS))
        at = np.repeat(np.arange(STUBS), STUB_WORDS), words.ravel()
        stubs = sparse.csr_array(
            (np.ones(words.size, np.float32), at), shape=(STUBS, corpus.train.shape[1])
        )
        more = sparse.csr_array(sparse.vstack([stubs, corpus.train], format="csr"))
        changes = [
            middle(corpus._replace(train=more), topics, runs) - middle(corpus, topics, runs)
            for topics in STUB_TOPICS
        ]
        for engine, of_engine in zip((SPECTRAL, REFINED), np.transpose(changes), strict=True):
            cells = " | ".join(f"{change:+.4f}" for change in of_engine)
            rows.append(f"{corpus.name} | {engine} | {cells}")
    show(
        f"Change of log likelihood by {STUBS} documents of {STUB_WORDS} words",
        "corpus | engine | " + " | ".join(f"K = {topics}" for topics in STUB_TOPICS),
        rows,
    )


def middle(corpus: Corpus, topics: int, runs: int) -> NDArray[np.float64]:
    """Return the median log likelihood (2,) of the spectral and of the refined model."""
    scores = []
    for seed in range(runs):
        model = quiet_fit(corpus.train, topics, seed=seed)
        models = [model, refine(in_memory(corpus.train), model)]
        scores.append(per_word_log_likelihoods(models, corpus.test))
    medians: NDArray[np.float64] = np.median(scores, axis=0)
    return medians


class Measured(NamedTuple):
    """Medians over seeds.

    Attributes:
        log_likelihood: Of a held-out word.
        coherence: NPMI of the ten first words, the mean of the topics.
        diversity: How many of the first ten words of all topics differ, as a share.
        agreement, purity: Normalized mutual information of labels and largest topics, and the share
            of documents with the commonest label of their topic; 0 where there are no labels.
        processor: Seconds of the whole process.
    """

    log_likelihood: float
    coherence: float
    diversity: float
    agreement: float
    purity: float
    processor: float


def compare_with_peers(corpora: list[Corpus], folder: Path, runs: int) -> None:
    """Fit with all engines, which take turns, each round with another seed."""
    found: dict[tuple[str, int], dict[str, Measured]] = {}
    for corpus in corpora:
        file = save(corpus.train, folder / "train.npz")
        for topics in TOPICS:
            rounds: dict[str, list[Measured]] = {engine: [] for engine in ENGINES}
            for seed in range(runs):
                for engine, measured in rounds.items():
                    measured.append(measure(corpus, run(engine, file, topics, seed)))
            found[corpus.name, topics] = {
                engine: Measured(*map(median, zip(*measured, strict=True)))
                for engine, measured in rounds.items()
            }
            sys.stderr.write(f"{corpus.name}, K = {topics}: done\n")
    with_labels = {corpus.name for corpus in corpora if corpus.labels is not None}
    labels = {at: of for at, of in found.items() if at[0] in with_labels}
    for title, form, rows in (
        ("Log likelihood / NPMI / word diversity", "{0:.4f} / {1:.3f} / {2:.2f}", found),
        ("Seconds of processor time, whole process", "{5:.1f}", found),
        ("Labels: normalized mutual information / purity", "{3:.3f} / {4:.3f}", labels),
    ):
        show(
            title,
            " | ".join(["corpus, K", *ENGINES]),
            [
                " | ".join([f"{name} {topics}", *(form.format(*of[engine]) for engine in ENGINES)])
                for (name, topics), of in rows.items()
            ],
        )
    show(
        "Means over the rows",
        "engine | NPMI | word diversity beside tomotopy | refined takes of its processor time",
        [
            f"{engine} | {mean(of[engine].coherence for of in found.values()):.4f}"
            f" | {mean(of[engine].diversity / of[TOMOTOPY].diversity for of in found.values()):.2f}"
            f" | {mean(of[REFINED].processor / of[engine].processor for of in found.values()):.2f}"
            for engine in ENGINES
        ],
    )


def measure(corpus: Corpus, fitted: Fit) -> Measured:
    """Score a model."""
    words = top_ids(fitted.model, 10)
    agreement, purity = labelled(corpus, fitted.model)
    return Measured(
        per_word_log_likelihood(fitted.model, corpus.test),
        float(npmi(words, corpus.train).mean()),
        len(np.unique(words)) / words.size,
        agreement,
        purity,
        fitted.processor,
    )


def labelled(corpus: Corpus, model: Model) -> tuple[float, float]:
    """Compare the largest topic of each document with its label."""
    if corpus.labels is None:
        return 0, 0
    from sklearn.metrics import (  # type: ignore[import-untyped]
        normalized_mutual_info_score,
    )
    from sklearn.metrics.cluster import contingency_matrix  # type: ignore[import-untyped]

    largest = infer(model, corpus.test).argmax(axis=1)
    of_topics = contingency_matrix(largest, corpus.labels)
    agreement = float(normalized_mutual_info_score(corpus.labels, largest))
    return agreement, float(of_topics.max(axis=1).sum() / of_topics.sum())
