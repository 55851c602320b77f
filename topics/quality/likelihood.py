"""How good a topic model is: against known topics, and on documents it has not seen."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.errors import InputError
from topics.lda.blocks import Blocks, in_memory
from topics.lda.mixtures import infer
from topics.model.topic_model import Model

# A share of the flat distribution in every prediction: the spectral method gives many words the
# probability 0 in all topics, and one such word would make any log likelihood -inf.
SMOOTHING = 0.01
_MAX_WORDS = 1 << 27  # of the documents that are split at once; each takes some bytes


class EvaluationError(InputError):
    """Models or documents that can't be compared."""


class Match(NamedTuple):
    """Pairs of topics, one from each of two models; as many as the smaller model has.

    Attributes:
        first, second: Indices of the topics of each pair, `first` ascending.
        cosine: Similarity of the two topics' word probabilities, 0 to 1.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosine: NDArray[np.float64]


def match_topics(first: NDArray[np.float64], second: NDArray[np.float64]) -> Match:
    """Pair topics one to one so that the sum of cosines is largest (Hungarian assignment).

    The order of topics means nothing, so models are only compared after this.

    Args:
        first: (K, V) topics, not negative, no row of zeros.
        second: (L, V) topics.

    Raises:
        EvaluationError: The vocabularies differ in size.
    """
    # Takes longer to import than all else here, and fitting needs only the scores.
    from scipy.optimize import linear_sum_assignment

    if first.shape[1] != second.shape[1]:
        raise EvaluationError(
            f"topics over {first.shape[1]} words can't be matched with topics over"
            f" {second.shape[1]}"
        )
    cosines = _unit_rows(first) @ _unit_rows(second).T
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    return Match(rows, columns, cosines[rows, columns])


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


def unigram(counts: sparse.csr_array) -> Model:
    """Return the model of one topic, the word frequencies: what any topic model has to beat."""
    totals = counts.sum(axis=0, dtype=np.float64)
    if not totals.any():
        raise EvaluationError("there are no words to take frequencies of")
    return Model(np.ones(1), (totals / totals.sum())[np.newaxis, :])


def per_word_log_likelihood(
    model: Model, documents: sparse.csr_array | Blocks, *, seed: int = 0
) -> float:
    """Score a model on unseen documents by document completion.

    Half of each document's words, drawn at random, determine its mixture; the mean log
    probability of the other half is the score.

    Args:
        model: Topics of V words.
        documents: (D, V) word counts, whole numbers, or a corpus of them.
        seed: Of the draw. Models are to be compared on the same halves.

    Returns:
        Natural logarithm per word; larger is better.

    Raises:
        EvaluationError: Counts that are not whole, or no document with two words.
        InputError: The vocabularies differ in size.

    Source: Wallach, Murray, Salakhutdinov, Mimno: "Evaluation methods for topic models",
    ICML 2009, section 5.
    """
    (score,) = per_word_log_likelihoods([model], documents, seed=seed)
    return score


def per_word_log_likelihoods(
    models: Sequence[Model], documents: sparse.csr_array | Blocks, *, seed: int = 0
) -> list[float]:
    """Score models as `per_word_log_likelihood` does; the documents are split once for all."""
    corpus = documents if isinstance(documents, Blocks) else in_memory(documents)
    rng = np.random.default_rng(seed)
    totals, words = [0.0] * len(models), 0.0
    for counts in corpus:
        observed, held_out = _split_words(counts, rng)
        words += held_out.data.sum()
        for number, model in enumerate(models):
            totals[number] += _log_likelihood(model, infer(model, observed), held_out)
    if not words:
        raise EvaluationError("no document has two words, so there is none to predict")
    return [total / words for total in totals]


def _log_likelihood(model: Model, mixtures: NDArray[np.float64], counts: sparse.csr_array) -> float:
    """Return the log probability of words under mixtures (D, K)."""
    word_topics = np.ascontiguousarray(model.beta.T)
    rows = zip(mixtures, pairwise(counts.indptr), strict=True)
    total = 0.0
    for mixture, (start, stop) in rows:
        probabilities = word_topics[counts.indices[start:stop]] @ mixture
        smoothed = (1 - SMOOTHING) * probabilities + SMOOTHING / counts.shape[1]
        total += float(counts.data[start:stop] @ np.log(smoothed))
    return total


def _split_words(
    counts: sparse.csr_array, rng: np.random.Generator
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Deal each document's words into two halves; an odd one goes to the first."""
    repeats = counts.data.astype(np.int64)
    if (repeats != counts.data).any() or (repeats < 0).any():
        raise EvaluationError("word counts must be whole numbers and not negative")
    if counts.sum(dtype=np.float64) > _MAX_WORDS:
        raise EvaluationError(f"more than {_MAX_WORDS} words in a few documents can't be scored")
    documents = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    document = np.repeat(documents, repeats)
    word = np.repeat(counts.indices, repeats)
    shuffled = np.lexsort((rng.random(len(word)), document))
    lengths = np.bincount(document, minlength=counts.shape[0])
    position = np.arange(len(word)) - (np.cumsum(lengths) - lengths)[document]
    first = position < ((lengths + 1) // 2)[document]

    def part(chosen: NDArray[np.bool_]) -> sparse.csr_array:
        ones = np.ones(np.count_nonzero(chosen))
        at = (document[chosen], word[shuffled][chosen])
        return sparse.csr_array((ones, at), shape=counts.shape)

    return part(first), part(~first)
