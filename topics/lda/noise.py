"""The largest eigenvalue of the word pair moments that chance alone gives.

The second moment of LDA has as many positive eigenvalues as there are topics. Its estimate from
finite documents has more of them. A topic whose eigenvalue is no larger than those can't be told
from chance; with such directions, the decomposition spoils the real topics.

With one topic, documents of n words are multinomial draws and their pair moment is a sum of
Wishart-like terms with the word probabilities p as variances. The largest eigenvalue of such a
matrix is the upper edge of a free multiplicative convolution and follows from p and the lengths.

Sources: Marchenko, Pastur (1967); Silverstein, Choi: "Analysis of the limiting spectral
distribution of large dimensional random matrices", J. Multivariate Analysis 54 (1995).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

_LOG_RANGE = (-12.0, 12.0)  # where the minimum is looked for; it lies near 0


def noise_edge(
    lengths: NDArray[np.float64],
    times: NDArray[np.int64],
    weights: NDArray[np.float64],
    words: NDArray[np.float64],
) -> float:
    """Return the largest eigenvalue that the pair moment of one-topic documents has by chance.

    Args:
        lengths: (L,) the numbers of words that documents have, at least 2.
        times: (L,) how many documents have each.
        weights: (L,) of each of these documents in the moment.
        words: (V,) variance of each word, which is its probability unless counts are scaled;
            some of them 0.
    """
    shares = weights / ((times * weights).sum() * (lengths - 1))
    present = words[words > 0]

    # An eigenvalue z outside the noise has a resolvent g with z = y S(g) and g S(g) = h(y) for some
    # y above all p. S is the Wishart part, h the part of the word probabilities. The smallest such
    # z is the edge.
    def wishart(g: float) -> float:
        return float((times * shares * shares * g / (1 - shares * g)).sum())

    def eigenvalue(log_distance: float) -> float:
        y = present.max() * (1 + np.exp(log_distance))
        h = (present / (y - present)).sum()
        g = brentq(lambda g: g * wishart(g) - h, 0, (1 - 1e-12) / shares.max())
        return float(y * wishart(g))

    return float(minimize_scalar(eigenvalue, bounds=_LOG_RANGE, method="bounded").fun)
