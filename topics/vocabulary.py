"""The words behind the columns of beta: `vocab.txt`, a word a line."""

from pathlib import Path

from data_prep.corpus import CorpusError
from data_prep.vocabulary import read_vocabulary


class VocabularyError(ValueError):
    """A vocabulary that can't be read or is not the model's."""


def load(file: Path, size: int) -> list[str]:
    """Read the words of a model's vocabulary.

    Args:
        file: UTF-8, the word of id 0 in the first line.
        size: Words of the model.

    Raises:
        VocabularyError: There is no such file, its size differs, or a word would not print.
    """
    try:
        words = read_vocabulary(file)
    except CorpusError as error:
        raise VocabularyError(str(error)) from None
    if len(words) != size:
        raise VocabularyError(f"{file} has {len(words)} words, the model {size}")
    for number, word in enumerate(words, 1):
        if not word.isprintable():
            raise VocabularyError(f"{file}:{number}: {word!r} holds control characters")
    return words
