"""Latent Dirichlet allocation fitted by moments: the method SageMaker's LDA documents.

The moments of words, word pairs and word triples in a document are mixtures of the topics. The
pair moment M2 whitens the triple moment M3 into a small tensor with orthogonal components, one a
topic; its decomposition, un-whitened, gives the topics.

With `s = alpha0` and `p, E2, E3` the averages of one, two and three words of a document:

    M2 = E2 - s/(s+1) p x p                                = sum_i  w_i         mu_i x mu_i
    M3 = E3 - s/(s+2) sym(E2 x p) + 2s²/((s+1)(s+2)) p x p x p
                                                           = sum_i  2w_i/(s+2)  mu_i x mu_i x mu_i

where `w_i = alpha_i / (s (s+1))`. No V x V array is made: M2 is only ever applied to vectors, and
M3 is summed up in whitened coordinates.

Sources: Anandkumar, Ge, Hsu, Kakade, Telgarsky: "Tensor decompositions for learning latent
variable models", JMLR 15 (2014), theorem 3.5 and section 4; "How LDA Works" in the Amazon
SageMaker developer guide (25 % more topics are computed than asked for, the largest are kept).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from topics.artifact import Model
from topics.noise import noise_edge
from topics.tensor import Decomposition, decompose, max_terms

Array = NDArray[np.float64]

_MIN_WORDS = 3  # of a document: the triple moment needs three
_EXTRA = 1.25
_EIGEN_TOLERANCE = 1e-10
_BLOCK_ELEMENTS = 1 << 22  # of one temporary array while M3 is summed up


class SpectralError(ValueError):
    """The data does not determine the topics asked for, or a parameter is out of range."""


def fit(
    counts: sparse.csr_array,
    num_topics: int,
    *,
    alpha0: float = 1.0,
    max_restarts: int = 10,
    max_iterations: int = 1000,
    tol: float = 1e-8,
    seed: int = 0,
) -> Model:
    """Fit a topic model.

    Args:
        counts: (D, V) word counts. Documents with fewer than 3 words are left out.
        num_topics: Topics K of the model.
        alpha0: Sum of alpha. It is given, not fitted: larger means more topics in a document.
        max_restarts: Starts of the decomposition, at most.
        max_iterations: Iterations of each start, at most.
        tol: Change of the relative error that ends a start.
        seed: Of the random starts; the same seed gives the same model.

    Returns:
        The model, largest alpha first. The decomposition gives every topic an alpha; they are
        scaled to the sum alpha0.

    Raises:
        SpectralError: The data supports fewer topics than asked for; the message says how many.
    """
    if num_topics < 1 or not alpha0 > 0:
        raise SpectralError(
            f"num_topics is {num_topics}, must be at least 1; alpha0 is {alpha0}, must be positive"
        )
    rng = np.random.default_rng(seed)
    documents = _Documents(counts)
    eigenvalues, eigenvectors = _top_eigenpairs(documents, alpha0, num_topics, rng)
    whiten = eigenvectors / np.sqrt(eigenvalues)
    unwhiten = eigenvectors * np.sqrt(eigenvalues)
    terms = decompose(
        _whitened_triples(documents, whiten, alpha0),
        max(num_topics, len(eigenvalues)),
        max_restarts=max_restarts,
        max_iterations=max_iterations,
        tol=tol,
        rng=rng,
    )
    return _recover(terms, unwhiten, alpha0, num_topics)


class _Documents:
    """The documents that have a triple moment, and the weights that average over them.

    Attributes:
        counts: (D, V) float64.
        by_word: The same, transposed, in a layout that makes products with it fast.
        lengths: (D,) words of each document.
        pairs, triples: (D,) weight of each ordered pair or triple of different words' positions.
        words: (V,) average share of each word in a document: the first moment.
    """

    def __init__(self, counts: sparse.csr_array) -> None:
        lengths = counts.sum(axis=1, dtype=np.float64)
        usable = lengths >= _MIN_WORDS
        if not usable.any():
            raise SpectralError(
                f"none of the {len(lengths)} documents has {_MIN_WORDS} words or more,"
                " so the data supports no topic"
            )
        self.counts = counts[usable].astype(np.float64)
        self.by_word: sparse.csr_array = self.counts.T.tocsr()
        self.lengths: Array = lengths[usable]
        self.pairs: Array = 1 / (len(self.lengths) * self.lengths * (self.lengths - 1))
        self.triples: Array = self.pairs / (self.lengths - 2)
        self.words: Array = self.by_word @ (1 / (len(self.lengths) * self.lengths))


def _top_eigenpairs(
    documents: _Documents, alpha0: float, num_topics: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return eigenvalues (k,), largest first, and eigenvectors (V, k) of the pair moment.

    There are 25 % more than `num_topics`, but none that chance alone could have made.
    """
    size = documents.counts.shape[1]
    # A word does not pair with itself at the same position: count² - count pairs, not count².
    same = documents.by_word @ documents.pairs
    mean = alpha0 / (alpha0 + 1)

    def apply(vector: Array) -> Array:
        vector = vector.ravel()
        paired: Array = documents.by_word @ (documents.pairs * (documents.counts @ vector))
        return paired - same * vector - mean * (documents.words @ vector) * documents.words

    moment = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    wanted = min(math.ceil(_EXTRA * num_topics), size)
    if wanted < size:
        try:
            values, vectors = eigsh(
                moment,
                k=wanted,
                which="LA",
                v0=rng.standard_normal(size),
                tol=_EIGEN_TOLERANCE,
            )
        except ArpackNoConvergence as error:
            raise SpectralError(f"the word pairs have no stable eigenvectors: {error}") from None
    else:  # fewer words than components: the array is no larger than K x K
        values, vectors = linalg.eigh(moment @ np.eye(size))
    directions = int((values > noise_edge(documents.lengths, documents.words)).sum())
    # Topics may depend on each other linearly, so there can be more of them than directions.
    if max_terms(directions) < num_topics:
        raise SpectralError(
            f"{num_topics} topics asked for, but the data supports {max_terms(directions)}:"
            f" {len(documents.lengths)} documents with {_MIN_WORDS} words or more have"
            f" {directions} directions that can't be chance"
        )
    return values[::-1][:directions], vectors[:, ::-1][:, :directions]


