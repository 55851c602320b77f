"""Word counts of some documents, as readers yield them and the encoder takes them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import InputError

MAX_COUNT = 1 << 24  # float32 holds every whole number up to here


class CountsError(InputError):
    """The counts of a word in a document add up to more than `MAX_COUNT`."""


@dataclass(frozen=True)
class Counts:
    """A matrix of counts in compressed rows: a document a row, each with at least one word.

    It has the attributes of SciPy's `csr_array`, but none of its methods: importing SciPy takes
    longer than converting ten thousand documents.

    Attributes:
        documents: (rows,) int64 numbers of the documents, from 0, ascending.
        indptr: (rows + 1,) int64, where each row starts and the last one ends.
        indices: (n,) int32 word ids, ascending within a row.
        data: (n,) float32 counts, whole numbers from 1 to `MAX_COUNT`.
        shape: Numbers of rows and of words in the vocabulary.
    """

    documents: NDArray[np.int64]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.float32]
    shape: tuple[int, int]

    @classmethod
    def from_rows(
        cls,
        documents: NDArray[np.int64],
        lengths: NDArray[np.integer],
        ids: NDArray[np.integer],
        counts: NDArray[np.integer],
        vocabulary_size: int,
    ) -> Self:
        """Build from the number of entries of each row, and the entries of all rows in order.

        The ids of a row may come in any order. Counts given twice for one word are added up.
        Counts of 0 are dropped, and so are rows that have no others.

        Raises:
            CountsError: A sum is above `MAX_COUNT`.
        """
        if not counts.all():
            rows = np.repeat(np.arange(lengths.size), lengths)[counts > 0]
            lengths = np.bincount(rows, minlength=lengths.size)
            ids, counts = ids[counts > 0], counts[counts > 0]
            documents, lengths = documents[lengths > 0], lengths[lengths > 0]
        ascending = ids[1:] > ids[:-1]
        ascending[np.cumsum(lengths[:-1]) - 1] = True
        if not ascending.all():
            lengths, ids, counts = _merge(lengths, ids, counts)
            if counts.max(initial=0) > MAX_COUNT:
                at = int(counts.argmax())
                document = documents[np.searchsorted(np.cumsum(lengths), at, side="right")]
                raise CountsError(
                    f"document {document + 1}: the counts of word id {ids[at] + 1} add up to "
                    f"{counts[at]}; at most {MAX_COUNT} is allowed"
                )
        return cls(
            documents,
            np.concatenate(([0], np.cumsum(lengths))),
            ids.astype(np.int32, copy=False),
            counts.astype(np.float32),
            (documents.size, vocabulary_size),
        )

    @classmethod
    def from_entries(cls, entries: NDArray[np.int32], vocabulary_size: int) -> Self:
        """Build from entries (3, n): numbers of documents, which ascend, word ids and counts.

        Raises:
            CountsError: As `from_rows`.
        """
        documents, ids, counts = entries
        starts = np.flatnonzero(np.diff(documents, prepend=-1))
        lengths = np.diff(starts, append=documents.size)
        return cls.from_rows(
            documents[starts].astype(np.int64), lengths, ids, counts, vocabulary_size
        )

    def to_entries(self) -> NDArray[np.int32]:
        """Return the entries (3, n): numbers of documents, word ids and counts."""
        documents = np.repeat(self.documents.astype(np.int32), self.lengths())
        return np.stack((documents, self.indices, self.data.astype(np.int32)))

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of different words of each document."""
        return np.diff(self.indptr)

    def tokens(self) -> NDArray[np.float64]:
        """Return the sum of the counts of each document."""
        return np.add.reduceat(self.data, self.indptr[:-1], dtype=np.float64)

    def between(self, first: int, after: int) -> Self:
        """Return the documents with numbers from `first` to before `after`; nothing is copied."""
        low, high = np.searchsorted(self.documents, (first, after))
        entries = slice(self.indptr[low], self.indptr[high])
        return type(self)(
            self.documents[low:high],
            self.indptr[low : high + 1] - self.indptr[low],
            self.indices[entries],
            self.data[entries],
            (int(high - low), self.shape[1]),
        )

    def with_ids(self, ids: NDArray[np.int32], vocabulary_size: int) -> Self:
        """Return the documents with the words of another vocabulary.

        Args:
            ids: (words,) the new id of each word; -1 drops its counts.
            vocabulary_size: The size of the other vocabulary.
        """
        new = ids[self.indices]
        counts = np.where(new < 0, 0, self.data).astype(np.int32)
        return self.from_rows(self.documents, self.lengths(), new, counts, vocabulary_size)

    def select(self, rows: NDArray[np.bool_]) -> Self:
        """Return the documents that a mask (rows,) selects."""
        if rows.all():
            return self
        lengths = self.lengths()
        entries = np.repeat(rows, lengths) if rows.any() else slice(0)
        kept = lengths[rows]
        return type(self)(
            self.documents[rows],
            np.concatenate(([0], np.cumsum(kept))),
            self.indices[entries],
            self.data[entries],
            (kept.size, self.shape[1]),
        )


def _merge(
    lengths: NDArray[np.integer], ids: NDArray[np.integer], counts: NDArray[np.integer]
) -> tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]:
    """Sort the ids of each row and add up the counts of equal ones."""
    rows = np.repeat(np.arange(lengths.size), lengths)
    order = np.lexsort((ids, rows))
    rows, ids = rows[order], ids[order]
    first = np.ones(ids.size, np.bool_)
    first[1:] = (np.diff(rows) > 0) | (np.diff(ids) > 0)
    sums = np.add.reduceat(counts[order], np.flatnonzero(first), dtype=np.int64)
    return np.bincount(rows[first], minlength=lengths.size), ids[first], sums
