"""Convert a corpus into a folder that SageMaker can train on: RecordIO files and a manifest."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from data_prep import recordio
from data_prep.corpus import Corpus, CorpusError, read_corpus, read_vocabulary
from data_prep.counts import Counts
from data_prep.manifest import MANIFEST, Manifest, Part, Source, Split, Vocabulary
from data_prep.progress import Progress
from data_prep.split import held_out

TRAIN, TEST, VOCABULARY = "train.recordio", "test.recordio", "vocab.txt"


def convert(
    corpus: Path,
    vocabulary: Path,
    out: Path,
    *,
    test_fraction: float = 0.05,
    seed: int | None = None,
    limit: int | None = None,
) -> Manifest:
    """Convert a corpus of `id:count,...` lines.

    The files are written aside and moved into `out` when all are whole, the manifest last; the
    manifest of an older conversion goes first. So a folder with a manifest is always a whole one.
    Documents without words are dropped and counted.

    Args:
        corpus: A document a line.
        vocabulary: A word a line.
        out: Folder to write to; made if need be.
        test_fraction: Share of the documents to hold out, from 0 to below 1.
        seed: Makes the choice of the held-out documents random; by default they are the last.
        limit: Number of documents to read; by default all.

    Raises:
        CorpusError: The corpus or the vocabulary is no good, or leaves no document to train on.
            Then nothing has been written.
    """
    words = read_vocabulary(vocabulary)
    documents = read_corpus(corpus, len(words), limit)
    testing = held_out(documents.documents, test_fraction, seed)
    with _staging(out) as staged:
        train, test, empty = _write_parts(documents, testing, staged)
        if not train.documents:
            raise CorpusError(
                f"{corpus}: no document is left to train on: of {documents.documents}, "
                f"{empty} have no words and {test.documents} are held out"
            )
        manifest = Manifest(
            format=Manifest.FORMAT,
            source=Source(corpus.name, vocabulary.name, limit),
            split=Split(test_fraction, seed),
            vocabulary=_write_vocabulary(words, staged / VOCABULARY),
            train=train,
            test=test if test.documents else None,
            empty_documents=empty,
        )
        _publish(manifest, staged, out)
    return manifest


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Yield a folder inside `out` that is gone afterwards, as is `out` itself after an error."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as staged:
            yield Path(staged)
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _write_parts(
    corpus: Corpus, testing: NDArray[np.bool_], folder: Path
) -> tuple[Part, Part, int]:
    """Write the documents to train on and to test with; count those without words."""
    start = empty = 0
    with (
        _PartWriter(folder / TRAIN) as train,
        _PartWriter(folder / TEST) as test,
        Progress("converting", corpus.documents) as progress,
    ):
        for block in corpus.blocks:
            stop = start + block.shape[0]
            filled = block.lengths() > 0
            train.write(block.select(filled & ~testing[start:stop]))
            test.write(block.select(filled & testing[start:stop]))
            empty += int(np.count_nonzero(~filled))
            progress.advance(stop - start)
            start = stop
        return train.finish(), test.finish(), empty


class _PartWriter:
    """Encodes documents into a file, and keeps what the manifest says about them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = path.open("wb")
        self._digest = hashlib.sha256()
        self._documents = self._nonzeros = self._tokens = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, counts: Counts) -> None:
        for frames in recordio.encode(counts):
            self._stream.write(frames)
            self._digest.update(frames)
        self._documents += counts.shape[0]
        self._nonzeros += counts.data.size
        self._tokens += int(counts.data.sum(dtype=np.float64))

    def finish(self) -> Part:
        size = self._stream.tell()
        _sync(self._stream)
        return Part(
            self._path.name,
            self._documents,
            self._nonzeros,
            self._tokens,
            size,
            self._digest.hexdigest(),
        )


def _write_vocabulary(words: list[str], path: Path) -> Vocabulary:
    content = "".join(f"{word}\n" for word in words).encode()
    with path.open("wb") as stream:
        stream.write(content)
        _sync(stream)
    return Vocabulary(path.name, len(words), len(content), hashlib.sha256(content).hexdigest())


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _publish(manifest: Manifest, staged: Path, out: Path) -> None:
    """Move the files into place, so that at no moment a manifest stands beside other files."""
    manifest.write(staged)
    (out / MANIFEST).unlink(missing_ok=True)
    (out / TEST).unlink(missing_ok=True)
    for part in (manifest.vocabulary, manifest.train, manifest.test):
        if part:
            (staged / part.file).replace(out / part.file)
    (staged / MANIFEST).replace(out / MANIFEST)
