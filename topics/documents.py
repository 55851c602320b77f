"""Documents of any format that `data_prep` reads, some at a time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from cli.progress import Progress
from data_prep.corpus import Corpus, Tally, check_promise
from data_prep.counts import Counts
from data_prep.formats.any_format import open_corpus
from data_prep.formats.rawtext import count_texts
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.sorting import with_documents_in_order
from data_prep.formats.textlines import read_text_file
from data_prep.vocabulary import read_vocabulary

_BLOCK_DOCUMENTS = 1 << 12
_Result = TypeVar("_Result")


class DocumentsError(ValueError):
    """Documents that can't be read."""


class Documents(NamedTuple):
    """Documents that have been read through once, and are known to be good.

    Attributes:
        number: How many there are, those without words included.
        blocks: Reads them once more: (documents, vocabulary) float32 counts, in their order.
    """

    number: int
    blocks: Callable[[], Iterator[sparse.csr_array]]


def with_documents(
    path: Path, vocabulary: Path | None, options: ReadOptions, work: Callable[[Documents], _Result]
) -> _Result:
    """Return what `work` makes of the documents of a file.

    The file is read to its end before `work` starts.

    Args:
        path: A corpus as for `open_corpus`.
        vocabulary: A word a line; RecordIO and matrices do without.
        options: How to read the corpus.
        work: Gets the documents, which can be read while it runs.

    Raises:
        InputError: There is no such corpus, or it can't be read.
    """
    with open_corpus(path, vocabulary, options, makes_words=False) as (_, corpus):
        return with_documents_in_order(
            corpus, lambda ordered: work(_read_through(ordered)), options.skip_bad
        )


def read_text(path: Path) -> str:
    """Read a file that is one document.

    Raises:
        DocumentsError: There is no such file.
        InputError: It is too large, or not UTF-8.
    """
    try:
        return read_text_file(path)
    except OSError as error:
        raise DocumentsError(f"{path}: {error.strerror}") from None


def from_texts(texts: Sequence[str], vocabulary: Path) -> Documents:
    """Count the words of texts, which are taken apart as `data_prep` does with raw text.

    Raises:
        InputError: The vocabulary can't be read.
    """
    words = read_vocabulary(vocabulary)
    _, corpus = count_texts(texts, "the text", words, ReadOptions(), Tally())
    return Documents(len(texts), lambda: _rows(corpus))


def _read_through(corpus: Corpus) -> Documents:
    tally = Tally()
    with Progress("reading", corpus.documents) as progress:
        for piece in corpus.spans:
            for counts in corpus.read(piece, tally):
                progress.advance(counts.shape[0])
    check_promise(corpus, tally)
    return Documents(corpus.documents, lambda: _rows(corpus))


def _rows(corpus: Corpus) -> Iterator[sparse.csr_array]:
    """Yield all documents, those without words too, which a corpus leaves out."""
    pieces = (corpus.read(piece, Tally()) for piece in corpus.spans)
    first = 0
    for counts in chain.from_iterable(pieces):
        if counts.documents.size:
            after = int(counts.documents[-1]) + 1
            yield from _fill(counts, first, after)
            first = after
    none = np.zeros(0, np.int64)
    rest = Counts.from_rows(none, none, none, none, corpus.vocabulary_size)
    yield from _fill(rest, first, corpus.documents)


def _fill(counts: Counts, first: int, after: int) -> Iterator[sparse.csr_array]:
    """Yield the documents from `first` on, a limited number at a time however wide a gap is."""
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
