"""Open the documents that a user names, and read them as matrices of counts.

They may be a corpus of any format, a RecordIO file, or a folder that `convert` wrote.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cli.progress import Progress
from data_prep.corpus import Corpus, OutOfOrderError, Tally, check_promise
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.formats.any_format import open_corpus
from data_prep.formats.chain import Chain
from data_prep.formats.rawtext import count_texts
from data_prep.formats.read_options import DEFAULTS, ReadOptions
from data_prep.formats.records import Records
from data_prep.formats.sorting import sorted_corpus
from data_prep.formats.textlines import read_text_file
from data_prep.left_out import training_numbers
from data_prep.manifest import MANIFEST, Manifest
from data_prep.vocabulary import NumberedWords, read_vocabulary

if TYPE_CHECKING:
    from scipy import sparse

_BLOCK_DOCUMENTS = 1 << 12

Report = Callable[[InputError], None]
"""Called for each bad line that was left out."""


@dataclass(frozen=True)
class Documents:
    """Documents that can be read as often as needed.

    Attributes:
        name: The name that errors use.
        number: How many documents there are, including those without words.
        words: The V words; `NumberedWords` if no vocabulary is known.
        blocks: Reads the documents again: yields (documents, V) float32 counts, in order, at most
            some thousand documents at a time.
    """

    name: str
    number: int
    words: Sequence[str]
    blocks: Callable[[], "Iterator[sparse.csr_array]"]


@dataclass(frozen=True, eq=False)
class TrainTest:
    """Documents in memory, to train on and to test with.

    Attributes:
        words: The V words; `NumberedWords` if no vocabulary is known.
        train: (D, V) float32 counts of the documents to train on; at least one.
        test: (T, V) float32 counts of the held-out documents; None if there are none.
        numbers: (D,) the number of each document of `train` in its corpus, from 1.
    """

    words: Sequence[str]
    train: "sparse.csr_array"
    test: "sparse.csr_array | None"
    numbers: NDArray[np.int64]


@contextmanager
def open_documents(
    path: Path,
    vocabulary: Path | Sequence[str] | None = None,
    options: ReadOptions = DEFAULTS,
    *,
    held_out: bool = False,
    check: bool = True,
    report: Report = lambda _: None,
) -> Iterator[Documents]:
    """Open documents, and read them once from start to end, so that bad ones are found first.

    Raw text and dense matrices are held in memory; other formats are read in blocks. Standard
    input, gzip and unsorted lines are kept in temporary files until this context ends.

    Args:
        path: A corpus as for `open_corpus`, or a prepared corpus.
        vocabulary: A file with a word a line, or the words. RecordIO, matrices and prepared
            corpora need none.
        options: How to read.
        held_out: Read the held-out documents of a prepared corpus, if there are any. By default
            its training documents are read.
        check: Read RecordIO too before it is used. Without, a bad record is an error when `blocks`
            gets there, and a large file is decoded once less.
        report: Called for each bad line that `options` tolerates.

    Raises:
        InputError: The documents are missing or can't be read.
    """
    files: list[Path] = []
    if is_prepared(path):
        manifest = Manifest.load(path)
        if manifest.location is not None:
            raise InputError(
                f"{path}: the documents are in {manifest.location}; `aws s3 sync "
                f"{manifest.location} FOLDER` copies the whole corpus: then name that folder"
            )
        part = manifest.test if held_out and manifest.test else manifest.train
        vocabulary = path / manifest.vocabulary.file if vocabulary is None else vocabulary
        files = [path / shard.file for shard in part.files]
    with ExitStack() as stack:
        words, corpus = stack.enter_context(
            open_corpus(path, vocabulary, options, files=files, makes_words=False)
        )
        if not corpus.documents:
            raise InputError(f"{corpus.name}: there is no document")
        tally = Tally()
        try:
            if check or not _is_recordio(corpus):
                tally = _read_through(corpus, options)
        except OutOfOrderError:
            corpus = stack.enter_context(sorted_corpus(corpus, options.skip_bad))
            tally = _read_through(corpus, options)
        opened = stack.pop_all()
    try:
        for error in tally.bad:
            report(error)
        yield Documents(
            corpus.name, corpus.documents, words, lambda: _rows(corpus, options.skip_bad)
        )
    finally:
        opened.close()  # as if there was no error: the caller's errors are not about the corpus


def read_train_test(
    path: Path,
    vocabulary: Path | Sequence[str] | None = None,
    options: ReadOptions = DEFAULTS,
    *,
    test: Path | None = None,
    report: Report = lambda _: None,
) -> TrainTest:
    """Read documents to train on and to test with into memory.

    Args:
        path: As for `open_documents`; a prepared corpus has both.
        vocabulary: As for `open_documents`.
        options: How to read both.
        test: The documents held out, with the same words; by default those of a prepared corpus.
        report: As for `open_documents`.

    Raises:
        InputError: The documents are missing or can't be read, or no training document has a word.
    """
    with open_documents(path, vocabulary, options, check=False, report=report) as documents:
        words, train = documents.words, _join(documents)
    filled = np.flatnonzero(np.diff(train.indptr))
    if not filled.size:
        raise InputError(f"{documents.name}: no document has a word of the vocabulary")
    numbers = filled + 1
    if filled.size < train.shape[0]:
        train = train[filled]
    if is_prepared(path):
        manifest = Manifest.load(path)
        numbers = training_numbers(path, manifest)[filled]
        test = path if test is None and manifest.test else test
    if test is None:
        return TrainTest(words, train, None, numbers)
    if vocabulary is None and not isinstance(words, NumberedWords):
        vocabulary = words
    with open_documents(
        test, vocabulary, options, held_out=True, check=False, report=report
    ) as documents:
        if len(documents.words) != len(words):
            raise InputError(
                f"{documents.name}: there are {len(documents.words)} words, but {len(words)} in the"
                " documents to train on"
            )
        return TrainTest(words, train, _join(documents), numbers)


def is_prepared(path: Path) -> bool:
    """Return whether a path is a folder that `convert` wrote."""
    return (path / MANIFEST).is_file()


def read_text(path: Path) -> str:
    """Read a file that is one document.

    Raises:
        InputError: The file is missing, too large, or not UTF-8.
    """
    try:
        return read_text_file(path, str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def count_documents(texts: Sequence[str], vocabulary: Path) -> Documents:
    """Count the words of texts, each of which is a document, as in a corpus of raw text.

    Raises:
        InputError: The vocabulary can't be read.
    """
    words = read_vocabulary(vocabulary)
    _, corpus = count_texts(texts, "the text", words, DEFAULTS, Tally())
    return Documents("the text", len(texts), words, lambda: _rows(corpus, 0))


def _is_recordio(corpus: Corpus) -> bool:
    parts = corpus.parts if isinstance(corpus, Chain) else [corpus]
    return all(isinstance(part, Records) for part in parts)


def _read_through(corpus: Corpus, options: ReadOptions) -> Tally:
    tally = Tally(options.skip_bad)
    with Progress("reading", corpus.documents) as progress:
        for span in corpus.spans:
            for counts in corpus.read(span, tally):
                progress.advance(counts.shape[0])
    check_promise(corpus, tally)
    return tally


def _join(documents: Documents) -> "sparse.csr_array":
    from scipy import sparse

    blocks = list(documents.blocks())
    return blocks[0] if len(blocks) == 1 else sparse.vstack(blocks, format="csr")


def _rows(corpus: Corpus, allowed: int) -> "Iterator[sparse.csr_array]":
    """Yield all documents, including those without words, which a corpus leaves out."""
    tally = Tally(allowed)
    first = 0
    for counts in chain.from_iterable(corpus.read(span, tally) for span in corpus.spans):
        if counts.documents.size:
            after = int(counts.documents[-1]) + 1
            yield from _fill(counts, first, after)
            first = after
    none = np.zeros(0, np.int64)
    rest = Counts.from_rows(none, none, none, none, corpus.vocabulary_size)
    yield from _fill(rest, first, corpus.documents)


def _fill(counts: Counts, first: int, after: int) -> "Iterator[sparse.csr_array]":
    """Yield the documents from `first` to before `after`, a limited number at a time."""
    from scipy import sparse

    sizes = counts.lengths()
    for start in range(first, after, _BLOCK_DOCUMENTS):
        stop = min(start + _BLOCK_DOCUMENTS, after)
        low, high = np.searchsorted(counts.documents, (start, stop))
        lengths = np.zeros(stop - start, np.int64)
        lengths[counts.documents[low:high] - start] = sizes[low:high]
        entries = slice(counts.indptr[low], counts.indptr[high])
        bounds = np.concatenate(([0], np.cumsum(lengths)))
        yield sparse.csr_array(
            (counts.data[entries], counts.indices[entries], bounds),
            shape=(stop - start, counts.shape[1]),
        )
