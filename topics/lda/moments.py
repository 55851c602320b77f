"""The moments of words, word pairs and word triples in documents.

With `s = alpha0` and `p, E2, E3` the averages of one, two and three words of a document:

    M2 = E2 - s/(s+1) p x p                                = sum_i  w_i         mu_i x mu_i
    M3 = E3 - s/(s+2) sym(E2 x p) + 2s²/((s+1)(s+2)) p x p x p
                                                           = sum_i  2w_i/(s+2)  mu_i x mu_i x mu_i

where `w_i = alpha_i / (s (s+1))`. No V x V array is made: M2 is only ever applied to a few
vectors, and M3 is summed up in whitened coordinates. Each sum over documents is one over the
blocks of a corpus.

**Documents are weighted by their information.** The pair moment of one document of n words
estimates the pair moment of all, with an error whose squared norm is on average

    1/(n(n-1)) + 2s/n + t      about (1/n + s)²

with s the probability that two words of a document are the same word. The first two terms come from
its few words; t, at most s², comes from the differences between documents. The best mean of
independent estimates weighs each by the inverse of its squared error: `(n / (1 + s n))²`. So three
words tell almost nothing, and more than 1/s words tell hardly more. s lies between 0.006 and 0.009
in all corpora that were tried.

**Words have equal weights.** The variance of a word's count is its probability p, so one very
frequent word would hide all others. The moments are taken of counts divided by `sqrt(p + 0.001)`;
the constant keeps rare words small. Topics are scaled back.

Sources: Anandkumar, Ge, Hsu, Kakade, Telgarsky: "Tensor decompositions for learning latent
variable models", JMLR 15 (2014), theorem 3.5; Aitken: "On least squares and linear combinations of
observations", Proc. Royal Society of Edinburgh 55 (1935), for the weights; Greenacre: "Theory and
applications of correspondence analysis" (1984), for the scale of words.
"""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.errors import InputError
from topics.lda.blocks import Blocks, for_products
from topics.lda.eigen import Array32, top_eigenpairs
from topics.lda.noise import noise_edge
from topics.model.ndarray import MAX_ELEMENTS

Array = NDArray[np.float64]

_MIN_WORDS = 3  # of a document: the triple moment needs three
_EXTRA = 1.25
_ROWS = 1 << 11  # of which M3 is summed up at once
_SAME_WORD = 1 / 200  # s above
_SCALE_FLOOR = 1e-3  # of the probability of a word


class SpectralError(InputError):
    """No model can be fitted: a parameter is out of range, or the documents have no words."""


class _Usable(NamedTuple):
    """The documents of a block that have a triple moment.

    Attributes:
        counts: (D, V) float32.
        lengths: (D,) words n of each document.
        once: (D, 1) float32, 1/n, which turns counts into shares. So sums have the same scale for
            all lengths, as float32 needs.
        weights: (D, 1) of each document in the moments.
        pairs, triples: (D, 1) float32, the weight times n/(n-1) and n²/(n-1)(n-2), which correct
            for pairs and triples of equal positions.
    """

    counts: sparse.csr_array
    lengths: Array
    weights: Array
    once: Array32
    pairs: Array32
    triples: Array32


def _usable(counts: sparse.csr_array) -> _Usable:
    lengths = counts.sum(axis=1, dtype=np.float64)
    enough = lengths >= _MIN_WORDS
    if not enough.all():
        counts, lengths = counts[enough], lengths[enough]
    weights = _weigh(lengths)
    pairs = weights * lengths / (lengths - 1)
    factors = np.stack([1 / lengths, pairs, pairs * lengths / (lengths - 2)])
    return _Usable(
        counts, lengths, weights[:, np.newaxis], *factors.astype(np.float32)[:, :, np.newaxis]
    )


def _weigh(lengths: Array) -> Array:
    """Return the weights of documents in the moments, from their numbers of words."""
    return (lengths / (1 + _SAME_WORD * lengths)) ** 2


class Averages(NamedTuple):
    """The results of the first pass over the documents.

    Attributes:
        weight: Sum of the weights of the documents with a triple moment.
        lengths, times: (L,) the lengths of these documents, and how many have each length.
        frequencies: (V,) share of each word in all words, of all documents.
        scale: (V, 1) float32, the factors of counts before moments are taken.
        words: (V,) average share of each word in a document: the first moment.
        twice, thrice: (V,) the shares of the pair and triple moments that are pairs or triples of
            a position with itself.
    """

    weight: float
    lengths: Array
    times: NDArray[np.int64]
    frequencies: Array
    scale: Array32
    words: Array
    twice: Array
    thrice: Array


