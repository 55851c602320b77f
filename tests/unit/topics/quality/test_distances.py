"""Distances of topics and their map, beside what a pencil gives."""

import math

import numpy as np
import pytest

from topics.quality.distances import jensen_shannon, principal_coordinates


def apart(points: np.ndarray) -> np.ndarray:
    distances: np.ndarray = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
    return distances


def test_topics_without_a_common_word_are_log_2_apart_and_equal_ones_not_at_all() -> None:
    found = jensen_shannon(np.array([[0.5, 0.5, 0], [0, 0, 1], [0.5, 0.5, 0]]))
    assert found.tolist()[0] == pytest.approx([0, math.log(2), 0])
    assert (found == found.T).all()
    assert found.diagonal().tolist() == [0, 0, 0]


def test_the_divergence_is_that_of_the_formula() -> None:
    p, q = np.array([0.75, 0.25]), np.array([0.25, 0.75])
    by_hand = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert jensen_shannon(np.array([p, q]))[0, 1] == pytest.approx(by_hand)


def test_words_are_taken_in_pieces_and_all_of_them() -> None:
    beta = np.random.default_rng(0).dirichlet(np.full(20_000, 0.1), 3)
    middle = (beta[0] + beta[2]) / 2
    by_hand = sum(
        0.5 * (p[p > 0] * np.log(p[p > 0] / middle[p > 0])).sum() for p in (beta[0], beta[2])
    )
    assert jensen_shannon(beta)[0, 2] == pytest.approx(by_hand, rel=1e-9)


def test_a_map_of_points_in_a_plane_keeps_their_distances() -> None:
    """A rectangle of 4 by 3: the long side is the first axis."""
    distances = apart(np.array([[0, 0], [4, 0], [4, 3], [0, 3]]))
    found = principal_coordinates(distances)
    assert apart(found) == pytest.approx(distances)
    assert np.abs(found) == pytest.approx(np.full((4, 2), [2, 1.5]))


def test_three_topics_as_far_from_each_other_make_an_equal_triangle() -> None:
    found = apart(principal_coordinates(1 - np.eye(3)))
    assert found == pytest.approx(1 - np.eye(3))


def test_two_topics_lie_on_a_line_and_one_in_the_middle() -> None:
    found = principal_coordinates(np.array([[0, 2.0], [2, 0]]))
    assert np.abs(found) == pytest.approx(np.array([[1, 0], [1, 0]]))
    assert principal_coordinates(np.zeros((1, 1))).tolist() == [[0, 0]]
    assert principal_coordinates(np.zeros((3, 3))).tolist() == [[0, 0]] * 3


def test_each_axis_points_to_its_largest_coordinate() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = principal_coordinates(apart(rng.random((7, 2))))
        assert (found[np.abs(found).argmax(axis=0), [0, 1]] > 0).all()
