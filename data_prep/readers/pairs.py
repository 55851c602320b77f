"""Read a document a line, as `id:count,id:count,...`.

Word ids count from 1: the lines of the vocabulary file. A blank line is a document without words;
blank lines at the end of what is read are none. Ids may come in any order, and counts given twice
for one word are added up.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import CorpusError, Log, Piece
from data_prep.counts import MAX_COUNT, Counts, CountsError
from data_prep.readers import lines
from data_prep.readers.digits import MAX_DIGITS, are_digits, characters_of, parse, within
from data_prep.readers.lines import BLANKS, decode, parse_number, quote


@dataclass(frozen=True)
class Pairs:
    """A corpus of `id:count,...` lines; memory is bounded by the longest line."""

    promised: ClassVar[None] = None

    path: Path
    name: str
    vocabulary_size: int
    documents: int
    pieces: list[Piece]

    @classmethod
    def open(cls, path: Path, name: str, vocabulary_size: int, limit: int | None = None) -> Self:
        """Open a file for its first `limit` documents, by default all; errors call it `name`.

        Raises:
            CorpusError: There are no documents.
        """
        with path.open("rb") as stream:
            pieces = _cut(stream, sys.maxsize if limit is None else limit)
        if not pieces:
            raise CorpusError(f"{name}: the file has no documents, must be lines of id:count,...")
        return cls(path, name, vocabulary_size, pieces[-1].after, pieces)

    def read(self, piece: Piece, log: Log) -> Iterator[Counts]:
        """Yield the documents of a piece, as `Corpus.read`."""
        first = piece.first
        for _, text in lines.read_blocks(self.path, piece.start, piece.stop, self.name):
            parsed = _parse_block(text, first, self.vocabulary_size)
            if parsed is None:
                parsed = self._parse_lines(text, first, log)
            counts, documents = parsed
            if counts.shape[0]:
                yield counts
            first += documents

    def _parse_lines(self, text: bytes, first: int, log: Log) -> tuple[Counts, int]:
        """Parse lines one by one: slow, takes blanks around a line, and knows where an error is."""
        documents = []
        for number, line in enumerate(text.split(b"\n")[:-1], first):
            try:
                documents.append(
                    _parse_line(line, self.vocabulary_size, f"{self.name}:{number + 1}")
                )
            except CorpusError as error:
                log.skip(error)
                documents.append({})
        lengths = np.array([len(document) for document in documents])
        entries = [entry for document in documents for entry in document.items()]
        ids, counts = np.array(entries, np.int32).reshape(-1, 2).T
        filled = np.flatnonzero(lengths)
        rows = Counts.from_rows(
            filled + first, lengths[filled], ids - 1, counts, self.vocabulary_size
        )
        return rows, len(documents)


def _cut(stream: BinaryIO, limit: int) -> list[Piece]:
    """Cut the first `limit` lines into pieces, blank lines at their ends left out."""
    pieces: dict[int, Piece] = {}
    offset = start = lines.text_start(stream)
    line = first = 0
    stream.seek(offset)
    while line < limit and (chunk := stream.read(lines.BLOCK_BYTES)):
        newlines = lines.count_newlines(chunk)
        if newlines >= limit - line:
            newlines = limit - line
            chunk = b"\n".join(chunk.split(b"\n", newlines)[:-1]) + b"\n"
        content = len(chunk.rstrip(BLANKS.encode()))
        if content:
            last = line + newlines - chunk.count(b"\n", content)
            pieces[start] = Piece(start, offset + content, first, last + 1)
        line += newlines
        offset += len(chunk)
        if newlines and offset - start >= lines.PIECE_BYTES:
            cut = offset - len(chunk) + chunk.rfind(b"\n") + 1
            if start in pieces:
                piece = pieces[start]
                pieces[start] = Piece(start, min(piece.stop, cut), first, min(piece.after, line))
            start, first = cut, line
    return list(pieces.values())


def _parse_block(text: bytes, first: int, vocabulary_size: int) -> tuple[Counts, int] | None:
    """Parse lines by array arithmetic; None when anything looks unusual."""
    parsed = _parse_entries(text, vocabulary_size)
    if parsed is not None:
        filled = np.ones(parsed[0].size, np.bool_)
    else:  # perhaps because of blank lines, or line ends of Windows
        rows = text.replace(b"\r\n", b"\n").split(b"\n")[:-1]
        filled = np.array([len(row) > 0 for row in rows])
        parsed = _parse_entries(b"".join(row + b"\n" for row in rows if row), vocabulary_size)
        if parsed is None:
            return None
    documents = np.flatnonzero(filled) + first
    try:
        return Counts.from_rows(documents, *parsed, vocabulary_size), filled.size
    except CountsError:
        return None


def _parse_entries(
    text: bytes, vocabulary_size: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]] | None:
    """Parse lines that are not blank; None when anything looks unusual."""
    characters = characters_of(text)
    colons = _find_colons(characters)
    others = characters.size - np.count_nonzero(are_digits(characters))
    if others != 2 * colons.size or not others:  # a colon and what ends its count, and no more
        return None
    counts = (characters.take(colons + 1) - ord("0")).astype(np.int32)
    ends = colons + 2  # most counts have one digit
    marks = characters.take(ends)
    longer = np.flatnonzero(are_digits(marks))
    for _ in range(MAX_DIGITS - 1):
        if not longer.size:
            break
        counts[longer] = 10 * counts[longer] + (marks[longer] - ord("0"))
        ends[longer] += 1
        marks[longer] = characters[ends[longer]]
        longer = longer[are_digits(marks[longer])]
    line_ends = marks == ord("\n")
    widths = colons - np.concatenate(([MAX_DIGITS - 1], ends[:-1])) - 1
    if not (line_ends | (marks == ord(","))).all() or not within(widths - 1, MAX_DIGITS):
        return None
    ids = parse(characters, colons, widths) - 1
    if not (within(ids, vocabulary_size) and within(counts - 1, MAX_COUNT)):
        return None
    return np.diff(np.flatnonzero(line_ends), prepend=-1), ids, counts


def _find_colons(characters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return where they stand, if they are 4 characters apart, as in good lines.

    Then a word of 32 bits has one at most, and there are fewer words to look at than bytes.
    """
    words = (characters == ord(":")).view("<u4")
    found = np.flatnonzero(words != 0)
    # Which byte of its word it is: this number times 1 << 8 * byte has that in its highest byte.
    places = words.take(found) * np.uint32(0x00010203) >> np.uint32(24)
    colons: NDArray[np.int64] = 4 * found + places
    return colons


def _parse_line(line: bytes, vocabulary_size: int, place: str) -> dict[int, int]:
    text = decode(line, place).rstrip(BLANKS)
    items = text.lstrip(BLANKS)
    column = len(text) - len(items) + 1
    counts: dict[int, int] = {}
    for item in items.split(",") if items else ():
        word, colon, count = item.partition(":")
        if not colon:
            raise CorpusError(f"{place}:{column}: {quote(item)} must be of the form id:count")
        number = parse_number(word, vocabulary_size, "word id", f"{place}:{column}")
        column += len(word) + 1
        total = counts.get(number, 0) + parse_number(count, MAX_COUNT, "count", f"{place}:{column}")
        if total > MAX_COUNT:
            raise CorpusError(
                f"{place}:{column}: the counts of word id {number} add up to {total}; "
                f"at most {MAX_COUNT} is allowed"
            )
        counts[number] = total
        column += len(count) + 1
    return counts
