"""The words behind the columns of beta: `vocab.txt`, a word a line."""

from pathlib import Path


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
        words = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        raise VocabularyError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise VocabularyError(f"{file}: not UTF-8: {error}") from None
    if len(words) != size:
        raise VocabularyError(f"{file} has {len(words)} words, the model {size}")
    for number, word in enumerate(words, 1):
        if not word.isprintable():
            raise VocabularyError(f"{file}, line {number}: {word!r} holds control characters")
    return words
