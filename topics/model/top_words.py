"""The words behind the columns of beta: `vocab.txt`, a word a line."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import InputError
from data_prep.vocabulary import read_vocabulary
from topics.model.archive import Model


class VocabularyError(ValueError):
    """A vocabulary that can't be read or is not the model's."""


class Ids(Sequence[str]):
    """The ids of words as their names, each made when it is asked for."""

    def __init__(self, size: int) -> None:
        self._ids = range(size)

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        found = self._ids[at]
        return str(found) if isinstance(found, int) else list(map(str, found))


def load(file: Path | None, size: int) -> Sequence[str]:
    """Read the words of a model's vocabulary.

    Args:
        file: UTF-8, the word of id 0 in the first line; None to call the words by their ids.
        size: Words of the model.

    Raises:
        VocabularyError: The file can't be read, or its size differs.
    """
    if file is None:
        return Ids(size)
    try:
        words = read_vocabulary(file)
    except InputError as error:
        raise VocabularyError(str(error)) from None
    if len(words) != size:
        raise VocabularyError(f"{file} has {len(words)} words, the model {size}")
    return words


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
