"""Read lines of document, word and count, such as UCI Bag-of-Words `docword` files.

Numbers count from 1. Totals stand in front. Documents that no line names have no words. The lines
of a document stand together; where they don't, `sorting` brings them together.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np

from data_prep.corpus import Entries, Span, Tally
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
from data_prep.formats.entries import MAX_DOCUMENTS, check_shape, group
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import BLANKS, LineNumbers, decode, parse_count, parse_number, quote
from data_prep.formats.read_options import DEFAULTS, ReadOptions

MAX_ENTRIES = 10**12

MAX_HEADER_LINE = 1 << 12
TOTALS = ("documents", "words", "entries")
_LABELS = ("document", "word id", "count", "imaginary part")
_DECIMALS = re.compile(rb"(?<=\d)(?:\.0*(?:[eE]\+?0+)?|[eE]\+?0+)(?=\n)")
_DOCWORD_LINE = re.compile(rb"\d+[ \t]+\d+[ \t]+\S+$")


class Header(NamedTuple):
    """The totals in front of the lines.

    Attributes:
        documents: Number of documents.
        words: Number of words in the vocabulary.
        entries: Number of lines that follow.
        columns: 3; 2 if lines have no count, which then is 1; 4 if lines have an imaginary part,
            which must be 0.
        size: Bytes of the header.
        is_mirrored: Whether each line also means its mirror image, as in symmetric matrices.
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
        cls, path: Path, name: str, vocabulary_size: int, options: ReadOptions = DEFAULTS
    ) -> Self:
        """Open a UCI file: three lines with the totals, then the triples.

        Raises:
            InputError: The header is bad, or of another vocabulary.
        """
        with path.open("rb") as stream:
            stream.seek(lines.text_start(stream))
            documents, words, entries = (
                header_number(
                    decode(stream.readline(MAX_HEADER_LINE), f"{name}:{line}"),
                    label,
                    f"{name}:{line}",
                )
                for line, label in enumerate(TOTALS, 1)
            )
            header = Header(documents, words, entries, 3, stream.tell())
            return cls.open_after(header, stream, path, name, vocabulary_size, options)

    @classmethod
    def open_after(
        cls,
        header: Header,
        stream: BinaryIO,
        path: Path,
        name: str,
        vocabulary_size: int,
        options: ReadOptions,
    ) -> Self:
        """Open the lines after a header.

        Raises:
            InputError: The header promises more than there is, or another vocabulary.
        """
        room = os.fstat(stream.fileno()).st_size - header.size
        if header.entries > max(room, 1):  # every line has at least a byte
            raise InputError(
                f"{name}: the header says {header.entries} entries, and {room} bytes follow"
            )
        check_shape(name, header.documents, header.words, vocabulary_size)
        documents = header.documents
        if options.limit is not None:
            documents = min(options.limit, documents)
        spans = _cut(stream, header.size, documents)
        return cls(path, name, vocabulary_size, header, documents, spans)

    @property
    def promised(self) -> int | None:
        """The number of lines; None if reading stops at a limit."""
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
                entries = mirror(entries)
            if entries.size:
                yield entries

    def _parse_block(self, text: bytes) -> Entries | None:
        """Parse lines by array arithmetic; return None if anything looks unusual."""
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
        """Parse lines one by one: slower, but allows blanks, and knows where an error is."""
        entries = []
        for number, line in enumerate(text.split(b"\n")[:-1], first):
            if not line.strip():
                continue
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
            raise InputError(f"{places[3]}: the {labels[3]} must be 0")
        return [document - 1, word - 1, count]


def mirror(entries: Entries) -> Entries:
    """Add the mirror images of entries that are not on the diagonal."""
    mirrored = entries[[1, 0, 2]][:, entries[0] != entries[1]]
    return np.concatenate((entries, mirrored), axis=1)


def header_number(text: str, label: str, place: str) -> int:
    """Return one of the totals of a header.

    Raises:
        InputError: It is not a whole number, or it is too large.
    """
    limit = MAX_DOCUMENTS if label == "documents" else MAX_ENTRIES
    return parse_number(text.strip(BLANKS), limit, f"the number of {label}", f"{place}:1")


def _cut(stream: BinaryIO, start: int, documents: int) -> list[Span]:
    """Cut the lines into spans where documents end, without the blank lines at the end."""
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
    """Return where the blanks at the end of the file start."""
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


DOCWORD = Format(
    name="docword",
    description="UCI Bag-of-Words",
    matches=_is_docword,
    is_sound=lambda head: _is_docword(head) and len(head.lines) > len(TOTALS),
    open=Triples.open_docword,
)
