"""The block Krylov method, against NumPy's dense one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from topics.lda import eigen
from topics.lda.eigen import Array32, top_eigenpairs


def with_spectrum(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A symmetric matrix with these eigenvalues, and its eigenvectors."""
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.standard_normal((len(values), len(values))))[0]
    return (vectors * values) @ vectors.T, vectors


def slow_decay(size: int) -> NDArray[np.float64]:
    return np.concatenate([1 / np.arange(1, 31) ** 0.5, np.linspace(0.12, -0.12, size - 30)])


@pytest.mark.parametrize("size", [12, 60, 700])
def test_the_eigenpairs_are_the_largest(size: int) -> None:
    values = slow_decay(700)[:size]
    matrix, vectors = with_spectrum(values)
    found, spanned = top_eigenpairs(
        lambda block: matrix @ block, size, 8, 0.01, np.random.default_rng(1)
    )
    np.testing.assert_allclose(found, values[:8], rtol=1e-5)
    assert (np.abs((spanned * vectors[:, :8]).sum(axis=0)) > 0.9999).all()


def test_a_basis_that_is_full_goes_on_with_its_best_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eigen, "_COLUMNS", 0)
    monkeypatch.setattr(eigen, "_BLOCKS", 4)
    values = slow_decay(700)
    matrix, _ = with_spectrum(values)
    passes = []

    def apply(block: Array32) -> NDArray[np.float64]:
        passes.append(block.shape)
        return matrix @ block

    found, vectors = top_eigenpairs(apply, 700, 8, 0.01, np.random.default_rng(1))
    np.testing.assert_allclose(found, values[:8], rtol=1e-5)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(8), atol=1e-5)
    assert 4 < len(passes) < 40
    assert set(passes) == {(700, 8)}


def test_eigenvalues_that_are_too_small_are_left_out_and_not_waited_for() -> None:
    values = np.concatenate([[5.0, 4.0, 3.0], np.linspace(1, -1, 697)])
    matrix, _ = with_spectrum(values)
    passes = []

    def apply(block: Array32) -> NDArray[np.float64]:
        passes.append(1)
        return matrix @ block

    found, vectors = top_eigenpairs(apply, 700, 10, 1.1, np.random.default_rng(1))
    np.testing.assert_allclose(found, [5, 4, 3], rtol=1e-6)
    assert vectors.shape == (700, 3)
    assert len(passes) < 10


def test_an_operator_of_low_rank_does_no_harm() -> None:
    """The blocks soon have nothing new in them but rounding errors."""
    values = np.concatenate([[3.0, 2.0], np.zeros(698)])
    matrix, _ = with_spectrum(values)
    found, vectors = top_eigenpairs(
        lambda block: matrix @ block, 700, 6, 0.5, np.random.default_rng(1)
    )
    np.testing.assert_allclose(found, [3, 2], rtol=1e-5)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-5)


def test_there_may_be_none() -> None:
    found, vectors = top_eigenpairs(lambda block: 0 * block, 700, 4, 0.5, np.random.default_rng(1))
    assert found.shape == (0,)
    assert vectors.shape == (700, 0)
