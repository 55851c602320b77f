"""A corpus that is held in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from data_prep.corpus import Entries, Span, Tally
from data_prep.counts import Counts
from data_prep.formats.entries import counts_of


@dataclass(frozen=True)
class Matrix:
    """A corpus in memory.

    Attributes:
        name: The name that errors use.
        counts: The documents that have words.
        documents: The number of documents, including those without words.
        tally: The bad lines of the file that they were read from.
    """

    promised: ClassVar[None] = None

    name: str
    counts: Counts
    documents: int
    tally: Tally

    @classmethod
    def from_entries(
        cls, entries: Entries, name: str, documents: int, vocabulary_size: int, limit: int | None
    ) -> Self:
        """Build from entries in any order; keep the first `limit` documents, by default all.

        Raises:
            InputError: The counts of a word in a document add up to too much.
        """
        documents = documents if limit is None else min(limit, documents)
        entries = entries[:, entries[0] < documents]
        ordered = entries[:, np.argsort(entries[0], kind="stable")]
        return cls(name, counts_of(ordered, vocabulary_size, name), documents, Tally())

    @property
    def vocabulary_size(self) -> int:
        """The number of words."""
        return self.counts.shape[1]

    @property
    def spans(self) -> list[Span]:
        """One span."""
        return [Span(0, self.counts.data.size, 0, self.documents)]

    def read(self, _: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents, as `Corpus.read`."""
        tally.extend(self.tally)
        if self.counts.shape[0]:
            yield self.counts
