"""Improve the topics of a model by sweeps over the documents.

Each sweep infers the mixtures of all documents under the present topics. The mixtures give the
expected counts of each word in each topic, which are the next topics. Counts of blocks are added
up, so a sweep gives the same result with any number of threads.

Given the topics, a document's mixture is moved towards the fixed point

    gamma_k = alpha_k + sum_w c_w phi_wk,   phi_wk ~ beta_kw gamma_k

which is that of `mixtures` without `exp(digamma(...))`. With fitted priors, these topics are better
than those of variational inference on all corpora that were tried. Documents go on from their
mixtures in the sweep before.

The priors follow the documents: alpha by Minka's fixed point for the Dirichlet-multinomial, and the
prior of the topics likewise, but only once, which makes the evidence of the counts larger. Topics
go further than the sweep says, in the direction of their last change.

Sources: Asuncion, Welling, Smyth, Teh: "On smoothing and inference for topic models", UAI 2009 (the
updates, and that fitted priors matter more than the method); Minka: "Estimating a Dirichlet
distribution" (2000, revised 2012), equation 55; Wallach, Mimno, McCallum: "Rethinking LDA: why
priors matter", NIPS 2009; Nesterov: "A method for solving the convex programming problem with
convergence rate O(1/k²)", 1983, for going further.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import psi
from threadpoolctl import threadpool_limits

from topics.lda.blocks import Blocks, for_products
from topics.lda.mixtures import Block, blocks, word_shares, word_sums
from topics.model.topic_model import Model
from topics.quality.likelihood import per_word_log_likelihoods

SWEEPS = 40  # at most: few corpora gain from more

_STEPS = 4  # of a document's mixture in a sweep; with 2, topics are less coherent
_MOMENTUM = 0.8  # share of the last change of the topics that is added to the next one
_EASING = 5  # sweeps until all of that is added: the first changes point elsewhere
_LEAST_LEFT = 0.1  # share of an expected count that always stays
_PRIOR = 0.1  # of each word in each topic at the start, in words
_PRIOR_SWEEP = 1  # the sweep that fits it; fitting it again later makes topics less coherent
_LEAST_PRIOR = _LEAST_ALPHA = 1e-4
_FACTORS = (1.0, 0.7, 0.5)  # of alpha, to choose from
_SAMPLE = 400  # documents for the choice
_GAMMA_BYTES = 1 << 29  # mixtures of up to this size are kept from sweep to sweep

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]


def refine(
    corpus: Blocks,
    model: Model,
    sweeps: int = SWEEPS,
    *,
    fit_alpha: bool = True,
    tolerance: float = 1e-5,
    after_sweep: Callable[[], None] = lambda: None,
) -> Model:
    """Return a model that fits the documents better.

    Args:
        corpus: Documents of the model's vocabulary.
        model: The start.
        sweeps: Largest number of passes over the documents.
        fit_alpha: Fit alpha; otherwise fit only its proportions, and keep its sum.
        tolerance: Stop if a sweep raises the log likelihood of a word by less.
        after_sweep: Called after each sweep.
    """
    alpha, beta = model.alpha, model.beta
    if len(alpha) == 1:  # one topic can't be improved
        return model
    prior = _PRIOR
    gammas: dict[int, list[Array32]] = {}
    previous: Array | None = None
    reached = -np.inf
    with threadpool_limits(1, "blas"):  # the blocks of the corpus keep all cores busy
        for sweep in range(sweeps):
            sums = _sum(corpus, alpha, beta, gammas)
            expected = sums.expected.T.astype(np.float64)
            if sweep == _PRIOR_SWEEP:
                prior = _fit_prior(expected, prior)
            ahead = expected
            if previous is not None:
                ease = _MOMENTUM * min(1, sweep / _EASING)
                ahead = expected + ease * (expected - previous)
                np.maximum(ahead, _LEAST_LEFT * expected, out=ahead)
            previous = expected
            beta = _normalized(ahead + prior)
            fitted = sums.fit(alpha)
            alpha = fitted if fit_alpha else fitted * (alpha.sum() / fitted.sum())
            after_sweep()
            gain, reached = sums.log_likelihood - reached, sums.log_likelihood
            if sweep > _EASING and gain < tolerance:
                break
    if previous is not None:
        beta = _normalized(previous + prior)
        if fit_alpha:
            alpha = alpha * _fit_factor(corpus, Model(alpha, beta))
    return Model(alpha, beta)


class _Sums(NamedTuple):
    """The sums over all documents of a sweep.

    Attributes:
        expected: (V, K), how often each word is expected to come from each topic.
        digammas: (K,), the sum of digamma(gamma) over documents.
        lengths: (D,), numbers of words of the documents that have words.
        log_likelihood: Mean of a word, under the mixtures and topics of this sweep.
    """

    expected: Array32
    digammas: Array
    lengths: Array
    log_likelihood: float

    def fit(self, alpha: Array) -> Array:
        """Return alpha after one step of Minka's fixed point."""
        total = alpha.sum()
        top = self.digammas - len(self.lengths) * psi(alpha)
        bottom = (psi(self.lengths + total) - psi(total)).sum()
        fitted: Array = np.maximum(alpha * top / bottom, _LEAST_ALPHA)
        return fitted


