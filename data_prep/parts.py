"""Encode documents and write them to files, with the help of other processes."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from data_prep import recordio
from data_prep.corpus import Corpus, CorpusError, Log, Piece, check_promise
from data_prep.counts import Counts
from data_prep.files import sync
from data_prep.manifest import Part
from data_prep.memory import keep_freed_memory
from data_prep.progress import Progress

TRAIN, TEST = "train.recordio", "test.recordio"

_PIECES_A_JOB = 6  # at least: half a second of work, else it takes longer to start a process
_COPY_BYTES = 1 << 18


def write_parts(
    corpus: Corpus, testing: NDArray[np.bool_], folder: Path, log: Log, jobs: int
) -> tuple[Part, Part, Log]:
    """Write the documents of a corpus to two files: those to train on and those to test with.

    Args:
        corpus: The documents.
        testing: (documents,) which of them are for testing.
        folder: For the files, and meanwhile for more of them.
        log: Gets what is reported.
        jobs: Number of processes at most.

    Returns:
        What the manifest says about both files, and the log.

    Raises:
        CorpusError: A document can't be read or encoded, or the corpus is not whole.
        OutOfOrderError: The corpus must be sorted first.
    """
    with (
        _PartWriter(folder / TRAIN) as train,
        _PartWriter(folder / TEST) as test,
        Progress("converting", corpus.documents) as progress,
    ):
        for block in _encode(corpus, testing, folder, log, jobs):
            train.write(block.train)
            test.write(block.test)
            progress.advance(block.train.documents + block.test.documents)
        check_promise(corpus, log)
        return train.finish(), test.finish(), log


class _Encoded(NamedTuple):
    """Documents as they are written, and what the manifest says about them."""

    frames: Iterable[bytes]
    documents: int
    nonzeros: int
    tokens: int


class _Block(NamedTuple):
    train: _Encoded
    test: _Encoded


def _encode(
    corpus: Corpus, testing: NDArray[np.bool_], folder: Path, log: Log, jobs: int
) -> Iterator[_Block]:
    """Yield all documents in order, encoded here or in other processes."""
    jobs = min(jobs, len(corpus.pieces) // _PIECES_A_JOB)
    if jobs < 2:
        for piece in corpus.pieces:
            yield from _encode_piece(corpus, testing, piece, log)
        return
    from data_prep.parallel import map_in_order  # here, since most corpora do without

    encode = partial(_encode_to_files, corpus, testing, folder, log.allowed)
    for block, piece_log in map_in_order(encode, corpus.pieces, jobs):
        log.extend(piece_log)
        yield block


def _encode_piece(
    corpus: Corpus, testing: NDArray[np.bool_], piece: Piece, log: Log
) -> Iterator[_Block]:
    for counts in corpus.read(piece, log):
        held = testing[counts.documents]
        try:
            block = _Block(*(_encode_rows(counts.select(rows)) for rows in (~held, held)))
        except recordio.RecordIOError as error:  # a document with millions of different words
            first, last = counts.documents[[0, -1]] + 1
            raise CorpusError(f"{corpus.name}: documents {first} to {last}: {error}") from None
        yield block


def _encode_rows(counts: Counts) -> _Encoded:
    return _Encoded(
        list(recordio.encode(counts)),
        counts.shape[0],
        counts.data.size,
        int(counts.data.sum(dtype=np.float64)),
    )


def _encode_to_files(
    corpus: Corpus, testing: NDArray[np.bool_], folder: Path, allowed: int, piece: Piece
) -> tuple[_Block, Log]:
    """Encode a piece in another process: files get to this one faster than bytes in a pipe."""
    keep_freed_memory()
    log = Log(allowed)
    totals = np.zeros((2, 3), np.int64)
    files = [_FileFrames(folder / f"{piece.start}.{part}") for part in _Block._fields]
    with files[0].path.open("wb") as train, files[1].path.open("wb") as test:
        for block in _encode_piece(corpus, testing, piece, log):
            for stream, encoded in zip((train, test), block, strict=True):
                stream.writelines(encoded.frames)
            totals += [encoded[1:] for encoded in block]
    parts = zip(files, totals.tolist(), strict=True)
    return _Block(*(_Encoded(file, *sums) for file, sums in parts)), log


@dataclass(frozen=True)
class _FileFrames:
    """The content of a file, which is removed when it has been read."""

    path: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb", buffering=0) as stream:
            while chunk := stream.read(_COPY_BYTES):
                yield chunk
        self.path.unlink()


class _PartWriter:
    """Writes encoded documents into a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = path.open("wb")
        self._digest = hashlib.sha256()
        self._documents = self._nonzeros = self._tokens = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, encoded: _Encoded) -> None:
        for frames in encoded.frames:
            self._stream.write(frames)
            self._digest.update(frames)
        self._documents += encoded.documents
        self._nonzeros += encoded.nonzeros
        self._tokens += encoded.tokens

    def finish(self) -> Part:
        size = self._stream.tell()
        sync(self._stream)
        return Part(
            self._path.name,
            self._documents,
            self._nonzeros,
            self._tokens,
            size,
            self._digest.hexdigest(),
        )
