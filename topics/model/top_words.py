"""The most probable words of each topic."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import InputError
from data_prep.vocabulary import NumberedWords, read_vocabulary
from topics.model.topic_model import Model


def read_words(vocabulary: Path | None, model: Model) -> Sequence[str]:
    """Return the words of a model.

    Args:
        vocabulary: A word a line; None to call the words by their ids.
        model: The model, which has no words itself.

    Raises:
        InputError: The file can't be read, or has more or fewer words than the model.
    """
    if vocabulary is None:
        return NumberedWords(model.beta.shape[1])
    words = read_vocabulary(vocabulary)
    check_words(len(words), model, str(vocabulary))
    return words


def check_words(number: int, model: Model, name: str = "the corpus") -> None:
    """Check that a vocabulary is as large as that of a model.

    Raises:
        InputError: It has more or fewer words.
    """
    size = model.beta.shape[1]
    if number != size:
        raise InputError(
            f"{name} has {number:,} words, the model {size:,}: was the model trained on another"
            " corpus?"
        )


def top_ids(model: Model, number: int) -> NDArray[np.int64]:
    """Return the ids (K, number) of the most probable words of each topic, the first one first.

    Of words that are as probable as each other the one with the smaller id comes first.
    """
    return np.array([_largest(row, min(number, len(row))) for row in model.beta])


def _largest(row: NDArray[np.float64], number: int) -> NDArray[np.int64]:
    """Return the positions of the `number` largest, without sorting millions for ten."""
    least = np.partition(row, len(row) - number)[len(row) - number]
    above = np.flatnonzero(row > least)
    ids = np.concatenate([above, np.flatnonzero(row == least)[: number - len(above)]])
    order = np.argsort(-row[ids], kind="stable")
    return ids[order]


def top_words(model: Model, words: Sequence[str], number: int) -> list[list[str]]:
    """Return the most probable words of each topic, the first one first."""
    return [[words[id_] for id_ in ids] for ids in top_ids(model, number).tolist()]
