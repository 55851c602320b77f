"""Decomposition of a symmetric k x k x k tensor into n >= k rank-one terms.

Alternating least squares (ALS) finds the terms `sum of weight_i v_i x v_i x v_i`. Each start begins
with random orthonormal factors. The tensor power method iterates all of them at once, and keeps
them apart by making them orthogonal. Then ALS gives up orthogonality, which noisy moments do not
have. Without the power method, ALS misses terms. At most k terms can be orthogonal; a few more are
found too, up to Kruskal's bound on what a tensor determines.

Sources: Anandkumar, Ge, Hsu, Kakade, Telgarsky: "Tensor decompositions for learning latent
variable models", JMLR 15 (2014), section 4.2; Sharan, Valiant: "Orthogonalized ALS", ICML 2017,
for all components at once; Kolda, Bader: "Tensor decompositions and applications", SIAM Review 51
(2009), sections 3.2 (Kruskal's bound) and 3.4 (ALS).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_POWER_ITERATIONS = 100
_POWER_TOLERANCE = 1e-4
_SAME_FIT = 1e-4  # of the tensor's norm: starts closer than this found the same answer
_TINY = np.finfo(np.float64).tiny


class Decomposition(NamedTuple):
    """Terms of a tensor.

    Attributes:
        weights: (n,), not negative.
        vectors: (k, n), of length 1, one in each column, with the sign that makes the term's
            share of the tensor positive.
        error: Norm of the tensor less the terms, relative to the norm of the tensor.
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

    If a second start reaches the best fit, the fit is confirmed, and no more starts are made.

    Args:
        tensor: (k, k, k), symmetric under every exchange of axes.
        terms: The number n of terms, from k to `max_terms(k)`.
        max_restarts: Largest number of starts.
        max_iterations: Largest number of iterations of each start.
        tol: Change of the relative error in one iteration that ends a start.
        rng: Makes the starts.
    """
    best = _als(tensor, _start(tensor, terms, rng), max_iterations, tol, to_beat=np.inf)
    for _ in range(max_restarts - 1):
        start = _start(tensor, terms, rng)
        candidate = _als(tensor, start, max_iterations, tol, to_beat=best.error)
        confirmed = abs(candidate.error - best.error) < _SAME_FIT
        if candidate.error < best.error:
            best = candidate
        if confirmed:
            break
    return best


def _start(tensor: Array, terms: int, rng: np.random.Generator) -> Array:
    """Return factors (k, n): k from the power method, the others random."""
    size = len(tensor)
    unfolded = tensor.reshape(size, -1)
    vectors = _orthonormal(rng.standard_normal((size, size)))
    for _ in range(_POWER_ITERATIONS):
        image = unfolded @ _khatri_rao(vectors, vectors)
        previous, vectors = vectors, _orthonormal(image)
        if np.abs(vectors - previous).max() < _POWER_TOLERANCE:
            break
    return np.hstack([vectors, _normalized(rng.standard_normal((size, terms - size)))])


def _orthonormal(columns: Array) -> Array:
    """Make columns orthonormal, one after the other, without changing their signs."""
    vectors, triangle = np.linalg.qr(columns)
    return vectors * np.where(np.diag(triangle) < 0, -1.0, 1.0)


def _als(
    tensor: Array, start: Array, max_iterations: int, tol: float, *, to_beat: float
) -> Decomposition:
    # The tensor is symmetric, so one unfolding serves the updates of all three factors.
    unfolded = tensor.reshape(len(tensor), -1)
    norm = max(float(np.linalg.norm(unfolded)), float(_TINY))
    first = second = third = start
    weights = np.ones(start.shape[1])
    error = np.inf
    for left in reversed(range(max_iterations)):
        first = _normalized(_least_squares(unfolded, second, third)[0])
        second = _normalized(_least_squares(unfolded, first, third)[0])
        scaled, rest = _least_squares(unfolded, first, second)
        third = _normalized(scaled)
        weights = np.linalg.norm(scaled, axis=0)
        previous, error = error, math.sqrt(max(norm * norm + rest, 0)) / norm
        gain = previous - error
        # Also stop if the error would stay above `to_beat` even at the present pace.
        if abs(gain) < tol or error - gain * left > to_beat + _SAME_FIT:
            break
    signs = np.where(_term_weights(unfolded, first) < 0, -1.0, 1.0)
    return Decomposition(weights, first * signs, error)


def _least_squares(unfolded: Array, one: Array, other: Array) -> tuple[Array, float]:
    """Solve for the factor of the unfolded axis, given the other two.

    Returns:
        The factor, and the change of the squared norm when the terms are subtracted from the
        tensor: `|terms|² - 2 <tensor, terms>`.
    """
    gram = (one.T @ one) * (other.T @ other)
    product = unfolded @ _khatri_rao(one, other)
    factor: Array = product @ np.linalg.pinv(gram, hermitian=True)
    return factor, float(((factor @ gram - 2 * product) * factor).sum())


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
