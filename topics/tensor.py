"""Decomposition of a symmetric k x k x k tensor into n >= k rank-one terms.

Alternating least squares (ALS) finds the terms `sum of weight_i v_i x v_i x v_i`; its first start
is the answer of the tensor power method, which from noisy moments leads to better fits than the
random orthonormal factors of the further starts. Beyond the k terms that can be orthogonal, a
few more are found as well, up to Kruskal's bound on what a tensor determines.

Sources: Anandkumar, Ge, Hsu, Kakade, Telgarsky: "Tensor decompositions for learning latent
variable models", JMLR 15 (2014), algorithm 1; Kolda, Bader: "Tensor decompositions and
applications", SIAM Review 51 (2009), sections 3.2 (Kruskal's bound) and 3.4 (ALS).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_POWER_STARTS = 20  # for each component, all iterated together
_TRIAL_ITERATIONS = 20  # of every start
_POWER_ITERATIONS = 100  # of the best one after that
_POWER_TOLERANCE = 1e-10
_SAME_FIT = 1e-4  # of the tensor's norm: two starts that agree so far have found the same answer
_TINY = np.finfo(np.float64).tiny


class Decomposition(NamedTuple):
    """Terms of a tensor.

    Attributes:
        weights: (n,), not negative.
        vectors: (k, n), of length 1, one in each column, with the sign that makes the term's
            share of the tensor positive.
        error: Norm of what the terms leave of the tensor, relative to the tensor's.
    """

    weights: Array
    vectors: Array
    error: float


def max_terms(size: int) -> int:
    """Return how many terms a tensor of `size` x `size` x `size` determines."""
    return max(size, (3 * size - 2) // 2)


def decompose(
    tensor: Array,
    terms: int,
    *,
    max_restarts: int,
    max_iterations: int,
    tol: float,
    rng: np.random.Generator,
) -> Decomposition:
    """Decompose by ALS from several starts and return the best fit.

    A second start that reaches the best fit confirms it, and no further ones are made.

    Args:
        tensor: (k, k, k), the same under every exchange of its axes.
        terms: Their number n, from k to `max_terms(k)`.
        max_restarts: Starts, at most.
        max_iterations: Of each start, at most.
        tol: Change of the relative error in one iteration that ends a start.
        rng: Source of the starts.
    """
    starts = _starts(tensor, terms, max_restarts, rng)
    best = _als(tensor, next(starts), max_iterations, tol, to_beat=np.inf)
    for start in starts:
        candidate = _als(tensor, start, max_iterations, tol, to_beat=best.error)
        confirmed = abs(candidate.error - best.error) < _SAME_FIT
        if candidate.error < best.error:
            best = candidate
        if confirmed:
            break
    return best


def _starts(tensor: Array, terms: int, count: int, rng: np.random.Generator) -> Iterator[Array]:
    size = len(tensor)
    further = _normalized(rng.standard_normal((size, terms - size)))
    yield np.hstack([_power_method(tensor, rng), further])
    for _ in range(count - 1):
        orthonormal, _ = np.linalg.qr(rng.standard_normal((terms, size)))
        yield _normalized(orthonormal.T)


def _power_method(tensor: Array, rng: np.random.Generator) -> Array:
    """Find one vector after the other, subtracting its term from the tensor each time."""
    size = len(tensor)
    rest = tensor.reshape(size, -1).copy()
    vectors = np.empty((size, size))
    for component in range(size):
        trials = _iterate(rest, rng.standard_normal((size, _POWER_STARTS)), _TRIAL_ITERATIONS)
        best = _term_weights(rest, trials).argmax()
        vector = _iterate(rest, trials[:, [best]], _POWER_ITERATIONS)
        vectors[:, [component]] = vector
        rest -= _term_weights(rest, vector) * vector @ _khatri_rao(vector, vector).T
    return vectors


def _iterate(unfolded: Array, vectors: Array, iterations: int) -> Array:
    """Apply the power map v -> T(., v, v) / |T(., v, v)| to each column."""
    vectors = _normalized(vectors)
    for _ in range(iterations):
        previous, vectors = vectors, _normalized(unfolded @ _khatri_rao(vectors, vectors))
        if np.abs(vectors - previous).max() < _POWER_TOLERANCE:
            break
    return vectors


def _als(
    tensor: Array, start: Array, max_iterations: int, tol: float, *, to_beat: float
) -> Decomposition:
    # The tensor is symmetric, so one unfolding serves the updates of all three factors.
    unfolded = tensor.reshape(len(tensor), -1)
    norm = max(np.linalg.norm(unfolded), _TINY)
    first = second = third = start
    weights = np.ones(start.shape[1])
    error = np.inf
    for left in reversed(range(max_iterations)):
        first = _normalized(_least_squares(unfolded, second, third))
        second = _normalized(_least_squares(unfolded, first, third))
        scaled = _least_squares(unfolded, first, second)
        third = _normalized(scaled)
        weights = np.linalg.norm(scaled, axis=0)
        previous = error
        error = float(np.linalg.norm(unfolded - scaled @ _khatri_rao(first, second).T) / norm)
        gain = previous - error
        # Give up, too, where not even the present pace would bring the error down to `to_beat`.
        if abs(gain) < tol or error - gain * left > to_beat + _SAME_FIT:
            break
    signs = np.where(_term_weights(unfolded, first) < 0, -1.0, 1.0)
    return Decomposition(weights, first * signs, error)


def _least_squares(unfolded: Array, one: Array, other: Array) -> Array:
    """Solve for the factor of the unfolded axis, the other two being given."""
    gram = (one.T @ one) * (other.T @ other)
    return unfolded @ _khatri_rao(one, other) @ np.linalg.pinv(gram, hermitian=True)


def _khatri_rao(one: Array, other: Array) -> Array:
    """Return (K * K, n): in each column the outer product of the two columns, flattened."""
    return (one[:, np.newaxis, :] * other[np.newaxis, :, :]).reshape(-1, one.shape[1])


def _term_weights(unfolded: Array, vectors: Array) -> Array:
    """Evaluate the tensor at each vector: T(v, v, v)."""
    weights: Array = np.einsum("in,in->n", vectors, unfolded @ _khatri_rao(vectors, vectors))
    return weights


def _normalized(columns: Array) -> Array:
    lengths: Array = np.maximum(np.linalg.norm(columns, axis=0), _TINY)
    return columns / lengths
