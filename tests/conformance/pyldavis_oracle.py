"""Runs in the venv of pyLDAvis: `FROM.npz TO.npz`.

The input has `beta` (K, V), `mixtures` (D, K) and `lengths` (D,). The output has what `prepare`
computes of them, before it rounds or leaves anything out: `log_probability` and `log_lift` (K, V),
`shares` (K,) in the order of the input, and `points` (K, 2) of the map.
"""

import sys
import warnings
from typing import Any

import numpy as np
import pyLDAvis._prepare as theirs  # type: ignore[import-not-found]

warnings.simplefilter("ignore")  # of logarithms of 0
kept: dict[str, Any] = {}
find_relevance = theirs._find_relevance_chunks


def keep(log_ttd: Any, log_lift: Any, number: int, weights: Any) -> Any:
    """Keep what relevance is computed of."""
    kept.update(log_probability=log_ttd, log_lift=log_lift)
    return find_relevance(log_ttd, log_lift, number, weights)


def main(source: str, target: str) -> None:
    """Prepare, and save."""
    with np.load(source) as arrays:
        beta, mixtures, lengths = (arrays[name] for name in ("beta", "mixtures", "lengths"))
    words = [f"word{number}" for number in range(beta.shape[1])]
    frequencies = (lengths @ mixtures) @ beta
    theirs._find_relevance_chunks = keep
    prepared = theirs.prepare(
        beta,
        mixtures,
        lengths,
        words,
        frequencies,
        sort_topics=False,
        n_jobs=1,  # other processes would not know `keep`
    )
    coordinates = prepared.topic_coordinates
    np.savez(
        target,
        shares=coordinates["Freq"].to_numpy() / 100,
        points=coordinates[["x", "y"]].to_numpy(),
        log_probability=np.asarray(kept["log_probability"], np.float64),
        log_lift=np.asarray(kept["log_lift"], np.float64),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
