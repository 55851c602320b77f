"""The interface of all readers of corpora: documents in blocks of counts, span by span."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from data_prep.counts import Counts
from data_prep.errors import InputError

Entries = NDArray[np.int32]
"""A (3, n) array: document numbers from 0, word ids from 0, and counts."""

_Result = TypeVar("_Result")


class OutOfOrderError(Exception):
    """The entries of a document are not next to each other: the corpus must be sorted first."""


class Span(NamedTuple):
    """Some consecutive documents of a corpus, which can be read by themselves.

    Attributes:
        start: Where it starts: a byte of the file, if the file is text.
        stop: Where it ends.
        first: Number of its first document, from 0.
        after: Number of the first document after it.
        file: Number of its file, from 0, if the corpus has several.
    """

    start: int
    stop: int
    first: int
    after: int
    file: int = 0


class Tally:
    """Counts what a reader reads, and keeps the errors of bad lines.

    Args:
        allowed: How many bad lines are tolerated.

    Attributes:
        entries: Number of counts that were read; a word given twice counts twice.
        bad: The errors of the lines that were left out.
    """

    def __init__(self, allowed: int = 0) -> None:
        self.allowed = allowed
        self.entries = 0
        self.bad: list[InputError] = []

    def skip(self, error: InputError) -> None:
        """Keep the error of a bad line; raise it if there are more than allowed."""
        if len(self.bad) == self.allowed:
            error.earlier = tuple(self.bad)
            raise error
        self.bad.append(error)

    def extend(self, other: "Tally") -> None:
        """Add another tally of the same corpus."""
        self.entries += other.entries
        for error in other.bad:
            self.skip(error)

    def following(self, results: Iterable[_Result]) -> Iterator[_Result]:
        """Yield the results of tasks, in order; their tallies are added to this one meanwhile.

        A task ends with an error at the first bad line that is too much for it alone. The lines of
        earlier tasks count too, so an earlier line of its own may be the one that is too much. Then
        that line's error is raised.
        """
        try:
            yield from results
        except InputError as error:
            for each in error.earlier:
                self.skip(each)
            raise


class Corpus(Protocol):
    """Word counts of documents numbered from 0.

    Most readers hold no documents: they are sent to other processes, which read spans.
    """

    @property
    def name(self) -> str:
        """The name that errors use."""

    @property
    def vocabulary_size(self) -> int:
        """The number of words."""

    @property
    def documents(self) -> int:
        """The number of documents, including those without words."""

    @property
    def promised(self) -> int | None:
        """The number of entries and bad lines that the file promises; None if it promises none."""

    @property
    def spans(self) -> Sequence[Span]:
        """All documents, in order."""

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span that have words, in order, some hundred at a time.

        Raises:
            InputError: A line can't be read, and no more bad lines are tolerated.
            OutOfOrderError: From a `Sortable` corpus.
        """


@runtime_checkable
class Sortable(Corpus, Protocol):
    """A corpus whose entries may come in any order."""

    def entries(self, tally: Tally) -> Iterator[Entries]:
        """Yield the entries in the order of the file."""


@runtime_checkable
class Divisible(Corpus, Protocol):
    """A corpus of which a task of another process needs only a part."""

    def only(self, spans: Sequence[Span]) -> Corpus:
        """Return a corpus of which these consecutive spans can be read, with the same numbers."""


def check_promise(corpus: Corpus, tally: Tally) -> None:
    """Check that a corpus has as many entries as it promises.

    Raises:
        InputError: It has fewer or more.
    """
    found = tally.entries + len(tally.bad)
    if corpus.promised not in (None, found):
        raise InputError(
            f"{corpus.name}: there are {found} entries, but the header says {corpus.promised}"
        )
