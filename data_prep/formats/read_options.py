"""Options that say how to read a corpus."""

from dataclasses import dataclass, replace
from typing import Self

ENGLISH = "english"


@dataclass(frozen=True)
class ReadOptions:
    """Options of all readers.

    Attributes:
        format: A name of `known.FORMATS`; None to detect the format from the content.
        limit: Number of documents to read; None for all.
        skip_bad: Number of bad lines to leave out before one is an error.
        first_id: The id of the first word in svmlight, 0 or 1; None to detect it.
        field: The fields of JSON Lines with the text; texts are joined in this order.
        column: The columns of CSV with the text; texts are joined in this order.
        stop_words: Words of raw text to leave out: `english`, a file with one a line, or the words.
        min_df: Least number of documents with a word of raw text; or a share, if a float.
        max_df: Largest number of documents with a word of raw text; or a share, if a float.
        max_words: Number of words of raw text to keep: those that occur most often, and of words
            that occur equally often the first in the order of their characters.
    """

    format: str | None = None
    limit: int | None = None
    skip_bad: int = 0
    first_id: int | None = None
    field: tuple[str, ...] = ()
    column: tuple[str, ...] = ()
    stop_words: str | tuple[str, ...] | None = None
    min_df: int | float = 1
    max_df: int | float = 1.0
    max_words: int | None = None

    def with_words_chosen(self) -> Self:
        """Return the options for another corpus that gets the words of the first one."""
        return replace(self, stop_words=None, min_df=1, max_df=1.0, max_words=None)


DEFAULTS = ReadOptions()