def _whitened_triples(documents: _Documents, whiten: Array, alpha0: float) -> Array:
    """Return the triple moment (k, k, k) in whitened coordinates."""
    projected = documents.counts @ whiten
    weighted = documents.triples[:, np.newaxis] * projected
    # Triples of different positions: all, less those where two of the three positions are the
    # same, plus twice those where all three are. The last are symmetric, so that a third of
    # them goes into each of the three exchanges of the middle term.
    repeated = documents.by_word @ weighted
    once = (documents.by_word @ documents.triples)[:, np.newaxis] * whiten
    triples = _outer_sum(projected, weighted) - _symmetric(
        _outer_sum(whiten, repeated - 2 / 3 * once)
    )

    mean = whiten.T @ documents.words
    mean_pair = np.outer(mean, mean)
    # Whitening makes M2 the identity, which gives E2 without another pass over the data.
    pairs = np.eye(len(mean)) + alpha0 / (alpha0 + 1) * mean_pair
    return (
        triples
        - alpha0 / (alpha0 + 2) * _symmetric(np.multiply.outer(pairs, mean))
        + 2 * alpha0**2 / ((alpha0 + 1) * (alpha0 + 2)) * np.multiply.outer(mean_pair, mean)
    )


def _outer_sum(twice: Array, once: Array) -> Array:
    """Return (k, k, k), the sum over rows of `twice x twice x once`, in blocks of rows."""
    size = twice.shape[1]
    total = np.zeros((size * size, size))
    rows = max(1, _BLOCK_ELEMENTS // (size * size))
    for start in range(0, len(twice), rows):
        block = twice[start : start + rows]
        pairs = (block[:, :, np.newaxis] * block[:, np.newaxis, :]).reshape(len(block), -1)
        total += pairs.T @ once[start : start + rows]
    return total.reshape(size, size, size)


def _symmetric(tensor: Array) -> Array:
    """Add up a tensor that is symmetric in its first two axes over the place of the third."""
    return tensor + tensor.transpose(0, 2, 1) + tensor.transpose(2, 1, 0)


def _recover(terms: Decomposition, unwhiten: Array, alpha0: float, num_topics: int) -> Model:
    """Turn terms into topics.

    In whitened coordinates a topic is the unit vector `v = sqrt(w) whiten mu`, and its term has
    the weight `2 / ((s+2) sqrt(w))`; both are solved for alpha and mu.
    """
    # No alpha can exceed alpha0, so no true weight is less than this; a degenerate one is.
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
