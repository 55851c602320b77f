"""Match the topics of two models one to one, and find what changed between them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topics.model.topic_model import Model
from topics.quality.likelihood import EvaluationError

LEAST_MOVE = 1e-4  # smallest change of a probability that is listed
ALIKE = 0.5  # pairs with a smaller cosine are two topics that were left over


class Match(NamedTuple):
    """Pairs of topics, one from each of two models; as many as the smaller model has.

    Attributes:
        first, second: Indices of the topics of each pair, `first` ascending.
        cosine: Similarity of the two topics' word probabilities, 0 to 1.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosine: NDArray[np.float64]


def match_topics(first: NDArray[np.float64], second: NDArray[np.float64]) -> Match:
    """Pair topics one to one with the largest sum of cosines (Hungarian assignment).

    The order of topics means nothing, so models must be matched before they are compared.

    Args:
        first: (K, V) topics, not negative, no row of zeros.
        second: (L, V) topics.

    Raises:
        EvaluationError: The vocabularies differ in size.
    """
    # Imported here: the import is slow, and most commands don't need it.
    from scipy.optimize import linear_sum_assignment

    if first.shape[1] != second.shape[1]:
        raise EvaluationError(
            f"topics over {first.shape[1]} words can't be matched with topics over"
            f" {second.shape[1]}"
        )
    cosines = _unit_rows(first) @ _unit_rows(second).T
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    return Match(rows, columns, cosines[rows, columns])


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


class Move(NamedTuple):
    """A word of a pair of topics, and how much its probability changes from first to second."""

    word: str
    change: float


class Pair(NamedTuple):
    """A topic of the first model and its partner in the second model.

    Attributes:
        first, second: Numbers of the topics.
        cosine: Similarity of their word probabilities, 0 to 1.
        up, down: The words that gained and lost most, largest change first.
    """

    first: int
    second: int
    cosine: float
    up: list[Move]
    down: list[Move]


class Comparison(NamedTuple):
    """Two models.

    Attributes:
        pairs: Topics that are matched, in the order of the first model.
        only_first, only_second: Topics without a partner, if one model has more topics.
    """

    pairs: list[Pair]
    only_first: list[int]
    only_second: list[int]


def compare(first: Model, second: Model, words: Sequence[str], number: int) -> Comparison:
    """Match the topics of two models, and list the words that changed in each pair.

    Args:
        first: A model.
        second: Another model of the same vocabulary.
        words: The vocabulary.
        number: Number of words to list that gained, and of words that lost.

    Raises:
        EvaluationError: The vocabularies differ in size.
    """
    match = match_topics(first.beta, second.beta)
    pairs = []
    for one, other, cosine in zip(*(array.tolist() for array in match), strict=True):
        change = second.beta[other] - first.beta[one]
        order = np.argsort(change, kind="stable")
        up = [id_ for id_ in order[::-1][:number].tolist() if change[id_] >= LEAST_MOVE]
        down = [id_ for id_ in order[:number].tolist() if change[id_] <= -LEAST_MOVE]
        moves = [[Move(words[id_], float(change[id_])) for id_ in ids] for ids in (up, down)]
        pairs.append(Pair(one, other, cosine, *moves))
    return Comparison(
        pairs,
        sorted(set(range(len(first.beta))) - set(match.first.tolist())),
        sorted(set(range(len(second.beta))) - set(match.second.tolist())),
    )
