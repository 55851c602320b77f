"""Read RecordIO-protobuf, which `convert` writes and SageMaker reads; labels are skipped."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from data_prep.corpus import Span, Tally
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.entries import check_shape, counts_of, whole_counts
from data_prep.formats.format import Format
from data_prep.formats.read_options import DEFAULTS, ReadOptions
from data_prep.recordio import MAGIC, RecordIOError, read_blocks
from data_prep.recordio.framing import read_frames

_MAGIC = MAGIC.to_bytes(4, "little")


@dataclass(frozen=True)
class Records:
    """A corpus of records, a document each."""

    promised: ClassVar[None] = None

    path: Path
    name: str
    vocabulary_size: int
    documents: int
    spans: list[Span]

    @classmethod
    def open(
        cls,
        path: Path,
        name: str,
        vocabulary_size: int | None,
        options: ReadOptions = DEFAULTS,
    ) -> Self:
        """Open a file; errors call it `name`. Without a size, the records give it.

        Raises:
            InputError: There is no record, or a record is malformed or has another shape.
        """
        try:
            spans = _cut(path, options.limit)
            if not spans:
                raise InputError(f"{name}: there is no record")
            with path.open("rb") as stream:
                words = next(read_blocks(stream)).shape[1]
        except RecordIOError as error:
            raise InputError(f"{name}: {error}") from None
        documents = spans[-1].after
        check_shape(name, documents, words, words if vocabulary_size is None else vocabulary_size)
        return cls(path, name, words, documents, spans)

    def read(self, span: Span, _: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        with self.path.open("rb") as stream:
            stream.seek(span.start)
            records = BytesIO(stream.read(span.stop - span.start))
        first = span.first
        try:
            for matrix in read_blocks(records, self.vocabulary_size, span.start):
                documents = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) + first
                entries = whole_counts(documents, matrix.indices, matrix.data, self.name)
                if entries.size:
                    yield counts_of(entries, self.vocabulary_size, self.name)
                first += matrix.shape[0]
        except RecordIOError as error:
            raise InputError(f"{self.name}: {error}") from None


def _cut(path: Path, limit: int | None) -> list[Span]:
    """Cut the first `limit` records into spans."""
    spans = []
    start = stop = first = after = 0
    with path.open("rb") as stream:
        for _ in read_frames(stream):
            if after == limit:
                break
            after += 1
            stop = stream.tell()
            if stop - start >= lines.SPAN_BYTES:
                spans.append(Span(start, stop, first, after))
                start, first = stop, after
    if after > first:
        spans.append(Span(start, stop, first, after))
    return spans


FORMAT = Format(
    name="recordio",
    description="RecordIO-protobuf, which convert writes",
    matches=lambda head: head.content.startswith(_MAGIC),
    is_signed=True,
    knows_words=True,
    open=Records.open,
)
