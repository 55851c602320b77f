"""Read RecordIO-protobuf, as `convert` writes it and SageMaker takes it; labels are skipped."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from data_prep.corpus import CorpusError, Log, Piece
from data_prep.counts import Counts
from data_prep.formats import lines
from data_prep.formats.entries import check_shape, counts_of, whole_counts
from data_prep.formats.format import Format
from data_prep.formats.reading import Reading
from data_prep.recordio import MAGIC, RecordIOError, read_blocks, read_frames

_MAGIC = MAGIC.to_bytes(4, "little")


@dataclass(frozen=True)
class Records:
    """A corpus of records, a document each."""

    promised: ClassVar[None] = None

    path: Path
    name: str
    vocabulary_size: int
    documents: int
    pieces: list[Piece]

    @classmethod
    def open(
        cls, path: Path, name: str, vocabulary_size: int | None, limit: int | None = None
    ) -> Self:
        """Open a file for its first `limit` records, by default all; errors call it `name`.

        Args:
            path: The file.
            name: What errors call it.
            vocabulary_size: The number of words; None to take that of the records.
            limit: Number of records to read.

        Raises:
            CorpusError: There is no record, or one is malformed or of another vocabulary.
        """
        try:
            pieces = _cut(path, limit)
            if not pieces:
                raise CorpusError(f"{name}: there is no record")
            with path.open("rb") as stream:
                words = next(read_blocks(stream)).shape[1]
        except RecordIOError as error:
            raise CorpusError(f"{name}: {error}") from None
        documents = pieces[-1].after
        check_shape(name, documents, words, words if vocabulary_size is None else vocabulary_size)
        return cls(path, name, words, documents, pieces)

    def read(self, piece: Piece, _: Log) -> Iterator[Counts]:
        """Yield the documents of a piece, as `Corpus.read`."""
        with self.path.open("rb") as stream:
            stream.seek(piece.start)
            records = BytesIO(stream.read(piece.stop - piece.start))
        first = piece.first
        try:
            for matrix in read_blocks(records, self.vocabulary_size, piece.start):
                documents = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) + first
                entries = whole_counts(documents, matrix.indices, matrix.data, self.name)
                if entries.size:
                    yield counts_of(entries, self.vocabulary_size, self.name)
                first += matrix.shape[0]
        except RecordIOError as error:
            raise CorpusError(f"{self.name}: {error}") from None


def _cut(path: Path, limit: int | None) -> list[Piece]:
    """Cut the first `limit` records into pieces."""
    pieces = []
    start = stop = first = after = 0
    with path.open("rb") as stream:
        for _ in read_frames(stream):
            if after == limit:
                break
            after += 1
            stop = stream.tell()
            if stop - start >= lines.PIECE_BYTES:
                pieces.append(Piece(start, stop, first, after))
                start, first = stop, after
    if after > first:
        pieces.append(Piece(start, stop, first, after))
    return pieces


def _open(path: Path, name: str, vocabulary_size: int | None, reading: Reading) -> Records:
    return Records.open(path, name, vocabulary_size, reading.limit)


FORMAT = Format(
    name="recordio",
    description="RecordIO-protobuf, which convert writes",
    matches=lambda head: head.content.startswith(_MAGIC),
    is_signed=True,
    knows_words=True,
    open=_open,
)
