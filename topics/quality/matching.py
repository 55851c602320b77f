"""Match the topics of two models one to one, and find what changed between them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topics.model.topic_model import Model
from topics.quality.likelihood import EvaluationError

LEAST_MOVE = 1e-4  # of a word's probability, to be worth mentioning
ALIKE = 0.5  # cosine below which a pair is what was left over, not a topic that both models have


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
    """Pair topics one to one so that the sum of cosines is largest (Hungarian assignment).

    The order of topics means nothing, so models are only compared after this.

    Args:
        first: (K, V) topics, not negative, no row of zeros.
        second: (L, V) topics.

    Raises:
        EvaluationError: The vocabularies differ in size.
    """
    # Takes longer to import than all else here, and fitting needs only the scores.
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
    """A word of a pair of topics: its probability in the second, less that in the first."""

    word: str
    change: float


class Pair(NamedTuple):
    """A topic of the first model and the one of the second that is most like it.

    Attributes:
        first, second: Numbers of the topics.
        cosine: Similarity of their word probabilities, 0 to 1.
        up, down: The words that gained and lost most, the largest move first.
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
        only_first, only_second: Topics without a partner, if the models differ in number.
    """

    pairs: list[Pair]
    only_first: list[int]
    only_second: list[int]


def compare(first: Model, second: Model, words: Sequence[str], number: int) -> Comparison:
    """Match the topics of two models one to one, so that all pairs together are most alike.

    Args:
        first: A model.
        second: Another one, of the same vocabulary.
        words: The vocabulary.
        number: Words to list that moved up, and as many that moved down.

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
