"""Read raw text and count its words, with scikit-learn's `CountVectorizer`.

Unlike the other formats this one is held in memory: not the texts, but the counts.
"""

import csv
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from data_prep.corpus import CorpusError, Log, Piece
from data_prep.counts import Counts
from data_prep.readers.lines import BLANKS, BYTE_ORDER_MARK, MAX_LINE_BYTES, decode, quote
from data_prep.readers.reading import Reading
from data_prep.vocabulary import read_vocabulary

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True)
class Matrix:
    """A corpus in memory.

    Attributes:
        counts: The documents that have words.
        documents: How many there are, those without words included.
        log: What was reported when they were read.
    """

    promised: ClassVar[None] = None

    name: str
    counts: Counts
    documents: int
    log: Log

    @property
    def vocabulary_size(self) -> int:
        """The number of words."""
        return self.counts.shape[1]

    @property
    def pieces(self) -> list[Piece]:
        """One."""
        return [Piece(0, self.counts.data.size, 0, self.documents)]

    def read(self, _: Piece, log: Log) -> Iterator[Counts]:
        """Yield the documents, as `Corpus.read`."""
        log.extend(self.log)
        yield self.counts


def read_texts(
    path: Path, name: str, kind: str, words: list[str] | None, reading: Reading
) -> tuple[list[str], Matrix]:
    """Read documents and count their words.

    Args:
        path: A file, or for the kind `folder` a folder.
        name: What errors call it.
        kind: `text`, `folder`, `jsonl` or `csv`.
        words: The vocabulary; None to make it of the words that occur.
        reading: Options.

    Returns:
        The vocabulary, and the counts.

    Raises:
        CorpusError: A text can't be read, or there are no words to count.
    """
    log = Log(reading.skip_bad)
    documents = _READERS[kind](path, name, reading, log)
    return count_texts(islice(documents, reading.limit), name, words, reading, log)


def count_texts(
    documents: Iterable[str], name: str, words: list[str] | None, reading: Reading, log: Log
) -> tuple[list[str], Matrix]:
    """Count the words of texts, as `read_texts`; `log` has what their reader reports."""
    matrix, words = _count_words(documents, name, words, reading)
    lengths = np.diff(matrix.indptr)
    filled = np.flatnonzero(lengths)
    counts = Counts.from_rows(filled, lengths[filled], matrix.indices, matrix.data, matrix.shape[1])
    return words, Matrix(name, counts, matrix.shape[0], log)


def _count_words(
    documents: Iterable[str], name: str, words: list[str] | None, reading: Reading
) -> tuple["sparse.csr_matrix", list[str]]:
    try:
        from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
            CountVectorizer,  # here: it takes a second
        )
    except ImportError:
        raise CorpusError(
            f"{name}: raw text needs scikit-learn: pip install scikit-learn"
        ) from None
    vectorizer = CountVectorizer(
        stop_words=_stop_words(reading.stop_words),
        min_df=reading.min_df,
        max_df=reading.max_df,
        max_features=reading.max_words,
        vocabulary=words,
    )
    try:
        with warnings.catch_warnings():
            # That words of a given vocabulary or stop words can't occur in lower-case text.
            warnings.simplefilter("ignore", UserWarning)
            matrix = vectorizer.fit_transform(documents)
    except CorpusError:
        raise
    except ValueError as error:  # no words, or none in so many documents
        raise CorpusError(f"{name}: {str(error).rstrip('.')}") from None
    return matrix, vectorizer.get_feature_names_out().tolist()


def _stop_words(chosen: str | None) -> str | list[str] | None:
    return chosen if chosen in (None, "english") else read_vocabulary(Path(chosen))


def _read_lines(path: Path, name: str, _: Reading, log: Log) -> Iterator[str]:
    """A document a line; blank lines at the end are none."""
    blank = 0
    for number, line in _lines(path, name):
        try:
            text = decode(line, f"{name}:{number}").strip(BLANKS)
        except CorpusError as error:
            log.skip(error)
            text = ""
        if text:
            yield from [""] * blank
            yield text
        blank = 0 if text else blank + 1


