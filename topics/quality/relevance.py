"""How much of a corpus each topic accounts for, and which words are most relevant to it.

With phi_kw the probability of word w in topic k, s_k the share of all tokens that topic k accounts
for, and p_w = sum_k s_k phi_kw the probability of the word in the whole corpus, the relevance of a
word to a topic is

    lambda log phi_kw + (1 - lambda) log(phi_kw / p_w)

The first part is large for probable words, the second one, the lift, for words that are rare
elsewhere. p_w and the frequencies of words are those of the model, not counts of the corpus, so
that a word's frequencies in all topics add up to its frequency.

Source: Sievert, Shirley: "LDAvis: A method for visualizing and interpreting topics", ACL workshop
on interactive language learning, visualization, and interfaces, 2014. In a study with readers they
found that about 0.6 is the best lambda.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

RELEVANCE = 0.6  # the default of lambda
STEPS = 100  # of lambda, from 0 to 1
# Relevances that differ by less are equal: the words that one topic alone has all have the same
# lift, but for the last digits. Of equally relevant words the more probable one comes first.
RESOLUTION = 1e-5

_LEAST = 1e-300  # a probability of 0 has a logarithm too
# Between two of these lambdas, most words are ruled out at once. The lift is steepest near 0.
_KNOTS = (0, 0.01, 0.03, 0.07, 0.13, 0.25, 0.5, 1)


def topic_shares(mixtures: Array, lengths: Array) -> Array:
    """Return (K,) the share of all tokens that each topic accounts for; they add up to 1.

    Args:
        mixtures: (D, K) topic mixtures of documents; rows add up to 1.
        lengths: (D,) tokens of each document; not all 0.
    """
    shares: Array = lengths @ mixtures / lengths.sum()
    return shares


def word_probabilities(beta: Array, shares: Array) -> Array:
    """Return (V,) the probability of each word in the whole corpus, by the model.

    Args:
        beta: (K, V) word probabilities of each topic.
        shares: (K,) shares of all tokens.
    """
    probabilities: Array = shares @ beta
    return probabilities


def topic_given_word(beta: Array, shares: Array) -> Array:
    """Return (K, V) the share of each word's tokens that each topic accounts for.

    Columns add up to 1; that of a word without any probability is 0.
    """
    joint = shares[:, np.newaxis] * beta
    totals = joint.sum(axis=0)
    given: Array = joint / np.where(totals > 0, totals, 1)
    return given


def log_lift(beta: Array, shares: Array) -> Array:
    """Return (K, V) the log ratio of a word's probability in a topic to that in the corpus.

    A word that the topic does not have has the lift -inf.
    """
    with np.errstate(divide="ignore"):
        lift: Array = np.log(beta) - _log(word_probabilities(beta, shares))
    return lift


def relevance(beta: Array, shares: Array, weight: float) -> Array:
    """Return (K, V) the relevance of each word to each topic, in nats.

    A word that the topic does not have has the relevance -inf.

    Args:
        beta: (K, V) word probabilities of each topic.
        shares: (K,) shares of all tokens.
        weight: Lambda, 0 to 1.
    """
    found: Array = log_lift(beta, shares) + weight * _log(word_probabilities(beta, shares))
    return found


def most_relevant(beta: Array, shares: Array, number: int, weight: float = RELEVANCE) -> list[Ids]:
    """Return the ids of the most relevant words of each topic, the first one first.

    A topic gets less than `number` if it has fewer words. Of words that are as relevant and as
    probable as each other, the one with the smaller id comes first.
    """
    found = []
    for topic, row in zip(beta, relevance(beta, shares, weight), strict=True):
        (ids,) = np.nonzero(topic)
        if len(ids) > number:
            least = np.partition(row[ids], len(ids) - number)[len(ids) - number]
            ids = ids[row[ids] >= least - RESOLUTION]
        order = np.lexsort((ids, -topic[ids], -_rounded(row[ids])))
        found.append(ids[order[:number]])
    return found


def ever_most_relevant(beta: Array, shares: Array, number: int) -> list[Ids]:
    """Return the words of each topic that `most_relevant` gives for any lambda of the steps.

    Returns:
        For each topic ids, ascending.
    """
    logarithms = _log(word_probabilities(beta, shares))
    found = []
    for topic in beta:
        (ids,) = np.nonzero(topic)
        lift = np.log(topic[ids]) - logarithms[ids]
        near = _ever_near_the_first(lift, logarithms[ids], number)
        ids, lift = ids[near], lift[near]
        rank = np.lexsort((ids, -topic[ids])).argsort()
        weights = np.arange(STEPS + 1)[:, np.newaxis] / STEPS
        # Equal relevances become different by the rank, which is smaller than the step between two.
        keys = _rounded(lift + weights * logarithms[ids]) * len(ids) - rank
        if len(ids) > number:
            least = np.partition(keys, len(ids) - number, axis=1)[:, len(ids) - number]
            ids = ids[(keys >= least[:, np.newaxis]).any(axis=0)]
        found.append(ids)
    return found


def _ever_near_the_first(lift: Array, slope: Array, number: int) -> NDArray[np.bool_]:
    """Return (V,) which words may be among the first for some lambda; the others never are.

    The relevance of a word is a straight line over lambda: it begins at the lift and has the
    word's log probability as its slope. The least of several lines never lies below the straight
    line between its own ends. So between two lambdas, a word that is at both below the least of
    the words that are the first at one of them is never before any of these.
    """
    if len(lift) <= number:
        return np.ones(len(lift), bool)
    near = np.zeros(len(lift), bool)
    at = [lift + knot * slope for knot in _KNOTS]
    first = [np.argpartition(-line, number - 1)[:number] for line in at]
    for (start, first_start), (stop, first_stop) in pairwise(zip(at, first, strict=True)):
        near_here = np.ones(len(lift), bool)
        for some in (first_start, first_stop):
            near_here &= (start >= start[some].min() - RESOLUTION) | (
                stop >= stop[some].min() - RESOLUTION
            )
        near |= near_here
    return near


def _log(probabilities: Array) -> Array:
    logarithms: Array = np.log(np.maximum(probabilities, _LEAST))
    return logarithms


def _rounded(values: Array) -> NDArray[np.int64]:
    return np.rint(values / RESOLUTION).astype(np.int64)
