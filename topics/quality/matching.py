"""Two models side by side: which topics are the same, and what moved in them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from topics.model.topic_model import Model
from topics.quality.likelihood import match_topics

LEAST_MOVE = 1e-4  # of a word's probability, to be worth mentioning
ALIKE = 0.5  # cosine below which a pair is what was left over, not a topic that both models have


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
