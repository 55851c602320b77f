"""The words behind the columns of beta: `vocab.txt`, a word a line."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import CorpusError
from data_prep.vocabulary import read_vocabulary
from topics.artifact import Model


class VocabularyError(ValueError):
    """A vocabulary that can't be read or is not the model's."""


def load(file: Path | None, size: int) -> list[str]:
    """Read the words of a model's vocabulary.

    Args:
        file: UTF-8, the word of id 0 in the first line; None to call the words by their ids.
        size: Words of the model.

    Raises:
        VocabularyError: The file can't be read, or its size differs.
    """
    if file is None:
        return list(map(str, range(size)))
    try:
        words = read_vocabulary(file)
    except CorpusError as error:
        raise VocabularyError(str(error)) from None
    if len(words) != size:
        raise VocabularyError(f"{file} has {len(words)} words, the model {size}")
    return words


def top_ids(model: Model, number: int) -> NDArray[np.int64]:
    """Return the ids (K, number) of the most probable words of each topic, the first one first."""
    return np.argsort(-model.beta, axis=1, kind="stable")[:, :number]


def top_words(model: Model, words: list[str], number: int) -> list[list[str]]:
    """Return the most probable words of each topic, the first one first."""
    return [[words[id_] for id_ in ids] for ids in top_ids(model, number).tolist()]
