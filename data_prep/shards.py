"""Write the documents of a corpus to RecordIO files, each from a fixed amount of input.

`encode_shard` needs nothing but its task, so any engine can map it over the tasks: one process,
several, a cluster. The files do not depend on the engine.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cli.progress import Progress
from data_prep import recordio
from data_prep.corpus import Corpus, Divisible, Span, Tally, check_promise
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.files import sync_file
from data_prep.manifest import Part, Shard

SHARD_BYTES = 1 << 25  # of input: a third of a second of work
PARTS = ("train", "test")

_LARGEST_ARRAY = 1 << 24  # bytes of an array that comes and goes


def keep_freed_memory() -> None:
    """Keep freed memory for the next arrays instead of returning it to the system.

    glibc returns freed memory until one large array was allocated and freed. Without this, asking
    for memory again takes half of the time that a block of text needs.
    """
    np.empty(_LARGEST_ARRAY, np.uint8)


class Task(NamedTuple):
    """Documents to encode.

    Attributes:
        corpus: Has the documents.
        spans: Consecutive spans of it.
        testing: (documents,) which of the documents of the spans are for testing.
        min_words: Number of words that a document must have, or it is left out.
        allowed: How many bad lines are tolerated.
        folder: For the files.
        names: The files in the folder: of documents to train on, and of those to test with.
    """

    corpus: Corpus
    spans: Sequence[Span]
    testing: NDArray[np.bool_]
    min_words: int
    allowed: int
    folder: Path
    names: Sequence[str]


class Encoded(NamedTuple):
    """The documents of a task, or of all tasks, in files.

    Attributes:
        train, test: The files and their totals; there are no files without documents.
        first: Number of the first document.
        left_out: (documents,) which documents are in no file.
        short: How many of those have words, but too few.
        tally: The entries and bad lines.
    """

    train: Part
    test: Part
    first: int
    left_out: NDArray[np.bool_]
    short: int
    tally: Tally

    @property
    def files(self) -> tuple[Shard, ...]:
        """All files."""
        return self.train.files + self.test.files


Run = Callable[[Callable[[Task], Encoded], Sequence[Task]], Generator[Encoded]]
"""Calls a function with each task, wherever it likes; yields the results in order."""


def write_shards(
    corpus: Corpus,
    testing: NDArray[np.bool_],
    min_words: int,
    folder: Path,
    tally: Tally,
    run: Run,
) -> Encoded:
    """Write the documents of a corpus to files: those to train on and those to test with.

    A small corpus gives `train.recordio` and `test.recordio`, a larger one several files of each.

    Args:
        corpus: The documents.
        testing: (documents,) which of them are for testing.
        min_words: Number of words that a document must have, or it is left out.
        folder: For the files.
        tally: Gets the entries and bad lines.
        run: The engine.

    Raises:
        InputError: A document can't be read or encoded, or the corpus is not whole.
        OutOfOrderError: The corpus must be sorted first.
    """
    groups = group(corpus.spans)
    if len(groups) > 1:
        for part in PARTS:
            (folder / part).mkdir(exist_ok=True)
    names = names_of_shards(0, len(groups), len(groups))
    tasks = tasks_of(corpus, groups, names, testing, min_words, tally.allowed, folder)
    with (
        Progress("converting", corpus.documents) as progress,
        closing(run(encode_shard, tasks)) as results,
    ):
        encoded = gather(_synced(results, folder, progress), corpus.documents, tally)
    check_promise(corpus, tally)
    return encoded


def _synced(results: Iterable[Encoded], folder: Path, progress: Progress) -> Iterator[Encoded]:
    """Wait until the files are on the disk, here, while other processes go on."""
    for encoded in results:
        for file in encoded.files:
            sync_file(folder / file.file)
        yield encoded
        progress.advance(encoded.left_out.size)


def names_of_shards(first: int, after: int, total: int) -> list[tuple[str, str]]:
    """Return the names of shards: a file of documents to train on, and one of those to test with.

    Args:
        first: Number of the first of these shards.
        after: Number of the first shard after them.
        total: Number of shards of the corpus.
    """
    if total == 1:
        return [("train.recordio", "test.recordio")]
    train, test = PARTS
    return [
        (f"{train}/part-{number:05}.recordio", f"{test}/part-{number:05}.recordio")
        for number in range(first, after)
    ]


def tasks_of(
    corpus: Corpus,
    groups: Sequence[Sequence[Span]],
    names: Sequence[tuple[str, str]],
    testing: NDArray[np.bool_],
    min_words: int,
    allowed: int,
    folder: Path,
) -> list[Task]:
    """Return the tasks of shards, none of which has more of the corpus than its spans need.

    Args:
        corpus: The documents.
        groups: The spans of each shard, consecutive.
        names: The files of each shard.
        testing: (documents,) which of the documents of all these spans are for testing.
        min_words: As of `Task`.
        allowed: As of `Task`.
        folder: As of `Task`.
    """
    start = groups[0][0].first
    return [
        Task(
            corpus.only(spans) if isinstance(corpus, Divisible) else corpus,
            spans,
            testing[spans[0].first - start : spans[-1].after - start],
            min_words,
            allowed,
            folder,
            pair,
        )
        for spans, pair in zip(groups, names, strict=True)
    ]


def gather(results: Iterable[Encoded], documents: int, tally: Tally) -> Encoded:
    """Join the results of all tasks, in order.

    Args:
        results: The results. They may lack documents without words.
        documents: The number of documents.
        tally: Gets the entries and bad lines.

    Raises:
        InputError: There are more bad lines than allowed.
    """
    done: list[Encoded] = []
    left_out = np.ones(documents, np.bool_)
    for encoded in tally.following(results):
        tally.extend(encoded.tally)
        left_out[encoded.first : encoded.first + encoded.left_out.size] = encoded.left_out
        done.append(encoded)
    return Encoded(
        _join([encoded.train for encoded in done]),
        _join([encoded.test for encoded in done]),
        0,
        left_out,
        sum(encoded.short for encoded in done),
        tally,
    )


def encode_shard(task: Task) -> Encoded:
    """Write the documents of a task to its files.

    Raises:
        InputError: A document can't be read or encoded.
        OutOfOrderError: The corpus must be sorted first.
    """
    keep_freed_memory()
    tally = Tally(task.allowed)
    first = task.spans[0].first
    left_out = np.ones(task.testing.size, np.bool_)
    short = 0
    with (
        _File(task.folder, task.names[0]) as train,
        _File(task.folder, task.names[1]) as test,
    ):
        for every in (counts for span in task.spans for counts in task.corpus.read(span, tally)):
            counts = every.select(every.tokens() >= task.min_words)
            numbers = counts.documents - first
            held = task.testing[numbers]
            try:
                train.write(counts.select(~held))
                test.write(counts.select(held))
            except recordio.RecordIOError as error:  # a document with millions of different words
                start, stop = counts.documents[[0, -1]] + 1
                raise InputError(
                    f"{task.corpus.name}: documents {start} to {stop}: {error}"
                ) from None
            left_out[numbers] = False
            short += every.documents.size - numbers.size
        return Encoded(train.finish(), test.finish(), first, left_out, short, tally)


def batches(sizes: Iterable[int]) -> list[range]:
    """Group consecutive things until they have `SHARD_BYTES`.

    Args:
        sizes: The size of each, in bytes.

    Returns:
        The numbers of the things in each group.
    """
    starts: list[int] = []
    number, size = -1, SHARD_BYTES
    for number, each in enumerate(sizes):
        if size >= SHARD_BYTES:
            starts.append(number)
            size = 0
        size += each
    return [range(*bounds) for bounds in pairwise([*starts, number + 1])]


def group(spans: Iterable[Span]) -> list[list[Span]]:
    """Group the spans of each shard.

    Consecutive files are a batch once they have `SHARD_BYTES`, and so are consecutive spans of a
    batch a shard. Batches end where files end, so that an engine can divide many files among its
    processes when it knows their sizes.
    """
    files = [list(file) for _, file in groupby(spans, attrgetter("file"))]
    groups = []
    for batch in batches(sum(map(_size, file)) for file in files):
        own = [span for number in batch for span in files[number]]
        groups += [[own[number] for number in shard] for shard in batches(map(_size, own))]
    return groups


def _size(span: Span) -> int:
    return span.stop - span.start


def _join(parts: Sequence[Part]) -> Part:
    return Part.of(
        [file for part in parts for file in part.files],
        sum(part.nonzeros for part in parts),
        sum(part.tokens for part in parts),
    )


class _File:
    """A file of encoded documents."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self._name = name
        self._stream = self._path.open("wb")
        self._digest = hashlib.sha256()
        self._documents = self._nonzeros = self._tokens = self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, counts: Counts) -> None:
        """Write documents to the end of the file."""
        for frames in recordio.encode(counts):
            self._stream.write(frames)
            self._digest.update(frames)
            self._bytes += len(frames)
        self._documents += counts.shape[0]
        self._nonzeros += counts.data.size
        self._tokens += int(counts.data.sum(dtype=np.float64))

    def finish(self) -> Part:
        """End the file and return it, which may not be on the disk yet.

        It is deleted if it has no documents.
        """
        if not self._documents:
            self._path.unlink()
            return Part.of([], 0, 0)
        self._stream.flush()
        file = Shard(self._name, self._documents, self._bytes, self._digest.hexdigest())
        return Part.of([file], self._nonzeros, self._tokens)
