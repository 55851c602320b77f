"""How a corpus is to be read."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class ReadOptions:
    """Options of all readers.

    Attributes:
        format: The name of one of `formats.FORMATS`; None to tell it from the content.
        limit: Number of documents to read; None for all.
        skip_bad: How many bad lines are left out instead of refused.
        first_id: Which id the first word of the vocabulary has in svmlight; None to find out.
        field: The fields of JSON Lines that have the text, joined in this order.
        column: The columns of CSV that have the text, joined in this order.
        stop_words: Words of raw text to leave out: `english`, or a file with one a line.
        min_df: In how many documents a word of raw text must be: a number, or a share below 1.
        max_df: In how many documents it may be: a number, or a share up to 1.
        max_words: How many words of raw text to keep, those that occur most.
    """

    format: str | None = None
    limit: int | None = None
    skip_bad: int = 0
    first_id: int | None = None
    field: tuple[str, ...] = ()
    column: tuple[str, ...] = ()
    stop_words: str | None = None
    min_df: int | float = 1
    max_df: int | float = 1.0
    max_words: int | None = None

    def with_words_chosen(self) -> Self:
        """Return the options for another corpus, which is to have the words of the first."""
        return replace(self, stop_words=None, min_df=1, max_df=1.0, max_words=None)


DEFAULTS = ReadOptions()
