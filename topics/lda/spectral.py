"""Fit latent Dirichlet allocation by moments: the method that SageMaker's LDA documents.

The moments of words, word pairs and word triples in a document are mixtures of the topics. The
pair moment M2 whitens the triple moment M3 into a small tensor with orthogonal components, one a
topic; its decomposition, un-whitened, gives the topics.

`moments` computes them, in whitened coordinates.

**The model has all topics that were asked for.** Directions that chance could have made are not
used. Topics that the moments do not show start as halves of the largest topics. A tenth of the word
frequencies is mixed into all topics, since the moments leave most words out of each.

The moments show only the part of a topic in the leading directions of M2. So sweeps of inference
then bring the topics closer to the documents.

Sources: Anandkumar, Ge, Hsu, Kakade, Telgarsky: "Tensor decompositions for learning latent
variable models", JMLR 15 (2014), theorem 3.5 and section 4; "How LDA Works" in the Amazon
SageMaker developer guide (25 % more topics are computed than asked for, the largest are kept);
Zhang, Chen, Zhou, Jordan: "Spectral methods meet EM", JMLR 17 (2016), for the sweeps at the end.
"""

import math
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from topics.lda.blocks import Blocks, in_memory
from topics.lda.eigen import Array32
from topics.lda.moments import SpectralError, average, directions, whitened_triples
from topics.lda.refine import refine
from topics.lda.tensor import Decomposition, decompose, max_terms
from topics.model.topic_model import Model

Array = NDArray[np.float64]

_LEAST_ALPHA0, _MOST_ALPHA0 = 1e-6, 1e4  # far outside, float32 can't hold the moments
_FREQUENCIES = 0.1  # share of the word frequencies in each topic before the sweeps
_SWEEPS = 2  # more take longer and gain little
_LIKENESS = 200.0  # of the halves of a topic: the shape of the gamma distribution


class FewTopicsWarning(UserWarning):
    """The moments show fewer topics clearly than were asked for.

    Attributes:
        clear: The number of topics that they show.
    """

    def __init__(self, asked: int, clear: int) -> None:
        super().__init__(
            f"the data shows {clear} topics clearly, {asked} were asked for: the others are"
            " parts of these, and may repeat each other or mean little"
        )
        self.clear = clear


def fit(
    documents: sparse.csr_array | Blocks,
    num_topics: int,
    *,
    alpha0: float = 1.0,
    max_restarts: int = 2,
    max_iterations: int = 100,
    tol: float = 1e-5,
    seed: int = 0,
) -> Model:
    """Fit a topic model.

    Args:
        documents: (D, V) word counts, or blocks of them. Documents with fewer than 3 words have no
            triples, and are left out of the moments.
        num_topics: The number K of topics.
        alpha0: Sum of alpha, from 1e-6 to 1e4. It is given, not fitted: a larger sum gives more
            topics in a document.
        max_restarts: Largest number of starts of the decomposition.
        max_iterations: Largest number of iterations of each start.
        tol: Change of the relative error that ends a start.
        seed: Seed of the random starts; the same seed gives the same model.

    Returns:
        The model, largest alpha first; alpha sums to alpha0. A single topic is the word
        frequencies.

    Warns:
        FewTopicsWarning: The moments show fewer topics clearly than `num_topics`.

    Raises:
        SpectralError: A parameter is out of range, or no document has a word.
    """
    if num_topics < 1 or not _LEAST_ALPHA0 <= alpha0 <= _MOST_ALPHA0:
        raise SpectralError(
            f"num_topics is {num_topics}, must be at least 1; alpha0 is {alpha0}, must be from"
            f" {_LEAST_ALPHA0:g} to {_MOST_ALPHA0:g}"
        )
    corpus = documents if isinstance(documents, Blocks) else in_memory(documents)
    rng = np.random.default_rng(seed)
    # Blocks already keep all cores busy: more threads would slow them down.
    with threadpool_limits(1, "blas"):
        averages = average(corpus, num_topics)
        if num_topics == 1:
            return Model(np.array([alpha0]), averages.frequencies[np.newaxis, :])
        values, vectors = directions(corpus, averages, alpha0, num_topics, rng)
        clear = min(num_topics, max_terms(len(values))) if len(values) else 0
        model = Model(np.array([alpha0]), averages.frequencies[np.newaxis, :])
        if clear:
            scales = np.sqrt(values).astype(np.float32)
            terms = decompose(
                whitened_triples(corpus, averages, averages.scale * vectors / scales, alpha0),
                max(clear, len(values)),
                max_restarts=max_restarts,
                max_iterations=max_iterations,
                tol=tol,
                rng=rng,
            )
            model = _recover(terms, vectors * scales / averages.scale, alpha0, clear)
    model = _split(model, num_topics, rng)
    if clear < num_topics:
        warnings.warn(FewTopicsWarning(num_topics, clear), stacklevel=2)
    mixed = (1 - _FREQUENCIES) * model.beta + _FREQUENCIES * averages.frequencies
    swept = refine(corpus, Model(model.alpha, mixed), _SWEEPS, fit_alpha=False)
    order = np.argsort(-model.alpha, kind="stable")
    return Model(model.alpha[order], swept.beta[order])


def _split(model: Model, num_topics: int, rng: np.random.Generator) -> Model:
    """Split the largest topics in two, with random differences, until there are enough."""
    alpha, beta = [*model.alpha], [*model.beta]
    while len(alpha) < num_topics:
        largest = int(np.argmax(alpha))
        alpha[largest] /= 2
        alpha.append(alpha[largest])
        drawn = beta[largest] * rng.standard_gamma(_LIKENESS, len(beta[largest]))
        beta.append(drawn / drawn.sum())
    return Model(np.array(alpha), np.array(beta))


def _recover(terms: Decomposition, unwhiten: Array32, alpha0: float, num_topics: int) -> Model:
    """Turn terms into topics.

    In whitened coordinates a topic is the unit vector `v = sqrt(w) whiten mu`, and its term has
    the weight `2 / ((s+2) sqrt(w))`; both are solved for alpha and mu.
    """
    # No alpha exceeds alpha0, so true weights are at least this; degenerate ones may be less.
    least = 2 * math.sqrt(alpha0 + 1) / (alpha0 + 2)
    largest = np.argsort(terms.weights, kind="stable")[:num_topics]
    weights = np.maximum(terms.weights[largest], least)
    alpha = 1 / (weights * weights)
    topics = (alpha0 + 2) / 2 * weights * (unwhiten @ terms.vectors[:, largest])
    return Model(alpha * (alpha0 / alpha.sum()), _project_to_simplex(topics.T))


def _project_to_simplex(rows: Array) -> Array:
    """Return the nearest row of non-negative numbers with sum 1 to each row.

    Source: Duchi, Shalev-Shwartz, Singer, Chandra: "Efficient projections onto the l1-ball for
    learning in high dimensions", ICML 2008, figure 1.
    """
    ordered = -np.sort(-rows, axis=1)
    excess = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, rows.shape[1] + 1)
    last = np.count_nonzero(ordered > excess, axis=1) - 1
    threshold = np.take_along_axis(excess, last[:, np.newaxis], axis=1)
    return np.maximum(rows - threshold, 0)
