"""How well a topic model predicts documents that it has not seen."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.errors import InputError
from topics.lda.blocks import Blocks, in_memory
from topics.lda.mixtures import infer
from topics.model.topic_model import Model

# Share of the uniform distribution in every prediction: the spectral method gives many words the
# probability 0 in all topics, and one such word would make the log likelihood -inf.
SMOOTHING = 0.01
LEAST_WORDS = 2  # of a document that can be scored: one to infer from, one to predict
_MAX_WORDS = 1 << 27  # of the documents of a block, which are split at once


class EvaluationError(InputError):
    """Models or documents can't be compared."""


def unigram(counts: sparse.csr_array) -> Model:
    """Return the model with one topic, the word frequencies, which topic models have to beat."""
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
        documents: (D, V) word counts, whole numbers, or blocks of them.
        seed: Seed of the draw. Compare models with the same seed, for the same halves.

    Returns:
        Natural logarithm per word; larger is better.

    Raises:
        EvaluationError: Counts are not whole numbers, or no document has two words.
        InputError: The vocabularies differ in size.

    Source: Wallach, Murray, Salakhutdinov, Mimno: "Evaluation methods for topic models",
    ICML 2009, section 5.
    """
    (score,) = per_word_log_likelihoods([model], documents, seed=seed)
    return score


def per_word_log_likelihoods(
    models: Sequence[Model], documents: sparse.csr_array | Blocks, *, seed: int = 0
) -> list[float]:
    """Score several models as `per_word_log_likelihood` does, on the same halves."""
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
    """Split the words of each document into two halves; an odd word goes to the first."""
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
