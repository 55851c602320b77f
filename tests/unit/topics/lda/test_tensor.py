"""Decomposition of symmetric tensors."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from topics.lda import tensor
from topics.lda.tensor import Decomposition, decompose

Array = NDArray[np.float64]


def compose(weights: Array, vectors: Array) -> Array:
    composed: Array = np.einsum("n,in,jn,kn->ijk", weights, vectors, vectors, vectors)
    return composed


def run(
    array: Array, terms: int = 0, *, max_restarts: int = 10, max_iterations: int = 1000
) -> Decomposition:
    return decompose(
        array,
        terms or len(array),
        max_restarts=max_restarts,
        max_iterations=max_iterations,
        tol=1e-8,
        rng=np.random.default_rng(0),
    )


@pytest.mark.parametrize("size", [1, 2, 7, 30])
def test_orthogonal_terms_are_found_with_their_signs(size: int) -> None:
    rng = np.random.default_rng(size)
    vectors = np.linalg.qr(rng.standard_normal((size, size)))[0]
    weights = rng.uniform(1, 5, size)
    found = run(compose(weights, vectors))
    order = np.argmax(vectors.T @ found.vectors, axis=1)
    np.testing.assert_allclose(found.weights[order], weights, rtol=1e-6)
    np.testing.assert_allclose(found.vectors[:, order], vectors, atol=1e-6)
    assert found.error < 1e-6


def test_terms_that_are_not_orthogonal_are_found() -> None:
    """Least squares go beyond the power method, which would need orthogonal terms."""
    rng = np.random.default_rng(0)
    vectors = np.eye(4) + 0.2 * rng.standard_normal((4, 4))
    vectors /= np.linalg.norm(vectors, axis=0)
    weights = np.array([4.0, 3.0, 2.0, 1.0])
    found = run(compose(weights, vectors))
    order = np.argmax(vectors.T @ found.vectors, axis=1)
    np.testing.assert_allclose(found.weights[order], weights, rtol=1e-4)
    np.testing.assert_allclose(found.vectors[:, order], vectors, atol=1e-4)


def test_more_terms_than_dimensions_are_found() -> None:
    """Up to Kruskal's bound the terms are determined although they depend on each other."""
    assert [tensor.max_terms(size) for size in (1, 2, 3, 4, 9)] == [1, 2, 3, 5, 12]
    corners = np.linalg.svd(np.eye(7) - 1 / 7)[2][:6]  # of a regular simplex
    vectors = corners / np.linalg.norm(corners, axis=0)
    found = run(compose(np.ones(7), vectors), 7)
    order = np.argmax(vectors.T @ found.vectors, axis=1)
    np.testing.assert_allclose(found.weights[order], 1, rtol=1e-4)
    np.testing.assert_allclose(found.vectors[:, order], vectors, atol=1e-4)


def test_a_zero_tensor_has_terms_of_weight_0() -> None:
    found = run(np.zeros((3, 3, 3)))
    assert np.isfinite(found.vectors).all()
    np.testing.assert_array_equal(found.weights, 0)


def test_a_start_that_confirms_the_best_fit_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([0.5, 0.7, 0.3, 0.3, 0.1])
    monkeypatch.setattr(
        tensor, "_als", lambda *_, **__: Decomposition(np.ones(1), np.ones((1, 1)), next(errors))
    )
    assert run(np.ones((1, 1, 1))).error == 0.3
    assert list(errors) == [0.1]


def test_there_are_no_more_starts_and_iterations_than_allowed() -> None:
    rng = np.random.default_rng(0)
    array = compose(np.ones(5), rng.standard_normal((5, 5)))
    start = tensor._start(array, 5, np.random.default_rng(0))
    once = tensor._als(array, start, 1, 1e-8, to_beat=np.inf)
    assert run(array, max_restarts=1, max_iterations=1).error == once.error


def test_the_error_is_the_norm_of_what_the_terms_leave() -> None:
    drawn = np.random.default_rng(0).standard_normal((4, 4, 4))
    array = np.sum([drawn.transpose(axes) for axes in itertools.permutations(range(3))], axis=0)
    found = run(array, max_restarts=1, max_iterations=200)
    rest = array - compose(found.weights, found.vectors)
    assert found.error == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(array), rel=0.05)
