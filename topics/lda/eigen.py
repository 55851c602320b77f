"""The largest eigenvalues of a symmetric operator that is expensive to apply.

The block Krylov method applies the operator to a block of vectors at a time, here in one pass over
a corpus, and looks for the eigenvectors in the span of all blocks so far (Rayleigh and Ritz). It
needs a handful of passes, where a method with single vectors needs hundreds. All long arrays are
float32, which halves memory and time; the noise of the operator is far larger than the rounding.

Sources: Saad: "Numerical methods for large eigenvalue problems", 2nd edition (2011), sections 4.3,
6.5 and 7.5 (blocks, restarts); Stathopoulos, Wu: "A block orthogonalization procedure with constant
synchronization requirements", SIAM J. Scientific Computing 23 (2002).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array32 = NDArray[np.float32]

_TOLERANCE = 1e-4  # of the residual, relative to the eigenvalue
_MIN_PASSES, _MAX_PASSES = 4, 40  # the first passes may not have found everything
_BLOCKS, _COLUMNS = 6, 200  # the size of the basis: whichever is larger
_KEPT_BLOCKS = 2  # of the basis, once it is full
_NEGLIGIBLE = 1e-13  # of a squared length, relative to the largest: float32's rounding errors


def top_eigenpairs(
    apply: Callable[[Array32], NDArray[np.floating]],
    size: int,
    count: int,
    least: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], Array32]:
    """Return eigenvalues (n,), largest first, and eigenvectors (size, n) of a symmetric operator.

    Args:
        apply: Multiplies the operator with (size, m) vectors.
        size: Of the vectors.
        count: Eigenvalues wanted, at most.
        least: Only larger eigenvalues are wanted.
        rng: Makes the first block.
    """
    columns = max(_BLOCKS * count, _COLUMNS)
    if size <= columns:
        values, vectors = np.linalg.eigh(_symmetric(apply(np.eye(size, dtype=np.float32))))
        found = min(count, int((values > least).sum()))
        return values[::-1][:found], vectors[:, ::-1][:, :found].astype(np.float32)
    basis = np.empty((size, columns), np.float32)
    projected = np.zeros((columns, columns))  # the operator, in the basis
    new, _ = _factor(rng.standard_normal((size, count), dtype=np.float32))
    used = before = 0
    for number in range(1, _MAX_PASSES + 1):
        start, used = used, used + count
        basis[:, start:used] = new
        image = apply(new).astype(np.float32)
        spanned = basis[:, :used]
        shares = spanned.T @ image
        projected[:used, start:used] = shares
        projected[start:used, :used] = shares.T
        new, rest = _orthonormal_rest(image - spanned @ shares, spanned)
        values, vectors = (each[..., ::-1] for each in np.linalg.eigh(projected[:used, :used]))
        found = min(count, int((values > least).sum()))
        residuals = np.linalg.norm(rest @ vectors[start:used, :found], axis=0)
        settled = found == before and (residuals < _TOLERANCE * values[:found]).all()
        if settled and number >= _MIN_PASSES:
            break
        before = found
        if used + count > columns:
            used = _KEPT_BLOCKS * count
            basis[:, :used] = spanned @ vectors[:, :used].astype(np.float32)
            projected[:] = 0
            np.fill_diagonal(projected[:used, :used], values[:used])
            vectors = np.eye(used)
    return values[:found], basis[:, : len(vectors)] @ vectors[:, :found].astype(np.float32)


def _symmetric(array: NDArray[np.floating]) -> NDArray[np.float64]:
    return (array + array.T).astype(np.float64) / 2


def _orthonormal_rest(vectors: Array32, basis: Array32) -> tuple[Array32, NDArray[np.float64]]:
    """Factor the rest of vectors outside the span of a basis: orthonormal times square.

    A rest of rounding errors alone is not orthogonal to the basis, so it is made orthogonal again.
    """
    first, outer = _factor(vectors)
    second, inner = _factor(first - basis @ (basis.T @ first))
    return second, inner @ outer


def _factor(vectors: Array32) -> tuple[Array32, NDArray[np.float64]]:
    """Factor vectors (V, n) into orthonormal times square; far faster than Householder's way."""
    exact = vectors.astype(np.float64)
    squares, turn = np.linalg.eigh(exact.T @ exact)
    lengths = np.sqrt(np.maximum(squares, max(_NEGLIGIBLE * squares[-1], np.finfo(float).tiny)))
    return (exact @ (turn / lengths)).astype(np.float32), lengths[:, np.newaxis] * turn.T
