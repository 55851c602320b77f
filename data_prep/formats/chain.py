"""Several corpora, one after the other, as one corpus."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from data_prep.corpus import Corpus, Entries, Sortable, Span, Tally
from data_prep.counts import Counts


@dataclass(frozen=True)
class Chain:
    """Corpora with the same vocabulary; their documents are numbered consecutively."""

    name: str
    parts: Sequence[Corpus]

    @property
    def vocabulary_size(self) -> int:
        """The number of words."""
        return self.parts[0].vocabulary_size

    @property
    def documents(self) -> int:
        """The number of documents, including those without words."""
        return sum(part.documents for part in self.parts)

    @property
    def promised(self) -> int | None:
        """The sum of what the parts promise; None if one promises nothing."""
        promises = [part.promised for part in self.parts]
        known = [promise for promise in promises if promise is not None]
        return sum(known) if len(known) == len(promises) else None

    @property
    def spans(self) -> list[Span]:
        """The spans of all parts."""
        return [
            span._replace(first=span.first + first, after=span.after + first)
            for first, part in zip(self._firsts(), self.parts, strict=False)
            for span in part.spans
        ]

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        firsts = self._firsts()
        number = bisect(firsts, span.first, hi=len(self.parts)) - 1
        first = firsts[number]
        own = span._replace(first=span.first - first, after=span.after - first)
        for counts in self.parts[number].read(own, tally):
            yield _moved(counts, first)

    def entries(self, tally: Tally) -> Iterator[Entries]:
        """Yield all entries, as `Sortable.entries`."""
        for first, part in zip(self._firsts(), self.parts, strict=False):
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

    def _firsts(self) -> list[int]:
        """Return the number of the first document of each part, and the number of documents."""
        return [0, *accumulate(part.documents for part in self.parts)]


def _moved(counts: Counts, first: int) -> Counts:
    return Counts(
        counts.documents + first, counts.indptr, counts.indices, counts.data, counts.shape
    )
