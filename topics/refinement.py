"""Variational steps that bring the topics of a model closer to the documents.

Each sweep infers the mixtures of all documents under the topics so far, and makes of them the
expected counts of each word in each topic, which are the next topics. The counts of the blocks of
a corpus add up, so that the sweep is the same however many threads or machines it takes.

Sources: Blei, Ng, Jordan: "Latent Dirichlet allocation", JMLR 3 (2003), sections 5.3 and 5.4;
Hoffman, Blei, Bach: "Online learning for latent Dirichlet allocation", NIPS 2010, for the prior
of the topics.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import psi
from threadpoolctl import threadpool_limits

from topics.artifact import Model
from topics.corpus import Corpus, for_products
from topics.inference import blocks, posterior, word_shares

_TOLERANCE = 1e-3  # of gamma, per word: the topics change meanwhile
_MAX_STEPS = 10
_PRIOR = 0.1  # of each word in each topic, in words

Array32 = NDArray[np.float32]


def refine(corpus: Corpus, model: Model, sweeps: int, *, max_steps: int = _MAX_STEPS) -> Model:
    """Return a model with the same alpha, and topics that explain the documents better.

    Args:
        corpus: Documents of the model's vocabulary.
        model: The start.
        sweeps: Passes over the documents.
        max_steps: Of the inference of each document in each sweep.
    """
    alpha = model.alpha.astype(np.float32)
    beta = model.beta
    for _ in range(sweeps):
        word_topics = np.ascontiguousarray(beta.T, np.float32)

        def expect(counts: sparse.csr_array, topics: Array32 = word_topics) -> Array32:
            return _expected_counts(counts, alpha, topics, max_steps)

        expected = np.full(beta.shape, _PRIOR)
        with threadpool_limits(1, "blas"):  # the blocks of the corpus keep all cores busy
            for part in corpus.map(expect):
                expected += part.T
        beta = expected / expected.sum(axis=1, keepdims=True)
    return Model(model.alpha, beta)


def _expected_counts(
    counts: sparse.csr_array, alpha: Array32, word_topics: Array32, max_steps: int
) -> Array32:
    """Return (V, K), how often each word is expected to come from each topic."""
    shares, words, sizes, weights = [], [], [], []
    for block in blocks(counts, len(alpha), word_topics.dtype):
        own_topics = word_topics[block.words]
        gamma = posterior(
            alpha, own_topics, block.counts, tolerance=_TOLERANCE, max_steps=max_steps
        )
        weights.append(np.exp(psi(gamma)))
        shares.append(word_shares(own_topics, weights[-1], block.counts).ravel())
        words.append(block.words.ravel())
        sizes.append(np.full(len(gamma), block.words.shape[1]))
    if not weights:
        return np.zeros_like(word_topics)
    bounds = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    by_document = sparse.csr_array(
        (np.concatenate(shares), np.concatenate(words), bounds),
        shape=(len(bounds) - 1, counts.shape[1]),
    )
    summed = for_products(by_document, len(alpha)).T @ np.concatenate(weights)
    expected: Array32 = word_topics * summed
    return expected
