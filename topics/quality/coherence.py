"""Measure whether the words of a topic occur in the same documents.

Both measures take the mean over all pairs of the M most probable words of a topic; larger is
better. With N documents, D(a) of them with the word a, and D(a, b) with both words:

    NPMI    log(P(a, b) / (P(a) P(b))) / -log P(a, b)   with P = D / N; -1 to 1
    UMass   log((D(a, b) + 1) / D(b))                   with b the more probable word of the topic

Sources: NPMI by Bouma, "Normalized (pointwise) mutual information in collocation extraction",
GSCL 2009, used for topics by Lau, Newman, Baldwin, "Machine reading tea leaves", EACL 2014; UMass
by Mimno, Wallach, Talley, Leenders, McCallum, "Optimizing semantic coherence in topic models",
EMNLP 2011, who take the sum; the mean, which does not depend on M, by Röder, Both, Hinneburg,
"Exploring the space of topic coherence measures", WSDM 2015.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]


def npmi(top_words: NDArray[np.int64], counts: sparse.csr_array) -> Array:
    """Return the normalised pointwise mutual information of each topic's words.

    A pair that occurs together in no document counts as -1, the limit.

    Args:
        top_words: (K, M) word ids, the most probable first.
        counts: (D, V) word counts, D at least 1.

    Returns:
        (K,) float64, -1 to 1; NaN if M is 1, since there is no pair.
    """
    either, both = _co_occurrence(top_words, counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        joint = both / counts.shape[0]
        independent = either[..., 0] * either[..., 1] / counts.shape[0] ** 2
        scores = np.log(joint / independent) / -np.log(joint)
    scores[both == 0] = -1
    scores[both == counts.shape[0]] = 1  # all documents have both: 0 / 0, the limit is 1
    return _mean(scores, np.full(len(scores), scores.shape[1]))


def umass(top_words: NDArray[np.int64], counts: sparse.csr_array) -> Array:
    """Return the log conditional probability of each topic's words, as Mimno et al. define it.

    A pair is left out if no document has its more probable word.

    Args:
        top_words: (K, M) word ids, the most probable first.
        counts: (D, V) word counts.

    Returns:
        (K,) float64; NaN if no document has a word of the topic, or if M is 1.
    """
    either, both = _co_occurrence(top_words, counts)
    given = either[..., 0]
    scores = np.log((both + 1) / np.where(given > 0, given, 1))
    return _mean(np.where(given > 0, scores, 0), np.count_nonzero(given, axis=1))


def _mean(scores: Array, pairs: NDArray[np.intp]) -> Array:
    mean: Array = np.divide(
        scores.sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0
    )
    return mean


def _co_occurrence(
    top_words: NDArray[np.int64], counts: sparse.csr_array
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count documents.

    Returns:
        (K, P, 2) numbers of documents with the first, more probable word and with the second word
        of each of the P pairs of a topic; (K, P) numbers of documents with both.
    """
    words, at = np.unique(top_words, return_inverse=True)
    present = sparse.csc_array(counts)[:, words]
    present = sparse.csc_array(
        ((present.data > 0).astype(np.float64), present.indices, present.indptr), present.shape
    )
    together = (present.T @ present).toarray()
    pairs = np.array(list(combinations(range(top_words.shape[1]), 2)), np.intp).reshape(-1, 2)
    first, second = np.moveaxis(at.reshape(top_words.shape)[:, pairs], 2, 0)
    occurrences = together.diagonal()
    return np.stack((occurrences[first], occurrences[second]), axis=2), together[first, second]