class _Part(NamedTuple):
    """The share of a block in `_Sums`, and the mixtures of its documents."""

    number: int
    sums: _Sums
    gammas: list[Array32]


def _sum(corpus: Blocks, alpha: Array, beta: Array, gammas: dict[int, list[Array32]]) -> _Sums:
    """Read the documents once; `gammas` holds their mixtures, block by block."""
    prior = alpha.astype(np.float32)
    word_topics = np.ascontiguousarray(beta.T, np.float32)

    def work(number: int, counts: sparse.csr_array) -> _Part:
        kept = gammas.get(number)
        found: list[Array32] = []
        return _Part(number, _sum_block(counts, prior, word_topics, kept, found), found)

    expected = np.zeros_like(word_topics)
    digammas = np.zeros(len(alpha))
    lengths = [np.zeros(0)]
    log_likelihood, room = 0.0, _GAMMA_BYTES
    for number, sums, found in corpus.map_numbered(work):
        expected += sums.expected
        digammas += sums.digammas
        lengths.append(sums.lengths)
        log_likelihood += sums.log_likelihood
        room -= sum(gamma.nbytes for gamma in found)
        if room >= 0:
            gammas[number] = found
    words = np.concatenate(lengths)
    return _Sums(expected, digammas, words, log_likelihood / max(words.sum(), 1))


def _sum_block(
    counts: sparse.csr_array,
    alpha: Array32,
    word_topics: Array32,
    kept: list[Array32] | None,
    gammas: list[Array32],
) -> _Sums:
    """Return the sums of a block, and add the mixtures of its documents to `gammas`."""
    shares, words, sizes, lengths = [], [], [], [np.zeros(0)]
    digammas, log_likelihood = np.zeros(len(alpha)), 0.0
    for number, block in enumerate(blocks(counts, len(alpha), word_topics.dtype)):
        own_topics = word_topics.take(block.words, axis=0, mode="clip")  # faster than indexing
        length = block.counts.sum(axis=1)
        gamma = alpha + (length / len(alpha))[:, np.newaxis] if kept is None else kept[number]
        for _ in range(_STEPS):
            updated = word_sums(word_shares(own_topics, gamma, block.counts), own_topics)
            updated *= gamma
            updated += alpha
            gamma = updated
        share = word_shares(own_topics, gamma, block.counts)
        log_likelihood += _log_likelihood(block, share, gamma)
        digammas += psi(gamma.astype(np.float64)).sum(axis=0)
        lengths.append(length.astype(np.float64))
        gammas.append(gamma)
        shares.append(share.ravel())
        words.append(block.words.ravel())
        sizes.append(np.full(len(gamma), block.words.shape[1]))
    if not gammas:
        return _Sums(np.zeros_like(word_topics), digammas, lengths[0], 0.0)
    bounds = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    by_document = sparse.csr_array(
        (np.concatenate(shares), np.concatenate(words), bounds),
        shape=(len(bounds) - 1, counts.shape[1]),
    )
    summed = for_products(by_document, len(alpha)).T @ np.concatenate(gammas)
    expected: Array32 = word_topics * summed
    return _Sums(expected, digammas, np.concatenate(lengths), log_likelihood)


def _log_likelihood(block: Block, shares: Array32, gamma: Array32) -> float:
    """Return the log probability of all words; `shares` are counts divided by probabilities."""
    there = block.counts > 0
    counts = block.counts[there].astype(np.float64)
    of_words = counts @ np.log(counts / shares[there])
    lengths = block.counts.sum(axis=1, dtype=np.float64)
    return float(of_words - lengths @ np.log(gamma.sum(axis=1, dtype=np.float64)))


def _fit_factor(corpus: Blocks, model: Model) -> float:
    """Return the factor of alpha with which inference completes documents best.

    With the same alpha, inference gives smoother mixtures than the sweeps do: by up to half a word
    a topic, which is much if there are many topics.
    """
    counts = next(iter(corpus))
    sample = counts[:: max(1, counts.shape[0] // _SAMPLE)]
    if not (sample.sum(axis=1) > 1).any():
        return 1.0

    models = [Model(factor * model.alpha, model.beta) for factor in _FACTORS]
    scores = per_word_log_likelihoods(models, sample)
    return _FACTORS[int(np.argmax(scores))]


def _fit_prior(expected: Array, prior: float) -> float:
    words = expected.shape[1]
    for _ in range(2):
        top = (psi(expected + prior) - psi(prior)).sum()
        bottom = words * (psi(expected.sum(axis=1) + words * prior) - psi(words * prior)).sum()
        prior = max(prior * float(top / bottom), _LEAST_PRIOR)
    return prior


def _normalized(rows: Array) -> Array:
    normal: Array = rows / rows.sum(axis=1, keepdims=True)
    return normal
