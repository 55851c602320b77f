"""Draw a corpus from a known topic model of any size: for measurements."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_OVERLAP = 0.05  # Dirichlet parameter of the topics: small means few words of their own
_BATCH = 2000  # documents


def draw(
    topics: int, words: int, documents: int, length: int, seed: int = 0
) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return (documents, words) counts, float32, and the topics (topics, words) behind them.

    Lengths are Poisson; topic mixtures are from a Dirichlet whose parameters sum to 1.
    """
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(words, _OVERLAP), topics)
    cumulated = beta.cumsum(axis=1)
    cumulated /= cumulated[:, -1:]
    parts = []
    for start in range(0, documents, _BATCH):
        batch = min(_BATCH, documents - start)
        mixtures = rng.dirichlet(np.full(topics, 1 / topics), batch)
        times = rng.multinomial(rng.poisson(length, batch), mixtures)  # of each topic
        rows = [np.repeat(np.arange(batch), column) for column in times.T]
        ids = [
            np.searchsorted(each, rng.random(row.size))
            for each, row in zip(cumulated, rows, strict=True)
        ]
        at = np.concatenate(rows), np.concatenate(ids)
        parts.append(sparse.csr_array((np.ones(at[0].size, np.float32), at), shape=(batch, words)))
    return sparse.csr_array(sparse.vstack(parts, format="csr")), beta
