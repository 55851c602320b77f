"""Read lines of document, word and count: UCI Bag-of-Words `docword` and Matrix Market files.

Numbers count from 1. Both formats promise their totals in front; documents that no line names have
no words. The lines of a document stand together: if they don't, `sorting` brings them together.
Matrix Market files may also have all numbers of a matrix instead, zeros included.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import Corpus, Entries, Span, Tally
from data_prep.counts import MAX_COUNT, Counts
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.digits import (
    MAX_DIGITS,
    are_digits,
    characters_of,
    parse,
    parse_short,
    within,
)
from data_prep.formats.entries import MAX_DOCUMENTS, check_shape, group, whole_counts
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import BLANKS, LineNumbers, decode, parse_count, parse_number, quote
from data_prep.formats.matrix import Matrix
from data_prep.formats.read_options import ReadOptions

MAX_ENTRIES = 10**12

_MAX_HEADER_LINE = 1 << 12
_TOTALS = ("documents", "words", "entries")
_LABELS = ("document", "word id", "count", "imaginary part")
_FIELDS = {
    "integer": 3,
    "unsigned-integer": 3,
    "real": 3,
    "double": 3,
    "complex": 4,
    "pattern": 2,
}
# A matrix that is its own mirror image, but for the sign of imaginary parts, which are all 0 here.
# Where it is skew, of two counts one is negative: there is no such corpus.
_SYMMETRIES = ("general", "symmetric", "hermitian")
_BANNER = re.compile(rb"%%?MatrixMarket\s", re.IGNORECASE)
_DECIMALS = re.compile(rb"(?<=\d)(?:\.0*(?:[eE]\+?0+)?|[eE]\+?0+)(?=\n)")
_DOCWORD_LINE = re.compile(rb"\d+[ \t]+\d+[ \t]+\S+$")


class Header(NamedTuple):
    """What stands in front of the lines.

    Attributes:
        documents: Number of documents.
        words: Number of words in the vocabulary.
        entries: Number of lines that follow.
        columns: 3; 2 when lines have no count: then it is 1; 4 with an imaginary part, which is 0.
        size: Bytes of the header.
        is_mirrored: Whether a line stands for its mirror image as well, as in symmetric matrices.
    """

    documents: int
    words: int
    entries: int
    columns: int
    size: int
    is_mirrored: bool = False


@dataclass(frozen=True)
class Triples:
    """A corpus of document, word, count lines; memory is bounded by the longest document."""

    path: Path
    name: str
    vocabulary_size: int
    header: Header
    documents: int
    spans: list[Span]

    @classmethod
    def open_docword(
        cls, path: Path, name: str, vocabulary_size: int, limit: int | None = None
    ) -> Self:
        """Open a UCI file: the totals on three lines, then the triples.

        Raises:
            InputError: The header is bad, or promises another vocabulary.
        """
        with path.open("rb") as stream:
            stream.seek(lines.text_start(stream))
            documents, words, entries = (
                _header_number(
                    decode(stream.readline(_MAX_HEADER_LINE), f"{name}:{line}"),
                    label,
                    f"{name}:{line}",
                )
                for line, label in enumerate(_TOTALS, 1)
            )
            header = Header(documents, words, entries, 3, stream.tell())
            return cls._open(stream, path, name, header, vocabulary_size, limit)

    @classmethod
    def open_matrix_market(
        cls, path: Path, name: str, vocabulary_size: int, limit: int | None = None
    ) -> Self | Matrix:
        """Open a Matrix Market file: a matrix of documents x words.

        Raises:
            InputError: It is a matrix of another kind or shape.
        """
        with path.open("rb") as stream:
            header, is_array = _read_matrix_header(stream, name)
            if is_array:
                return _read_array(path, name, header, vocabulary_size, limit)
            return cls._open(stream, path, name, header, vocabulary_size, limit)

    @classmethod
    def _open(
        cls,
        stream: BinaryIO,
        path: Path,
        name: str,
        header: Header,
        vocabulary_size: int,
        limit: int | None,
    ) -> Self:
        room = os.fstat(stream.fileno()).st_size - header.size
        if header.entries > max(room, 1):  # a line has a byte at least, also if it is a bad one
            raise InputError(
                f"{name}: the header says {header.entries} entries, and {room} bytes follow"
            )
        check_shape(name, header.documents, header.words, vocabulary_size)
        documents = header.documents if limit is None else min(limit, header.documents)
        spans = _cut(stream, header.size, documents)
        return cls(path, name, vocabulary_size, header, documents, spans)

    @property
    def promised(self) -> int | None:
        """The number of lines, unless reading stops at a limit."""
        return self.header.entries if self.documents == self.header.documents else None

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        blocks = self._read_entries(span.start, span.stop, tally)
        return group(blocks, span, self.documents, self.vocabulary_size, self.name)

    def entries(self, tally: Tally) -> Iterator[Entries]:
        """Yield all lines, as `Sortable.entries`."""
        return self._read_entries(self.spans[0].start, self.spans[-1].stop, tally)

    def _read_entries(self, start: int, stop: int, tally: Tally) -> Iterator[Entries]:
        numbers = LineNumbers(self.path)
        for offset, text in lines.read_blocks(self.path, start, stop, self.name):
            entries = self._parse_block(text)
            if entries is None:
                entries = self._parse_lines(text, numbers.at(offset), tally)
            tally.entries += entries.shape[1]
            if not entries[2].all():
                entries = entries[:, entries[2] > 0]
            if self.header.is_mirrored:
                entries = _mirror(entries)
            if entries.size:
                yield entries

    def _parse_block(self, text: bytes) -> Entries | None:
        """Parse lines by array arithmetic; None when anything looks unusual."""
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        if b"." in text or b"e" in text:
            text = _DECIMALS.sub(b"", text)
        columns = self.header.columns
        if columns > 3:
            return None
        characters = characters_of(text)
        ends = np.flatnonzero(~are_digits(characters))
        widths = np.diff(ends, prepend=MAX_DIGITS - 1) - 1
        if ends.size % columns or not within(widths - 1, MAX_DIGITS):
            return None
        marks = characters.take(ends).reshape(-1, columns)
        if (marks[:, -1] != ord("\n")).any() or (marks[:, :-1] != ord(" ")).any():
            return None
        entries = np.ones((3, marks.shape[0]), np.int32)
        entries[0] = parse(characters, ends[0::columns], widths[0::columns]) - 1
        entries[1] = parse(characters, ends[1::columns], widths[1::columns]) - 1
        if columns == 3:
            entries[2] = parse_short(characters, ends[2::columns], widths[2::columns])
        documents, ids, counts = entries
        good = (
            within(documents, self.header.documents)
            and within(ids, self.vocabulary_size)
            and within(counts, MAX_COUNT + 1)
        )
        return entries if good else None

    def _parse_lines(self, text: bytes, first: int, tally: Tally) -> Entries:
        """Parse lines one by one: slow, takes any blanks, and knows where an error is."""
        entries = []
        for number, line in enumerate(text.split(b"\n")[:-1], first):
            try:
                entries.append(self._parse_line(line, f"{self.name}:{number}"))
            except InputError as error:
                tally.skip(error)
        return np.array(entries, np.int32).reshape(-1, 3).T

    def _parse_line(self, line: bytes, place: str) -> list[int]:
        text = decode(line, place)
        fields = list(re.finditer("[^ \t\r]+", text))
        labels = _LABELS[: self.header.columns]
        if len(fields) != len(labels):
            raise InputError(
                f"{place}:1: {quote(text.strip(BLANKS))} must be of the form {', '.join(labels)}"
            )
        places = [f"{place}:{field.start() + 1}" for field in fields]
        document = parse_number(fields[0][0], self.header.documents, "document", places[0])
        word = parse_number(fields[1][0], self.vocabulary_size, "word id", places[1])
        count = parse_count(fields[2][0], places[2]) if len(fields) > 2 else 1
        if len(fields) > 3 and parse_count(fields[3][0], places[3]):
            raise InputError(f"{places[3]}: a count has no {labels[3]}, must be 0")
        return [document - 1, word - 1, count]


def _read_matrix_header(stream: BinaryIO, name: str) -> tuple[Header, bool]:
    """Return the header, and whether all numbers of the matrix follow, instead of entries."""
    line = 1
    stream.seek(lines.text_start(stream))
    banner = decode(stream.readline(_MAX_HEADER_LINE), f"{name}:1").lower().split()
    if len(banner) != 5 or banner[0] not in ("%%matrixmarket", "%matrixmarket"):
        raise InputError(f"{name}:1: the line must be %%MatrixMarket and four words")
    _, subject, layout, field, symmetry = banner
    if subject != "matrix" or layout not in ("coordinate", "array"):
        raise InputError(
            f"{name}:1: {quote(' '.join(banner[1:]))} must begin with matrix coordinate or "
            "matrix array"
        )
    is_known = field in _FIELDS and symmetry in _SYMMETRIES
    if not is_known or (layout, field) == ("array", "pattern"):
        raise InputError(
            f"{name}:1: {quote(f'{field} {symmetry}')} must be one of {', '.join(_FIELDS)}, and "
            f"one of {', '.join(_SYMMETRIES)}; scipy.io.mmwrite writes such a file"
        )
    while (text := stream.readline(lines.MAX_LINE_BYTES)).startswith(b"%") or text.isspace():
        line += 1
    is_general = symmetry == "general"
    labels = _TOTALS if layout == "coordinate" else _TOTALS[:2]
    sizes = decode(text, f"{name}:{line + 1}").split()
    if len(sizes) != len(labels):
        raise InputError(
            f"{name}:{line + 1}:1: {quote(' '.join(sizes))} must be of the form {', '.join(labels)}"
        )
    documents, words, *entries = (
        _header_number(size, label, f"{name}:{line + 1}")
        for size, label in zip(sizes, labels, strict=True)
    )
    if symmetry != "general" and documents != words:
        raise InputError(
            f"{name}:{line + 1}: a {symmetry} matrix of {documents} x {words} is not square"
        )
    stored = documents * words if is_general else documents * (documents + 1) // 2
    header = Header(
        documents,
        words,
        entries[0] if entries else stored,
        _FIELDS[field],
        stream.tell(),
        not is_general,
    )
    return header, layout == "array"


def _read_array(
    path: Path, name: str, header: Header, vocabulary_size: int, limit: int | None
) -> Matrix:
    """Read a matrix in full: in memory, bounded by the size of the file.

    SciPy is not used: its reader ends the process where numbers follow a header of no documents,
    or too many follow that of a skew-symmetric matrix (SciPy 1.17).
    """
    check_shape(name, header.documents, header.words, vocabulary_size)
    size = path.stat().st_size
    parts = 2 if header.columns > 3 else 1  # real and imaginary
    promised = parts * header.entries
    if size - header.size + 1 < 2 * promised:  # a character and a blank each
        raise InputError(f"{name}: the file ends before the {promised} numbers it promises")
    numbers = [
        _parse_numbers(path, name, offset, text)
        for offset, text in lines.read_blocks(path, header.size, size, name)
    ]
    counts: NDArray[Any] = np.concatenate((*numbers, np.zeros(0)))
    if counts.size != promised:
        raise InputError(
            f"{name}: there are {counts.size} numbers, but the header promises {promised}"
        )
    if parts > 1:
        counts = counts.view(np.complex128)
    if header.is_mirrored:  # the lower half, column by column
        ids, documents = np.triu_indices(header.words)
    else:
        ids, documents = np.divmod(np.arange(counts.size), header.documents)
    entries = whole_counts(documents, ids, counts, name)
    if header.is_mirrored:
        entries = _mirror(entries)
    return Matrix.from_entries(entries, name, header.documents, vocabulary_size, limit)


def _parse_numbers(path: Path, name: str, offset: int, text: bytes) -> NDArray[np.float64]:
    try:
        if b"_" in text:  # which Python takes as a part of a number
            raise ValueError
        return np.array(text.split(), np.float64)
    except ValueError:
        first = LineNumbers(path).at(offset)
        for number, line in enumerate(text.split(b"\n"), first):
            for field in decode(line, f"{name}:{number}").split():
                parse_count(field, f"{name}:{number}")
        raise


def _mirror(entries: Entries) -> Entries:
    """Add the mirror image of what is not on the diagonal."""
    mirrored = entries[[1, 0, 2]][:, entries[0] != entries[1]]
    return np.concatenate((entries, mirrored), axis=1)


def _header_number(text: str, label: str, place: str) -> int:
    limit = MAX_DOCUMENTS if label == "documents" else MAX_ENTRIES
    return parse_number(text.strip(BLANKS), limit, f"the number of {label}", f"{place}:1")


def _cut(stream: BinaryIO, start: int, documents: int) -> list[Span]:
    """Cut the lines into spans where a document ends, blank lines at their end left out."""
    stop = _content_end(stream, start)
    starts = [(start, 0)]
    for offset in range(start + lines.SPAN_BYTES, stop, lines.SPAN_BYTES):
        if offset > starts[-1][0]:
            found = _next_document(stream, offset, stop)
            if found is None:
                break
            starts.append(found)
    firsts = [first for _, first in starts]
    if firsts != sorted(set(firsts)):
        return [Span(start, stop, 0, documents)]
    starts = [each for each in starts if each[1] < documents] + [(stop, documents)]
    return [Span(start, stop, first, after) for (start, first), (stop, after) in pairwise(starts)]


def _content_end(stream: BinaryIO, start: int) -> int:
    """Return where the blanks at the end of a file start."""
    end = stream.seek(0, os.SEEK_END)
    while end > start:
        begin = max(start, end - lines.BLOCK_BYTES)
        stream.seek(begin)
        content = len(stream.read(end - begin).rstrip(BLANKS.encode()))
        if content:
            return begin + content
        end = begin
    return start


def _next_document(stream: BinaryIO, offset: int, stop: int) -> tuple[int, int] | None:
    """Return where the first document after a byte starts, and its number from 0."""
    stream.seek(offset)
    offset += len(stream.readline(lines.MAX_LINE_BYTES))
    previous = b""
    while offset < stop:
        line = stream.readline(lines.MAX_LINE_BYTES)
        document = line.partition(b" ")[0]
        if previous and document != previous and document.isdigit() and len(document) < 19:
            return offset, int(document) - 1
        previous = document
        offset += len(line)
    return None


def _is_docword(head: Head) -> bool:
    totals, entries = head.lines[:3], head.lines[3:]
    return (
        len(totals) == 3
        and all(line.isdigit() for line in totals)
        and (not entries or _DOCWORD_LINE.match(entries[0]) is not None)
    )


def _open_docword(
    path: Path, name: str, vocabulary_size: int | None, options: ReadOptions
) -> Corpus:
    return Triples.open_docword(path, name, vocabulary_size or 0, options.limit)


def _open_mtx(path: Path, name: str, vocabulary_size: int | None, options: ReadOptions) -> Corpus:
    return Triples.open_matrix_market(path, name, vocabulary_size or 0, options.limit)


DOCWORD = Format(
    name="docword",
    description="UCI Bag-of-Words",
    matches=_is_docword,
    is_sound=lambda head: _is_docword(head) and len(head.lines) > len(_TOTALS),
    open=_open_docword,
)
MATRIX_MARKET = Format(
    name="mtx",
    description="Matrix Market, documents x words",
    matches=lambda head: _BANNER.match(head.content) is not None,
    is_signed=True,
    open=_open_mtx,
)
