"""Encode documents and write them to the train and test files, in several processes."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cli.progress import Progress
from data_prep import recordio
from data_prep.corpus import Corpus, Span, Tally, check_promise
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.files import start_sync, sync
from data_prep.formats.lines import SPAN_BYTES
from data_prep.manifest import Part, Shard
from data_prep.parallel import Workers, add_in_order

TRAIN, TEST = "train.recordio", "test.recordio"

_SPANS_A_JOB = 6  # at least: half a second of work; less is done before a process has started
_READ_BYTES = 1 << 18
_LARGEST_ARRAY = 1 << 24  # bytes of an array that comes and goes


def start_early(workers: Workers, corpus: Path) -> None:
    """Start the processes that a corpus will need, before it is opened."""
    if corpus.is_file():
        workers.start(corpus.stat().st_size // SPAN_BYTES // _SPANS_A_JOB)


def keep_freed_memory() -> None:
    """Keep freed memory for the next arrays instead of returning it to the system.

    glibc returns freed memory until one large array was allocated and freed. Without this, asking
    for memory again takes half of the time that a block of text needs.
    """
    np.empty(_LARGEST_ARRAY, np.uint8)


class Written(NamedTuple):
    """The files that were written.

    Attributes:
        train, test: The entries of both files in the manifest.
        left_out: (documents,) which documents are in neither file.
        short: How many of those have words, but too few.
        tally: The entries and bad lines of the corpus.
    """

    train: Part
    test: Part
    left_out: NDArray[np.bool_]
    short: int
    tally: Tally


def write_parts(
    corpus: Corpus,
    testing: NDArray[np.bool_],
    min_words: int,
    folder: Path,
    tally: Tally,
    workers: Workers,
) -> Written:
    """Write the documents of a corpus to two files: those to train on and those to test with.

    Args:
        corpus: The documents.
        testing: (documents,) which of them are for testing.
        min_words: Number of words that a document must have, or it is left out.
        folder: For the files.
        tally: Gets the entries and bad lines.
        workers: Processes for a large corpus.

    Raises:
        InputError: A document can't be read or encoded, or the corpus is not whole.
        OutOfOrderError: The corpus must be sorted first.
    """
    with (
        _PartFile(folder / TRAIN) as train,
        _PartFile(folder / TEST) as test,
        Progress("converting", corpus.documents) as progress,
    ):
        files = (train, test)
        left_out = np.ones(corpus.documents, np.bool_)
        short = 0
        tasks = ((span, testing[span.first : span.after]) for span in corpus.spans)
        if workers.start(len(corpus.spans) // _SPANS_A_JOB):
            paths = [file.path for file in files]
            encode = partial(_encode_elsewhere, corpus, min_words, paths, tally.allowed)
            with closing(workers.map_in_order(encode, tasks)) as results:
                for parts, kept, too_short, span_tally in results:
                    tally.extend(span_tally)
                    left_out[kept] = False
                    short += too_short
                    for file, totals in zip(files, parts, strict=True):
                        file.adopt(totals)
                    progress.advance(sum(totals.documents for totals in parts))
        else:
            for span, held in tasks:
                for block in _encode_span(corpus, span, held, min_words, tally):
                    left_out[block.kept] = False
                    short += block.short
                    for file, encoded in zip(files, block.parts, strict=True):
                        file.write(encoded)
                    progress.advance(len(block.kept))
        check_promise(corpus, tally)
        return Written(train.finish(), test.finish(), left_out, short, tally)


class _Totals(NamedTuple):
    """The totals of some documents, as in the manifest."""

    documents: int = 0
    nonzeros: int = 0
    tokens: int = 0
    bytes: int = 0

    def plus(self, other: "_Totals") -> "_Totals":
        return _Totals(*map(add, self, other))


class _Encoded(NamedTuple):
    """Documents as bytes."""

    frames: list[bytes]
    totals: _Totals


class _Block(NamedTuple):
    """Some documents.

    Attributes:
        parts: The training documents and the test documents.
        kept: The numbers of both.
        short: How many other documents have words, but too few.
    """

    parts: tuple[_Encoded, _Encoded]
    kept: NDArray[np.int64]
    short: int


def _encode_span(
    corpus: Corpus, span: Span, testing: NDArray[np.bool_], min_words: int, tally: Tally
) -> Iterator[_Block]:
    """Encode a span; `testing` says which of its documents are for testing."""
    for every in corpus.read(span, tally):
        counts = every.select(every.tokens() >= min_words)
        held = testing[counts.documents - span.first]
        try:
            parts = _encode_rows(counts.select(~held)), _encode_rows(counts.select(held))
        except recordio.RecordIOError as error:  # a document with millions of different words
            first, last = counts.documents[[0, -1]] + 1
            raise InputError(f"{corpus.name}: documents {first} to {last}: {error}") from None
        yield _Block(parts, counts.documents, every.documents.size - counts.documents.size)


def _encode_rows(counts: Counts) -> _Encoded:
    frames = list(recordio.encode(counts))
    tokens = int(counts.data.sum(dtype=np.float64))
    return _Encoded(
        frames, _Totals(counts.shape[0], counts.data.size, tokens, sum(map(len, frames)))
    )


def _encode_elsewhere(
    corpus: Corpus,
    min_words: int,
    paths: Sequence[Path],
    allowed: int,
    number: int,
    task: tuple[Span, NDArray[np.bool_]],
) -> tuple[list[_Totals], NDArray[np.int64], int, Tally]:
    """Encode a span in another process, and write it to the files behind earlier spans.

    Returns:
        Totals of each file, the numbers of the documents written, how many others are too short,
        and the tally of the span.
    """
    keep_freed_memory()
    tally = Tally(allowed)
    try:
        blocks = list(_encode_span(corpus, *task, min_words, tally))
    except BaseException:
        add_in_order(number, [0 for _ in paths])  # later spans wait for this
        raise
    parts = [[block.parts[part] for block in blocks] for part in range(len(paths))]
    totals = [
        reduce(_Totals.plus, (encoded.totals for encoded in part), _Totals()) for part in parts
    ]
    offsets = add_in_order(number, [each.bytes for each in totals])
    for path, offset, part in zip(paths, offsets, parts, strict=True):
        with path.open("r+b") as stream:
            stream.seek(offset)
            for encoded in part:
                stream.writelines(encoded.frames)
    kept = np.concatenate([np.zeros(0, np.int64), *(block.kept for block in blocks)])
    return totals, kept, sum(block.short for block in blocks), tally


class _PartFile:
    """A file of encoded documents."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = path.open("w+b")
        self._digest = hashlib.sha256()
        self._totals = _Totals()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, encoded: _Encoded) -> None:
        """Write documents to the end of the file."""
        for frames in encoded.frames:
            self._stream.write(frames)
            self._digest.update(frames)
        self._totals = self._totals.plus(encoded.totals)

    def adopt(self, totals: _Totals) -> None:
        """Count documents that another process has written to the end of the file."""
        start = self._totals.bytes
        self._totals = self._totals.plus(totals)
        for offset in range(start, self._totals.bytes, _READ_BYTES):
            length = min(_READ_BYTES, self._totals.bytes - offset)
            self._digest.update(os.pread(self._stream.fileno(), length, offset))
        start_sync(self._stream, start, totals.bytes)

    def finish(self) -> Part:
        """Wait until the file is on the disk, and return its entry in the manifest."""
        sync(self._stream)
        totals = self._totals
        shard = Shard(self.path.name, totals.documents, totals.bytes, self._digest.hexdigest())
        return Part.of([shard], totals.nonzeros, totals.tokens)
