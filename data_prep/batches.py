"""The work of preparing a corpus of many files, in functions that any engine can map over items.

An item names its files, and has nothing of the rest of the corpus. Errors come back as values,
since engines wrap exceptions in long reports of their own. `cluster` says what is called when.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import Corpus, Span, Tally
from data_prep.errors import InputError
from data_prep.files import sync_file
from data_prep.formats import textlines
from data_prep.formats.any_format import check_content, texts_of
from data_prep.formats.chain import Chain
from data_prep.formats.format import Format
from data_prep.formats.known import FORMATS
from data_prep.formats.labelled import Labelled
from data_prep.formats.matrix import Matrix
from data_prep.formats.pairs import Pairs
from data_prep.formats.rawtext import Counted, count_words, with_words
from data_prep.formats.read_options import ReadOptions
from data_prep.inputs import Input
from data_prep.s3 import S3Folder
from data_prep.shards import (
    PARTS,
    Encoded,
    encode_shard,
    group,
    keep_freed_memory,
    names_of_shards,
    tasks_of,
)

_Result = TypeVar("_Result")
_NOWHERE = Path()


@dataclass(frozen=True)
class Failure:
    """An error of a function.

    Attributes:
        text: What is wrong.
        is_bad_input: Whether it was an `InputError`.
        earlier: As of that.
    """

    text: str
    is_bad_input: bool = False
    earlier: tuple[InputError, ...] = ()

    def error(self) -> InputError | OSError:
        """Return the error."""
        if not self.is_bad_input:
            return OSError(self.text)
        error = InputError(self.text)
        error.earlier = self.earlier
        return error


@dataclass(frozen=True)
class Safe(Generic[_Result]):
    """A function that returns its errors, and those that its arguments are."""

    function: Callable[..., _Result]

    def __call__(self, *arguments: object) -> _Result | Failure:
        """Call the function."""
        for argument in arguments:
            if isinstance(argument, Failure):
                return argument
        try:
            return self.function(*arguments)
        except InputError as error:
            return Failure(str(error), True, error.earlier)
        except OSError as error:
            place = "" if error.filename is None else f"{error.filename}: "
            return Failure(f"{place}{error.strerror or error}")
        except MemoryError:
            return Failure("a process has not enough memory: give it more, or smaller files")


@dataclass(frozen=True)
class Reading:
    """How to read the files of a corpus.

    Attributes:
        name: The name of the corpus in errors.
        words: The vocabulary; None if it is chosen from the texts.
        options: The options, with a format.
    """

    name: str
    words: Sequence[str] | None
    options: ReadOptions

    @property
    def format(self) -> Format:
        """The format of all files."""
        return FORMATS[self.options.format or ""]


@dataclass(frozen=True)
class Target:
    """Where documents are written to.

    Attributes:
        out: The folder, which all processes share.
        shards: The number of shards of the corpus.
        min_words: Number of words that a document must have, or it is left out.
        allowed: How many bad lines are tolerated.
    """

    out: Path | S3Folder
    shards: int
    min_words: int
    allowed: int

    def write(self, corpus: Corpus, testing: NDArray[np.bool_], first: int) -> list[Encoded]:
        """Write the documents of a batch to its shards, of which `first` is the first.

        A file has its name once it is whole: a task may run twice at the same time, or be killed.
        """
        groups = group(corpus.spans)
        names = names_of_shards(first, first + len(groups), self.shards)
        local = self.out if isinstance(self.out, Path) else None
        with tempfile.TemporaryDirectory(prefix="data_prep-", dir=local) as name:
            folder = Path(name)
            for part in PARTS:
                (folder / part).mkdir()
            done = []
            for task in tasks_of(
                corpus, groups, names, testing, self.min_words, self.allowed, folder
            ):
                done.append(encode_shard(task))
                self._publish(done[-1], folder)
        return done

    def _publish(self, encoded: Encoded, folder: Path) -> None:
        for file in encoded.files:
            path = folder / file.file
            if isinstance(self.out, Path):
                sync_file(path)
                path.replace(self.out / file.file)
            else:
                self.out.upload(path, file.file, file.sha256)
                path.unlink()


# Word counts: files are opened, then read and encoded


CountsFile = Pairs | Labelled


class CountsBatch(NamedTuple):
    """Files of word counts.

    Attributes:
        files: The files.
        parts: What is in them.
        first: Number of their first document.
        testing: (documents,) which of their documents are for testing.
        shard: Number of their first shard.
    """

    files: Sequence[Input]
    parts: Sequence[CountsFile]
    first: int
    testing: NDArray[np.bool_]
    shard: int


def open_counts(reading: Reading, files: Sequence[Input]) -> list[CountsFile | None]:
    """Find the documents of files of word counts; return None for a file that is empty."""
    keep_freed_memory()
    return [_open_counts(reading, file) for file in files]


def _open_counts(reading: Reading, input_: Input) -> CountsFile | None:
    with input_.open_plain() as file:
        if not file.path.stat().st_size:
            return None
        size = None if reading.words is None else len(reading.words)
        if reading.format.open is None:
            raise TypeError(reading.format.name)
        opened = reading.format.open(file.path, file.name, size, reading.options)
        if not isinstance(opened, CountsFile):
            raise TypeError(reading.format.name)
        return replace(opened, path=_NOWHERE)


def encode_counts(reading: Reading, target: Target, batch: CountsBatch) -> list[Encoded]:
    """Write the documents of files of word counts."""
    with ExitStack() as stack:
        parts = [
            replace(part, path=stack.enter_context(input_.open_plain()).path)
            for input_, part in zip(batch.files, batch.parts, strict=True)
        ]
        return target.write(Chain(reading.name, parts, batch.first), batch.testing, batch.shard)


# Raw text: words are counted, the vocabulary is chosen from them, then the counts are encoded


class TextsBatch(NamedTuple):
    """Files of texts.

    Attributes:
        files: The files.
        checked: How many of them are checked to be text.
    """

    files: Sequence[Input]
    checked: int


class CountedBatch(NamedTuple):
    """The counts of the texts of a batch.

    Attributes:
        counted: The counts; of the batch's own words, if the vocabulary is not chosen yet.
        tally: The bad lines.
    """

    counted: Counted
    tally: Tally


class CountedTexts(NamedTuple):
    """What is in a batch of texts.

    Attributes:
        documents: The number of texts.
        nonzeros: The number of their counts.
        tally: The bad lines.
    """

    documents: int
    nonzeros: int
    tally: Tally


class TextsToEncode(NamedTuple):
    """What to do with the counts of a batch.

    Attributes:
        first: Number of the first text.
        testing: (documents,) which of the texts are for testing.
        shard: Number of the shard.
    """

    first: int
    testing: NDArray[np.bool_]
    shard: int


def measure(files: Sequence[Input]) -> list[int]:
    """Return the size of the plain content of each file."""
    sizes = []
    for input_ in files:
        with input_.open_plain() as file:
            sizes.append(file.path.stat().st_size)
    return sizes


def count_batch(reading: Reading, batch: TextsBatch) -> CountedBatch:
    """Count the words of texts."""
    keep_freed_memory()
    tally = Tally(reading.options.skip_bad)
    counted = count_words(
        _texts(reading, batch, tally), reading.name, reading.words, reading.options
    )
    if reading.words is not None:
        counted = counted._replace(words=())  # every batch would keep them
    return CountedBatch(counted, tally)


def _texts(reading: Reading, batch: TextsBatch, tally: Tally) -> Iterator[str]:
    chosen = reading.format
    if chosen.texts is None:
        raise TypeError(chosen.name)
    for number, input_ in enumerate(batch.files):
        with input_.open() if chosen is textlines.FOLDER else input_.open_plain() as file:
            if number < batch.checked:
                check_content(file, chosen)
            yield from texts_of(file, chosen.texts, reading.options, tally)


def describe(batch: CountedBatch) -> CountedTexts:
    """Return what is in a batch."""
    counted = batch.counted
    return CountedTexts(counted.documents, counted.counts.data.size, batch.tally)


def frequencies(batch: CountedBatch | Failure) -> list[tuple[str, tuple[int, int]]]:
    """Return each word, in how many texts it is, and how often it occurs."""
    if isinstance(batch, Failure):  # only now, when the batch was lost and is counted again
        raise batch.error()
    in_texts, totals = batch.counted.frequencies().tolist()
    return list(zip(batch.counted.words, zip(in_texts, totals, strict=True), strict=True))


def encode_texts(
    reading: Reading,
    target: Target,
    words: Sequence[str],
    batch: CountedBatch,
    item: TextsToEncode | None,
) -> list[Encoded]:
    """Write the documents of texts, with the words of the vocabulary `words`.

    The item is None if there are no texts.
    """
    if item is None:
        return []
    counted = batch.counted if reading.words is not None else with_words(batch.counted, words)
    counts = replace(counted.counts, documents=counted.counts.documents + item.first)
    span = Span(0, 1, item.first, item.first + counted.documents)
    return target.write(Matrix(reading.name, counts, [span], Tally()), item.testing, item.shard)
