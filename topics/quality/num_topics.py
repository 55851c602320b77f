"""Recommend a number of topics: fit each number on several splits of the documents.

Each split holds out another random tenth of the training documents, and fits on the other nine
tenths: they are folds of a ten-fold cross-validation. A fit varies little with its seed, but much
with its documents. The held-out documents of the corpus are not used, so that they can judge the
final model.

The recommendation follows the one-standard-error rule: the smallest number of topics whose
held-out log likelihood is within one standard error of the best. The standard error is that of the
gain of the best over the smaller number on the same splits: how hard the held-out documents are
differs from split to split, but for all numbers alike. On the Daily Kos
counts a split's log likelihood has a standard error of 0.027 (three splits, 10 to 30 topics), and
the gain from 20 to 30 topics, 0.040, one of 0.004. On corpora drawn from ten topics (300 to 3,000
documents), the rule recommends ten with every choice of three of the ten folds but one in 360.

Sources: Breiman, Friedman, Olshen, Stone: "Classification and regression trees", 1984, section
3.4.3, for the rule; Hastie, Tibshirani, Friedman: "The elements of statistical learning", 2nd
edition, 2009, section 7.10, for folds, and that a model of medium size is to be preferred.
"""

import math
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cli.progress import Progress
from data_prep.documents import TrainTest
from topics.lda.moments import SpectralError
from topics.lda.spectral import fit
from topics.model.topic_model import Model
from topics.quality.likelihood import LEAST_WORDS, EvaluationError
from topics.quality.measures import baseline, measure

Array = NDArray[np.float64]

PARTS = 10  # of the documents; a split holds out one part


class Mean(NamedTuple):
    """The mean over splits, and its standard error."""

    value: float
    error: float


class Trial(NamedTuple):
    """A number of topics that was tried.

    Attributes:
        num_topics: The number.
        measures: (splits,) `log_likelihood`, `npmi` and `umass` of the models; empty if there is no
            model. NaN if a measure has no value.
        seconds: Mean time of a fit; None if there is no model.
        problem: Why there is no model; None if there is one.
        warning: The first warning of the fits; None if there was none.
    """

    num_topics: int
    measures: dict[str, Array]
    seconds: float | None
    problem: str | None
    warning: str | None

    def mean(self, measure: str) -> Mean:
        """Return the mean of a measure."""
        return _mean(self.measures[measure])


class Recommendation(NamedTuple):
    """A recommended number of topics.

    Attributes:
        num_topics: The number.
        reason: A sentence without a full stop.
    """

    num_topics: int
    reason: str


@dataclass(frozen=True, eq=False)
class Splits:
    """Several splits of the training documents into documents to fit on and to hold out.

    Attributes:
        corpus: The documents.
        held_out: (splits, D) which documents each split holds out; none is held out twice.
    """

    corpus: TrainTest
    held_out: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of splits."""
        return len(self.held_out)

    def __iter__(self) -> Iterator[TrainTest]:
        """Yield each split as a corpus; one of them is in memory at a time."""
        whole = self.corpus
        for chosen in self.held_out:
            yield TrainTest(
                whole.words, whole.train[~chosen], whole.train[chosen], whole.numbers[~chosen]
            )


def split(corpus: TrainTest, splits: int) -> Splits:
    """Split the training documents; documents with too few words are never held out.

    Args:
        corpus: The documents.
        splits: The number of splits, from 2 to `PARTS`.

    Raises:
        EvaluationError: There are fewer documents to hold out than splits.
    """
    usable = np.flatnonzero(corpus.train.sum(axis=1) >= LEAST_WORDS)
    if len(usable) < splits:
        raise EvaluationError(
            f"{splits} splits need {splits} documents of {LEAST_WORDS} words or more to train on;"
            f" the corpus has {len(usable)}"
        )
    part = np.full(corpus.train.shape[0], -1)
    shuffled = np.random.default_rng(0).permutation(usable)
    part[shuffled] = np.arange(len(usable)) % PARTS
    return Splits(corpus, part == np.arange(splits)[:, np.newaxis])


def frequencies(splits: Splits) -> Mean:
    """Return the held-out log likelihood of the word frequencies."""
    return _mean(np.array([baseline(corpus) for corpus in splits], np.float64))


def sweep(splits: Splits, numbers: Iterable[int], alpha0: float) -> Iterator[Trial]:
    """Yield a trial for each number of topics; a trial without a model says why."""
    for number in numbers:
        with Progress(f"{number} topics", len(splits)) as progress:
            trial = _try(splits, number, alpha0, progress)
        yield trial  # after the bar is gone, since a row is printed in its place


def _try(splits: Splits, number: int, alpha0: float, progress: Progress) -> Trial:
    seconds, means = [], []
    warning = None
    for corpus in splits:
        start = time.perf_counter()
        try:
            model, said = _fit(corpus, number, alpha0)
        except (SpectralError, MemoryError) as error:
            problem = str(error) if isinstance(error, SpectralError) else "not enough memory"
            return Trial(number, {}, None, problem, None)
        seconds.append(time.perf_counter() - start)
        means.append(measure(model, corpus).means())
        warning = warning or said
        progress.advance(1)
    measures = {
        name: np.array([each[name] for each in means], np.float64)  # None becomes NaN
        for name in means[0]
    }
    return Trial(number, measures, float(np.mean(seconds)), None, warning)


def _fit(corpus: TrainTest, number: int, alpha0: float) -> tuple[Model, str | None]:
    """Return a model, and the first warning of the fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = fit(corpus.train, number, alpha0=alpha0)
    return model, str(caught[0].message) if caught else None


def gain(better: Trial, other: Trial) -> Mean:
    """Return how much larger one log likelihood is than another, on the same splits."""
    return _mean(better.measures["log_likelihood"] - other.measures["log_likelihood"])


def recommend(trials: Iterable[Trial]) -> Recommendation | None:
    """Recommend a number of topics by the one-standard-error rule; None if there is no model."""
    asked = sorted(trials, key=lambda trial: trial.num_topics)
    tried = [trial for trial in asked if trial.problem is None]
    if not tried:
        return None
    best = max(tried, key=lambda trial: trial.mean("log_likelihood").value)
    gains = [gain(best, trial) for trial in tried]
    at = next(at for at, (value, error) in enumerate(gains) if value <= error)
    chosen = tried[at].num_topics
    if len(tried) == 1:
        return Recommendation(chosen, "the only number that has a model")
    if tried[at] is not best:
        reason = (
            f"held-out likelihood still rises to {best.num_topics}, by less than the spread"
            f" ({_told(gains[at])})"
        )
    elif at:
        reason = (
            f"held-out likelihood is highest here, and rises from {tried[at - 1].num_topics} by"
            f" more than the spread ({_told(gains[at - 1])})"
        )
    else:
        reason = "held-out likelihood is highest here"
    if best is asked[-1]:
        reason += f"; more than {best.num_topics} may be better still"
    elif best is tried[-1]:
        reason += "; no larger number has a model"
    if tried[at] is asked[0] and chosen > 1:
        reason += f"; fewer than {chosen} may do as well"
    return Recommendation(chosen, reason)


def _told(mean: Mean) -> str:
    return f"{mean.value:.4f} ±{mean.error:.4f} on the same splits"


def _mean(values: Array) -> Mean:
    return Mean(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))