def average(corpus: Blocks, num_topics: int = 1) -> Averages:
    """Read the documents once, and return the averages that the moments need.

    Raises:
        SpectralError: No document has a word, or a model of `num_topics` would be too large.
    """

    def sum_up(counts: sparse.csr_array) -> tuple[dict[float, int], Array]:
        if counts.shape[1] * num_topics > MAX_ELEMENTS:
            raise SpectralError(
                f"a model of {num_topics} topics and {counts.shape[1]} words would have more than"
                f" {MAX_ELEMENTS} numbers; ask for fewer topics, or leave out rare words"
            )
        return _sum_words(counts)

    times: Counter[float] = Counter()
    sums: Array | None = None
    for lengths, words in corpus.map(sum_up):
        times.update(lengths)
        sums = words if sums is None else sums + words
    if sums is None or not sums[:, 0].any():
        raise SpectralError("no document has a word, so there are no topics to find")
    used, often = np.array([*times], np.float64), np.array([*times.values()], np.int64)
    weight = float((often * _weigh(used)).sum())
    words, twice, thrice = sums[:, 1:].T / (weight or 1)
    return Averages(
        weight,
        used,
        often,
        sums[:, 0] / sums[:, 0].sum(),
        (1 / np.sqrt(words + _SCALE_FLOOR)).astype(np.float32)[:, np.newaxis],
        words,
        twice,
        thrice,
    )


def _sum_words(counts: sparse.csr_array) -> tuple[dict[float, int], Array]:
    usable = _usable(counts)
    lengths, times = np.unique(usable.lengths, return_counts=True)
    n = usable.lengths[:, np.newaxis]
    factors = np.hstack([usable.weights / n, usable.pairs / n**2, usable.triples / n**3])
    by_length = dict(zip(lengths.tolist(), times.tolist(), strict=True))
    totals = counts.sum(axis=0, dtype=np.float64)
    return by_length, np.hstack([totals[:, np.newaxis], usable.counts.T @ factors])


def directions(
    corpus: Blocks, averages: Averages, alpha0: float, num_topics: int, rng: np.random.Generator
) -> tuple[Array, Array32]:
    """Return eigenvalues (k,), largest first, and eigenvectors (V, k) of the scaled pair moment.

    There are up to 25 % more than `num_topics`, but none that chance alone could give.
    """
    words, scale = averages.words, averages.scale
    if not averages.weight:
        return np.zeros(0), np.zeros((len(words), 0), np.float32)
    mean = alpha0 / (alpha0 + 1)

    def apply(scaled: Array32) -> Array:
        vectors = scale * scaled

        def sum_pairs(counts: sparse.csr_array) -> Array32:
            usable = _usable(counts)
            matrix = for_products(usable.counts, vectors.shape[1])
            projected = usable.once * (matrix @ vectors)
            paired: Array32 = matrix.T @ (usable.once * usable.pairs * projected)
            return paired

        total = np.zeros(vectors.shape)
        for paired in corpus.map(sum_pairs):
            total += paired
        total /= averages.weight
        # A word does not pair with itself at the same position.
        total -= averages.twice[:, np.newaxis] * vectors
        total -= np.outer(mean * words, words @ vectors)
        return scale * total

    return top_eigenpairs(
        apply,
        len(words),
        min(math.ceil(_EXTRA * num_topics), len(words)),
        noise_edge(
            averages.lengths,
            averages.times,
            _weigh(averages.lengths),
            scale[:, 0].astype(np.float64) ** 2 * words,
        ),
        rng,
    )


def whitened_triples(corpus: Blocks, averages: Averages, whiten: Array32, alpha0: float) -> Array:
    """Return the triple moment (k, k, k) in whitened coordinates."""

    def sum_triples(counts: sparse.csr_array) -> tuple[Array, Array32]:
        usable = _usable(counts)
        matrix = for_products(usable.counts, whiten.shape[1])
        projected = usable.once * (matrix @ whiten)
        weighted = usable.triples * projected
        return _outer_sum(projected, weighted), matrix.T @ (usable.once**2 * weighted)

    size = whiten.shape[1]
    triples, repeated = np.zeros((size, size, size)), np.zeros(whiten.shape)
    for all_triples, with_repeated in corpus.map(sum_triples):
        triples += all_triples
        repeated += with_repeated
    # Triples of different positions are all triples, less those with two equal positions, plus
    # twice those with three equal positions. The last are symmetric, so a third of them goes into
    # each of the three exchanges of the middle term.
    repeated /= averages.weight
    repeated -= 2 / 3 * averages.thrice[:, np.newaxis] * whiten
    triples /= averages.weight
    triples -= _symmetric(_outer_sum(whiten, repeated.astype(np.float32)))

    mean = averages.words @ whiten
    mean_pair = np.outer(mean, mean)
    # Whitening makes M2 the identity, which gives E2 without another pass over the data.
    pairs = np.eye(size) + alpha0 / (alpha0 + 1) * mean_pair
    return (
        triples
        - alpha0 / (alpha0 + 2) * _symmetric(np.multiply.outer(pairs, mean))
        + 2 * alpha0**2 / ((alpha0 + 1) * (alpha0 + 2)) * np.multiply.outer(mean_pair, mean)
    )


def _outer_sum(twice: Array32, once: Array32) -> Array:
    """Return (k, k, k), the sum over rows of `twice x twice x once`."""
    size = twice.shape[1]
    total = np.zeros((size, size, size))
    for start in range(0, len(twice), _ROWS):
        rows, last = twice[start : start + _ROWS], once[start : start + _ROWS]
        for first in range(size):
            total[first, first:] += (rows[:, first:] * rows[:, [first]]).T @ last
    for first in range(size):
        total[first:, first] = total[first, first:]
    return total


def _symmetric(tensor: Array) -> Array:
    """Sum a tensor, symmetric in its first two axes, over the three places of the third axis."""
    return tensor + tensor.transpose(0, 2, 1) + tensor.transpose(2, 1, 0)
