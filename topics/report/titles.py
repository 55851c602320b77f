"""Titles of documents: a text file with a line for each document of the source corpus."""

from pathlib import Path

from data_prep.errors import InputError
from data_prep.formats.lines import BLANKS, decode
from data_prep.formats.textlines import numbered_lines


def read_titles(path: Path, documents: int) -> list[str]:
    """Return the titles of all documents, in order; a blank line is a document without a title.

    Args:
        path: UTF-8, a line for each document.
        documents: The largest number of a document, from 1.

    Raises:
        InputError: The file can't be read, is not UTF-8, or has too few lines.
    """
    name = str(path)
    try:
        titles = [
            decode(line, f"{name}:{number}").strip(BLANKS)
            for number, line in numbered_lines(path, name)
        ]
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    if len(titles) < documents:
        raise InputError(
            f"{name}: there are {len(titles):,} lines, but the corpus has a document"
            f" {documents:,}; the file must have a line for each document of the source"
        )
    return titles
