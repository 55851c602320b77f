"""What every reader of a corpus offers: documents in blocks of counts, span by span."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from data_prep.counts import Counts
from data_prep.errors import InputError

Entries = NDArray[np.int32]
"""A (3, n) array: numbers of documents and word ids, both from 0, and counts."""


class OutOfOrderError(Exception):
    """A document's entries are not next to each other: the corpus must be sorted first."""


class Span(NamedTuple):
    """A part of a corpus that can be read by itself: some documents in a row.

    Attributes:
        start: Where it starts; byte of the file, if it is one of text.
        stop: Where it ends.
        first: Number of its first document, from 0.
        after: Number of the first document after it.
    """

    start: int
    stop: int
    first: int
    after: int


class Tally:
    """What a reader reports on its way.

    Args:
        allowed: How many bad lines are tolerated.

    Attributes:
        entries: Number of counts that were read, equal words of a document counted each.
        bad: What is wrong with the lines that were left out.
    """

    def __init__(self, allowed: int = 0) -> None:
        self.allowed = allowed
        self.entries = 0
        self.bad: list[InputError] = []

    def skip(self, error: InputError) -> None:
        """Take note of a bad line; raises its error when that is one too many."""
        if len(self.bad) == self.allowed:
            raise error
        self.bad.append(error)

    def extend(self, other: "Tally") -> None:
        """Add what another tally of the same corpus says."""
        self.entries += other.entries
        for error in other.bad:
            self.skip(error)


class Corpus(Protocol):
    """Word counts of documents numbered from 0.

    It holds no documents: it is sent to other processes, which read spans of it.
    """

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def vocabulary_size(self) -> int:
        """The number of words."""

    @property
    def documents(self) -> int:
        """How many there are, those without words included."""

    @property
    def promised(self) -> int | None:
        """The number of entries and bad lines in all spans; None when it does not say."""

    @property
    def spans(self) -> Sequence[Span]:
        """All of it, in the order of the documents."""

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span that have words, in order, some hundred at a time.

        Raises:
            InputError: Something that can't be read and is not a tolerated bad line.
            OutOfOrderError: From a `Sortable` corpus.
        """


@runtime_checkable
class Sortable(Corpus, Protocol):
    """A corpus of entries in any order."""

    def entries(self, tally: Tally) -> Iterator[Entries]:
        """Yield the entries in the order in which they stand."""


def check_promise(corpus: Corpus, tally: Tally) -> None:
    """Check that all of a corpus was read.

    Raises:
        InputError: It has fewer or more entries than it says.
    """
    found = tally.entries + len(tally.bad)
    if corpus.promised not in (None, found):
        raise InputError(
            f"{corpus.name}: there are {found} entries, but the header says {corpus.promised}"
        )
