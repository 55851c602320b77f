"""Word counts of some documents: what readers yield and the encoder takes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

MAX_COUNT = 1 << 24  # float32 holds every whole number up to here


@dataclass(frozen=True)
class Counts:
    """A (documents, vocabulary) matrix of counts in compressed rows.

    It has the attributes of SciPy's `csr_array`, and no more: importing SciPy takes longer than
    converting ten thousand documents.

    Attributes:
        indptr: (documents + 1,) int64, where each row starts and the last one ends.
        indices: (n,) int32 word ids, ascending within a row.
        data: (n,) float32 counts, whole numbers from 1 to `MAX_COUNT`.
        shape: Numbers of documents and of words in the vocabulary.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.float32]
    shape: tuple[int, int]

    @classmethod
    def from_rows(
        cls,
        lengths: NDArray[np.int64],
        indices: NDArray[np.int32],
        counts: NDArray[np.integer] | NDArray[np.float32],
        vocabulary_size: int,
    ) -> Self:
        """Build from the number of entries of each row, and the entries of all rows in order."""
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        return cls(indptr, indices, counts.astype(np.float32), (lengths.size, vocabulary_size))

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of different words of each document."""
        return np.diff(self.indptr)

    def select(self, rows: NDArray[np.bool_]) -> Self:
        """Return the documents that a mask (documents,) names."""
        if rows.all():
            return self
        lengths = self.lengths()
        entries = np.repeat(rows, lengths)
        return self.from_rows(
            lengths[rows], self.indices[entries], self.data[entries], self.shape[1]
        )
