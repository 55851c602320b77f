"""The edge of the noise, against corpora that are nothing but noise."""

import numpy as np
import pytest
from scipy import sparse

from topics.lda import moments
from topics.lda.blocks import in_memory
from topics.lda.noise import noise_edge


def largest_by_chance(lengths: list[int], words: int) -> tuple[float, float]:
    """Draw documents of one topic; the second eigenvalue of their pair moment, and the edge."""
    rng = np.random.default_rng(0)
    beta = np.sort(rng.dirichlet(np.full(words, 0.5)))
    counts = sparse.csr_array(rng.multinomial(lengths, beta).astype(np.float32))
    averages = moments.average(in_memory(counts))
    usable = moments._usable(counts)
    shares = usable.counts * usable.once
    moment = (shares * usable.pairs).T @ shares / averages.weight
    moment -= sparse.diags_array(averages.twice)
    scale = averages.scale.astype(np.float64)
    scaled = scale * (moment.toarray() - np.outer(averages.words, averages.words)) * scale.T
    edge = noise_edge(
        averages.lengths,
        averages.times,
        moments._weigh(averages.lengths),
        averages.words * scale[:, 0] ** 2,
    )
    return float(np.linalg.eigvalsh(scaled)[-1]), edge


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([100] * 2000, 100),
        ([100] * 300, 1000),
        ([5] * 3000, 200),
        ([10] * 1000 + [300] * 1000, 300),
        ([3] * 100 + [100] * 1000, 300),
    ],
)
def test_the_edge_is_where_chance_ends(lengths: list[int], words: int) -> None:
    largest, edge = largest_by_chance(lengths, words)
    assert largest < edge < 1.4 * largest


def test_words_that_do_not_occur_change_nothing() -> None:
    lengths, times = np.array([20.0]), np.array([50])
    weights, words = np.array([1.0]), np.array([0.5, 0.3, 0.2])
    padded = np.append(words, np.zeros(5))
    edge = noise_edge(lengths, times, weights, words)
    assert noise_edge(lengths, times, weights, padded) == edge
    assert noise_edge(lengths, times, 7 * weights, words) == pytest.approx(edge)
