"""Check topic mixtures that somebody else has computed, which are not trusted."""

import numpy as np
from numpy.typing import NDArray

SUM_TOLERANCE = 1e-3  # of a mixture's sum: float32 numbers of 150 topics are off by less

Mixture = NDArray[np.float64]


def fault_of(mixtures: Mixture) -> str | None:
    """Return what is wrong with (documents, K) mixtures, or None."""
    if not np.isfinite(mixtures).all():
        return "a mixture that is not finite"
    sums = mixtures.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if (mixtures < 0).any() or abs(sums[worst] - 1) > SUM_TOLERANCE:
        return (
            f"shares that are no mixture: the least is {mixtures.min():.6g}, and a sum is"
            f" {sums[worst]:.6g}, not 1"
        )
    return None
