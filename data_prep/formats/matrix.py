"""A corpus that is held in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
        spans: All documents.
        tally: The bad lines of the file that they were read from.
    """

    promised: ClassVar[None] = None

    name: str
    counts: Counts
    spans: Sequence[Span]
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
        counts = counts_of(ordered, vocabulary_size, name)
        return cls(name, counts, [Span(0, counts.data.size, 0, documents)], Tally())

    @property
    def vocabulary_size(self) -> int:
        """The number of words."""
        return self.counts.shape[1]

    @property
    def documents(self) -> int:
        """The number of documents, including those without words."""
        return self.spans[-1].after

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        if span.first == self.spans[0].first:
            tally.extend(self.tally)
        counts = self.counts.between(span.first, span.after)
        if counts.shape[0]:
            yield counts

    def only(self, spans: Sequence[Span]) -> Self:
        """Return the counts of some spans, as `Divisible.only`."""
        return replace(
            self,
            counts=self.counts.between(spans[0].first, spans[-1].after),
            spans=spans,
            tally=self.tally if spans[0].first == self.spans[0].first else Tally(),
        )
