"""Sort the entries of a corpus by document, in files on the disk."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from data_prep.corpus import Corpus, OutOfOrderError, Sortable, Span, Tally
from data_prep.counts import Counts
from data_prep.formats.entries import counts_of

_BUCKET_ENTRIES = 1 << 20  # in a file; a process has one file in memory at a time
_MAX_BUCKETS = 256

_Result = TypeVar("_Result")


def with_documents_in_order(
    corpus: Corpus, work: Callable[[Corpus], _Result], allowed: int
) -> _Result:
    """Return what `work` returns for a corpus, which is sorted first if it must be.

    Nearly all corpora are in order, so work starts on the corpus as it is. If it stops with
    `OutOfOrderError`, it is repeated on the sorted corpus.

    Args:
        corpus: The documents.
        work: Reads all of them.
        allowed: How many bad lines are tolerated.
    """
    with suppress(OutOfOrderError):
        return work(corpus)
    with sorted_corpus(corpus, allowed) as ordered:
        return work(ordered)


@contextmanager
def sorted_corpus(corpus: Corpus, allowed: int) -> Iterator[Corpus]:
    """Yield a corpus with its documents in order, from temporary files.

    Args:
        corpus: One that stops with `OutOfOrderError`.
        allowed: How many bad lines are tolerated.
    """
    if not isinstance(corpus, Sortable):
        raise TypeError(corpus.name)
    with tempfile.TemporaryDirectory(prefix="data_prep-") as folder:
        yield _sort(corpus, Path(folder), Tally(allowed))


@dataclass(frozen=True)
class _Sorted:
    """A corpus in files of entries: one file for the documents of each span."""

    folder: Path
    name: str
    vocabulary_size: int
    documents: int
    promised: int | None
    spans: list[Span]
    tally: Tally

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        if span == self.spans[0]:
            tally.extend(self.tally)
        rows = np.fromfile(self.folder / str(span.first), np.int32).reshape(-1, 3)
        entries = rows[np.argsort(rows[:, 0], kind="stable")].T
        if entries.size:
            yield counts_of(entries, self.vocabulary_size, self.name)


def _sort(corpus: Sortable, folder: Path, tally: Tally) -> _Sorted:
    """Distribute the entries to files, each for some consecutive documents."""
    wanted = _MAX_BUCKETS if corpus.promised is None else 1 + corpus.promised // _BUCKET_ENTRIES
    width = -(-corpus.documents // min(wanted, _MAX_BUCKETS))
    firsts = range(0, corpus.documents, width)
    with ExitStack() as stack:
        files = [stack.enter_context((folder / str(first)).open("wb")) for first in firsts]
        for entries in corpus.entries(tally):
            within = entries[:, entries[0] < corpus.documents]
            numbers = within[0] // width
            order = np.argsort(numbers, kind="stable")
            bounds = np.searchsorted(numbers[order], np.arange(len(files) + 1))
            content = np.ascontiguousarray(within[:, order].T, np.int32)
            for file, start, stop in zip(files, bounds[:-1], bounds[1:], strict=True):
                file.write(content[start:stop].tobytes())
        offsets = [0, *accumulate(file.tell() for file in files)]
    spans = [
        Span(start, stop, first, min(first + width, corpus.documents))
        for (start, stop), first in zip(pairwise(offsets), firsts, strict=True)
    ]
    return _Sorted(
        folder,
        corpus.name,
        corpus.vocabulary_size,
        corpus.documents,
        corpus.promised,
        spans,
        tally,
    )
