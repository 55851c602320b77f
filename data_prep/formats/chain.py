"""Several corpora, one after the other, as one corpus."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, groupby
from typing import Self

from data_prep.corpus import Corpus, Divisible, Entries, Sortable, Span, Tally
from data_prep.counts import Counts


@dataclass(frozen=True)
class Chain:
    """Corpora with the same vocabulary; their documents and files are numbered consecutively.

    Attributes:
        name: The name that errors use.
        parts: The corpora.
        first: Number of the first document of the first part.
    """

    name: str
    parts: Sequence[Corpus]
    first: int = 0

    @property
    def vocabulary_size(self) -> int:
        """The number of words."""
        return self.parts[0].vocabulary_size

    @property
    def documents(self) -> int:
        """The number of documents, including those without words and those before `first`."""
        return self._firsts[-1]

    @property
    def promised(self) -> int | None:
        """The sum of what the parts promise; None if one promises nothing."""
        promises = [part.promised for part in self.parts]
        known = [promise for promise in promises if promise is not None]
        return sum(known) if len(known) == len(promises) else None

    @property
    def spans(self) -> list[Span]:
        """The spans of all parts."""
        spans: list[Span] = []
        for first, part in zip(self._firsts, self.parts, strict=False):
            file = spans[-1].file + 1 if spans else 0
            spans += [
                _moved_span(span, first)._replace(file=span.file + file) for span in part.spans
            ]
        return spans

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        number = self._part(span)
        first = self._firsts[number]
        for counts in self.parts[number].read(_moved_span(span, -first), tally):
            yield _moved(counts, first)

    def entries(self, tally: Tally) -> Iterator[Entries]:
        """Yield all entries, as `Sortable.entries`."""
        for first, part in zip(self._firsts, self.parts, strict=False):
            if isinstance(part, Sortable):
                for entries in part.entries(tally):
                    entries = entries[:, entries[0] < part.documents]
                    entries[0] += first
                    if entries.size:
                        yield entries
            else:
                for span in part.spans:
                    for counts in part.read(span, tally):
                        yield _moved(counts, first).to_entries()

    def only(self, spans: Sequence[Span]) -> Self:
        """Return the parts that have some spans, as `Divisible.only`."""
        parts: list[Corpus] = []
        for number, group in groupby(spans, self._part):
            part, first = self.parts[number], self._firsts[number]
            own = [_moved_span(span, -first) for span in group]
            parts.append(part.only(own) if isinstance(part, Divisible) else part)
        return replace(self, parts=parts, first=self._firsts[self._part(spans[0])])

    @cached_property
    def _firsts(self) -> list[int]:
        """The number of the first document of each part, and the one after the last."""
        return list(accumulate((part.documents for part in self.parts), initial=self.first))

    def _part(self, span: Span) -> int:
        return bisect(self._firsts, span.first, hi=len(self.parts)) - 1


def _moved_span(span: Span, first: int) -> Span:
    return span._replace(first=span.first + first, after=span.after + first)


def _moved(counts: Counts, first: int) -> Counts:
    return Counts(
        counts.documents + first, counts.indptr, counts.indices, counts.data, counts.shape
    )
