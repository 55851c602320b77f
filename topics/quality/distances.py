"""How far topics are from each other, and a map of them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_WORDS = 1 << 13  # taken at a time, so that the rows of a pair stay in the cache
_LEAST = 1e-300  # a probability of 0 has a logarithm too
_ZERO = 1e-8  # smaller eigenvalues are rounding errors, as pyLDAvis takes them


def jensen_shannon(beta: Array) -> Array:
    """Return (K, K) the Jensen-Shannon divergence of each two topics, in nats: 0 to log 2.

    It is H((p + q) / 2) - (H(p) + H(q)) / 2 with the entropy H.

    Args:
        beta: (K, V) word probabilities; rows add up to 1.

    Source: Lin: "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 37 (1991).
    """
    topics = len(beta)
    together = np.zeros((topics, topics))
    for start in range(0, beta.shape[1], _WORDS):
        part = np.ascontiguousarray(beta[:, start : start + _WORDS])
        for topic in range(topics):
            middle = (part[topic] + part[topic:]) / 2
            logarithms = np.log(np.maximum(middle, _LEAST))
            together[topic, topic:] -= np.einsum("ij,ij->i", middle, logarithms)
    entropies = together.diagonal()
    upper = together - (entropies[:, np.newaxis] + entropies) / 2
    divergences = np.maximum(np.triu(upper, 1), 0)
    return divergences + divergences.T


def principal_coordinates(distances: Array) -> Array:
    """Return (K, 2) points in a plane whose distances are near to the given ones.

    The points are centred. The first axis explains most. Each axis points to where its largest
    coordinate is positive, so that equal distances give equal maps.

    Args:
        distances: (K, K), symmetric, with zeros on the diagonal.

    Source: Gower: "Some distance properties of latent root and vector methods used in
    multivariate analysis", Biometrika 53 (1966), "classical scaling". pyLDAvis draws its map of
    Jensen-Shannon divergences with it.
    """
    number = len(distances)
    centring = np.eye(number) - 1 / number
    values, vectors = np.linalg.eigh(-centring @ distances**2 @ centring / 2)
    points = np.zeros((number, 2))
    for axis, at in enumerate(range(number - 1, max(number - 3, -1), -1)):
        if values[at] > _ZERO:
            points[:, axis] = np.sqrt(values[at]) * vectors[:, at]
            if points[np.abs(points[:, axis]).argmax(), axis] < 0:
                points[:, axis] *= -1
    return points
