"""Topic mixtures of documents under a given model, by variational inference.

For a document with counts c, gamma is the Dirichlet posterior of its mixture and the fixed point
of

    gamma_k = alpha_k + sum_w c_w phi_wk,   phi_wk ~ beta_kw exp(digamma(gamma_k))

Source: Blei, Ng, Jordan: "Latent Dirichlet allocation", JMLR 3 (2003), equations 6 and 7; for
batches, Hoffman, Blei, Bach: "Online learning for latent Dirichlet allocation", NIPS 2010.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import psi

from topics.artifact import Model

TOLERANCE = 1e-4  # largest change of gamma in the last iteration, per word of the document
MAX_ITERATIONS = 1000

_BLOCK_ELEMENTS = 1 << 20  # of the (non-zeros, topics) array of one batch
_SHRINK = 0.9  # drop the documents that are done once less than this share is left
_TINY = 1e-300  # keeps the norm of a word that no topic has from being 0


class InferenceError(ValueError):
    """Documents that do not fit the model."""


def infer(model: Model, counts: sparse.csr_array) -> NDArray[np.float64]:
    """Infer the topic mixture of each document.

    Every document runs until it has converged itself, so that its mixture does not depend on
    what else is in the batch. A document without words gets the prior's mean.

    Args:
        model: Topics of a vocabulary of V words.
        counts: (D, V) word counts, not negative.

    Returns:
        (D, K) float64, rows sum to 1.

    Raises:
        InferenceError: The documents' vocabulary is not as large as the model's.
    """
    topics, words = model.beta.shape
    if counts.shape[1] != words:
        raise InferenceError(f"documents of {counts.shape[1]} words, but the model has {words}")
    gamma = np.tile(model.alpha, (counts.shape[0], 1))
    not_empty = np.flatnonzero(counts.sum(axis=1) > 0)
    for batch in _batches(counts, not_empty, max(1, _BLOCK_ELEMENTS // topics)):
        gamma[batch] = _posterior(model, counts[batch])
    mixtures: NDArray[np.float64] = gamma / gamma.sum(axis=1, keepdims=True)
    return mixtures


def _batches(
    counts: sparse.csr_array, documents: NDArray[np.int64], nonzeros: int
) -> Iterator[NDArray[np.int64]]:
    """Cut the documents into batches of about `nonzeros` entries."""
    ends = np.cumsum(np.diff(counts.indptr)[documents], dtype=np.int64)
    cuts = np.flatnonzero(np.diff(ends // nonzeros)) + 1
    yield from (batch for batch in np.split(documents, cuts) if batch.size)


def _posterior(model: Model, counts: sparse.csr_array) -> NDArray[np.float64]:
    """Return gamma (D, K) of documents that all have words."""
    sizes = np.diff(counts.indptr)
    data = counts.data.astype(np.float64)
    word_topics = model.beta.T[counts.indices]  # (non-zeros, K)
    lengths = np.add.reduceat(data, np.cumsum(sizes) - sizes)
    current = model.alpha + (lengths / len(model.alpha))[:, np.newaxis]
    result = np.empty_like(current)
    rest = np.arange(len(result))  # the documents still in the arrays
    active = np.ones(len(result), np.bool_)  # those of them that have not converged
    for _ in range(MAX_ITERATIONS):
        weights = np.exp(psi(current))
        norms = np.einsum("nk,nk->n", word_topics, np.repeat(weights, sizes, axis=0)) + _TINY
        shares = word_topics * (data / norms)[:, np.newaxis]
        updated = model.alpha + weights * np.add.reduceat(shares, np.cumsum(sizes) - sizes)
        converged = active & (np.abs(updated - current).max(axis=1) < TOLERANCE * lengths)
        current = updated
        result[rest[converged]] = current[converged]
        active &= ~converged
        if not active.any():
            break
        if active.mean() < _SHRINK:
            kept = np.repeat(active, sizes)
            word_topics, data = word_topics[kept], data[kept]
            sizes, lengths = sizes[active], lengths[active]
            current, rest = current[active], rest[active]
            active = active[active]
    result[rest[active]] = current[active]
    return result
