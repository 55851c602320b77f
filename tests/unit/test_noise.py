"""The edge of the noise, against corpora that are nothing but noise."""

import numpy as np
import pytest
from scipy import sparse

from topics import spectral
from topics.noise import noise_edge


def largest_by_chance(lengths: list[int], words: int) -> tuple[float, float]:
    """Draw documents of one topic; the second eigenvalue of their pair moment, and the edge."""
    rng = np.random.default_rng(0)
    beta = np.sort(rng.dirichlet(np.full(words, 0.5)))
    counts = sparse.csr_array(rng.multinomial(lengths, beta).astype(np.float32))
    documents = spectral._Documents(counts)
    moment = (documents.by_word * documents.pairs) @ documents.counts
    moment -= sparse.diags_array(documents.by_word @ documents.pairs)
    values = np.linalg.eigvalsh(moment.toarray() - np.outer(documents.words, documents.words))
    return float(values[-1]), noise_edge(documents.lengths, documents.words)


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([100] * 2000, 100),
        ([100] * 300, 1000),
        ([5] * 3000, 200),
        ([10] * 1000 + [300] * 1000, 300),
    ],
)
def test_the_edge_is_where_chance_ends(lengths: list[int], words: int) -> None:
    largest, edge = largest_by_chance(lengths, words)
    assert largest < edge < 1.4 * largest


def test_words_that_do_not_occur_change_nothing() -> None:
    lengths = np.full(50, 20.0)
    words = np.array([0.5, 0.3, 0.2])
    assert noise_edge(lengths, np.append(words, np.zeros(5))) == noise_edge(lengths, words)