def _read_folder(path: Path, name: str, _: Reading, log: Log) -> Iterator[str]:
    """A document a `.txt` file, in the order of their paths; links that lead elsewhere are bad."""
    files = sorted(file for file in path.rglob("*.txt") if file.is_file())
    if not files:
        raise CorpusError(f"{name}: there is no .txt file in the folder")
    folder = path.resolve()
    for file in files:
        try:
            # As it is now: what is read is what was checked.
            target = file.resolve()
            if not target.is_relative_to(folder):
                raise CorpusError(f"{file}: the link leads out of the folder {path}; copy the file")
            yield read_text_file(target if file.is_symlink() else file)
        except CorpusError as error:
            log.skip(error)
            yield ""


def read_text_file(path: Path) -> str:
    """Read a file that is one document.

    Raises:
        CorpusError: It is not UTF-8, or has more than `MAX_LINE_BYTES`.
    """
    with path.open("rb") as stream:
        content = stream.read(MAX_LINE_BYTES + 1)
    if len(content) > MAX_LINE_BYTES:
        raise CorpusError(f"{path}: a document has at most {MAX_LINE_BYTES} bytes")
    before = content.removeprefix(BYTE_ORDER_MARK).split(b"\n")
    return "\n".join(decode(line, f"{path}:{number}") for number, line in enumerate(before, 1))


def _read_json_lines(path: Path, name: str, reading: Reading, log: Log) -> Iterator[str]:
    """A document a line, in a field of a JSON object; blank lines are none."""
    if reading.field is None:
        raise CorpusError(f"{name}: JSON Lines need --field, the name of the text's field")
    for number, line in _lines(path, name):
        if line.strip():
            try:
                yield _json_text(line, reading.field, f"{name}:{number}")
            except CorpusError as error:
                log.skip(error)
                yield ""


def _json_text(line: bytes, field: str, place: str) -> str:
    text = decode(line, place)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"{place}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{place}: not JSON: {error}") from None
    found = content.get(field) if isinstance(content, dict) else None
    if not isinstance(found, str):
        raise CorpusError(f"{place}: {quote(text.strip())} must be an object with a text {field!r}")
    return found


def _read_csv(path: Path, name: str, reading: Reading, log: Log) -> Iterator[str]:
    """A document a row, in a column that the first row names."""
    if reading.column is None:
        raise CorpusError(f"{name}: a CSV file needs --column, the name of the text's column")
    csv.field_size_limit(MAX_LINE_BYTES)
    rows = csv.reader(decode(line, f"{name}:{number}") for number, line in _lines(path, name))
    column = None
    while True:
        place = f"{name}:{rows.line_num + 1}"
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise CorpusError(f"{place}: not CSV: {error}") from None
        if row is None:
            return
        if column is None:
            if reading.column not in row:
                names = quote(", ".join(row))
                raise CorpusError(f"{place}: there is no column {reading.column!r}, but {names}")
            column = row.index(reading.column)
        elif len(row) > column:
            yield row[column]
        elif row:
            log.skip(CorpusError(f"{place}: {len(row)} columns, must be more than {column}"))
            yield ""


def _lines(path: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file and their numbers."""
    with path.open("rb") as stream:
        for number in count(1):
            line = stream.readline(MAX_LINE_BYTES + 1)
            if not line:
                return
            if len(line) > MAX_LINE_BYTES:
                raise CorpusError(f"{name}:{number}: the line has more than {MAX_LINE_BYTES} bytes")
            yield number, line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line


_READERS: dict[str, Callable[[Path, str, Reading, Log], Iterator[str]]] = {
    "text": _read_lines,
    "folder": _read_folder,
    "jsonl": _read_json_lines,
    "csv": _read_csv,
}
