"""Read a document a line: `id:count,id:count,...`.

Word ids count from 1, like the lines of the vocabulary file. A blank line is a document without
words, except at the end of the file. Ids may come in any order; counts given twice for one word are
added up. Blanks are allowed everywhere around numbers.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import Span, Tally
from data_prep.counts import MAX_COUNT, Counts, CountsError
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.digits import MAX_DIGITS, are_digits, characters_of, parse, within
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import BLANKS, decode, parse_count, parse_number, quote
from data_prep.formats.read_options import DEFAULTS, ReadOptions

COUNT = rb"[+-]?[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?"
_ITEM = rb"\s*+[0-9]++\s*+:\s*+" + COUNT + rb"\s*+"
_LINE = re.compile(_ITEM + rb"(?:," + _ITEM + rb")*+$")
_DAMAGED_LINE = re.compile(rb"(-?\d+\s*:\s*[^\s,]*|[^\s,:{]+:-?\d+)\s*(,|$)")
# The look-behinds prevent a long run of blanks from being tried from each of its blanks.
_BLANKS_AROUND = re.compile(rb"(?m)(?<![ \t])[ \t]*+([,:])[ \t]*+|^[ \t]++|(?<![ \t\r])[ \t\r]++$")
_DECIMALS = re.compile(rb"(?<=\d)\.0*(?=[,\n])")


@dataclass(frozen=True)
class Pairs:
    """A corpus of `id:count,...` lines; memory is bounded by the longest line."""

    promised: ClassVar[None] = None

    path: Path
    name: str
    vocabulary_size: int
    documents: int
    spans: list[Span]

    @classmethod
    def open(
        cls, path: Path, name: str, vocabulary_size: int, options: ReadOptions = DEFAULTS
    ) -> Self:
        """Open a file; errors call it `name`.

        Raises:
            InputError: There are no documents.
        """
        with path.open("rb") as stream:
            spans = _cut(stream, sys.maxsize if options.limit is None else options.limit)
        if not spans:
            raise InputError(f"{name}: the file has no documents, must be lines of id:count,...")
        return cls(path, name, vocabulary_size, spans[-1].after, spans)

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        first = span.first
        for _, text in lines.read_blocks(self.path, span.start, span.stop, self.name):
            parsed = parse_block(text, first, self.vocabulary_size)
            if parsed is None:
                parsed = parse_block(_simplify(text), first, self.vocabulary_size)
            if parsed is None:
                parsed = self._parse_lines(text, first, tally)
            counts, documents = parsed
            if counts.shape[0]:
                yield counts
            first += documents

    def _parse_lines(self, text: bytes, first: int, tally: Tally) -> tuple[Counts, int]:
        """Parse lines one by one: slower, but knows where an error is."""
        documents = []
        for number, line in enumerate(text.split(b"\n")[:-1], first):
            try:
                documents.append(
                    _parse_line(line, self.vocabulary_size, f"{self.name}:{number + 1}")
                )
            except InputError as error:
                tally.skip(error)
                documents.append({})
        return join_documents(documents, first, self.vocabulary_size), len(documents)


def _matches(head: Head) -> bool:
    return head.mostly(_DAMAGED_LINE)


FORMAT = Format(
    name="pairs",
    description="a document a line, id:count,id:count,... with ids from 1",
    matches=_matches,
    is_sound=lambda head: head.mostly(_LINE),
    open=Pairs.open,
)


def _cut(stream: BinaryIO, limit: int) -> list[Span]:
    """Cut the first `limit` lines into spans, without the blank lines at their ends."""
    spans: dict[int, Span] = {}
    offset = start = lines.text_start(stream)
    line = first = 0
    stream.seek(offset)
    while line < limit and (chunk := stream.read(lines.BLOCK_BYTES)):
        newlines = lines.count_newlines(chunk)
        if newlines >= limit - line:
            newlines = limit - line
            chunk = b"\n".join(chunk.split(b"\n", newlines)[:-1]) + b"\n"
        content = len(chunk.rstrip(BLANKS.encode()))
        end = offset + content
        if content:
            last = line + newlines - chunk.count(b"\n", content)
            spans[start] = Span(start, end, first, last + 1)
        line += newlines
        offset += len(chunk)
        if newlines and offset - start >= lines.SPAN_BYTES:
            cut = offset - len(chunk) + chunk.rfind(b"\n") + 1
            if start in spans:
                span = spans[start]
                spans[start] = Span(start, min(span.stop, cut), first, min(span.after, line))
            start, first = cut, line
            if end > cut:  # of a line whose end may be all that the next chunk has
                spans[start] = Span(start, end, line, line + 1)
    return list(spans.values())


def _simplify(text: bytes) -> bytes:
    """Return lines without blanks, and with counts like 2.0 as 2."""
    return _DECIMALS.sub(b"", _BLANKS_AROUND.sub(rb"\1", text))


def parse_block(
    text: bytes, first: int, vocabulary_size: int, first_id: int = 1
) -> tuple[Counts, int] | None:
    """Parse lines by array arithmetic; return None if anything looks unusual.

    Args:
        text: Whole lines.
        first: Number of the document in the first line.
        vocabulary_size: The number of words.
        first_id: The id of the first word.

    Returns:
        The documents that have words, and the number of lines.
    """
    parsed = _parse_entries(text, vocabulary_size, first_id)
    if parsed is not None:
        filled = np.ones(parsed[0].size, np.bool_)
    else:  # perhaps because of blank lines, or line ends of Windows
        rows = text.replace(b"\r\n", b"\n").split(b"\n")[:-1]
        filled = np.array([len(row) > 0 for row in rows])
        lines_with_words = b"".join(row + b"\n" for row in rows if row)
        if not lines_with_words:
            return join_documents([], first, vocabulary_size), filled.size
        parsed = _parse_entries(lines_with_words, vocabulary_size, first_id)
        if parsed is None:
            return None
    documents = np.flatnonzero(filled) + first
    try:
        return Counts.from_rows(documents, *parsed, vocabulary_size), filled.size
    except CountsError:
        return None


def _parse_entries(
    text: bytes, vocabulary_size: int, first_id: int
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
    ids = parse(characters, colons, widths) - first_id
    if not (within(ids, vocabulary_size) and within(counts, MAX_COUNT + 1)):
        return None
    return np.diff(np.flatnonzero(line_ends), prepend=-1), ids, counts


def _find_colons(characters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the positions of colons that are 4 or more characters apart, as in good lines.

    Then each word of 32 bits has at most one colon, and words are fewer than bytes.
    """
    words = (characters == ord(":")).view("<u4")
    found = np.flatnonzero(words != 0)
    # The byte of the word: this number times 1 << 8 * byte has that byte's number on top.
    places = words.take(found) * np.uint32(0x00010203) >> np.uint32(24)
    colons: NDArray[np.int64] = 4 * found + places
    return colons


def _parse_line(line: bytes, vocabulary_size: int, place: str) -> dict[int, int]:
    text = decode(line, place).rstrip(BLANKS)
    return parse_items(_split(text) if text else (), vocabulary_size, 1, place)


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Yield the texts between commas, each with the column where it starts."""
    column = 1
    for item in text.split(","):
        start = item.lstrip(BLANKS)
        yield column + len(item) - len(start), start.rstrip(BLANKS)
        column += len(item) + 1


def parse_items(
    items: Iterable[tuple[int, str]], vocabulary_size: int, first_id: int, place: str
) -> dict[int, int]:
    """Return the counts of a document by word, numbered from 0.

    Args:
        items: Texts like id:count, each with the column where it starts.
        vocabulary_size: The number of words.
        first_id: The id of the first word.
        place: File and line, for errors.

    Raises:
        InputError: An item has another form, or the counts of a word add up to too much.
    """
    counts: dict[int, int] = {}
    for column, item in items:
        word, colon, count = item.partition(":")
        if not colon:
            raise InputError(f"{place}:{column}: {quote(item)} must be of the form id:count")
        number = parse_number(
            word.rstrip(BLANKS),
            vocabulary_size + first_id - 1,
            "word id",
            f"{place}:{column}",
            first_id,
        )
        start = count.lstrip(BLANKS)
        column += len(item) - len(start)
        total = counts.get(number - first_id, 0) + parse_count(start, f"{place}:{column}")
        if total > MAX_COUNT:
            raise InputError(
                f"{place}:{column}: the counts of word id {number} add up to {total}; "
                f"at most {MAX_COUNT} is allowed"
            )
        counts[number - first_id] = total
    return counts


def join_documents(documents: list[dict[int, int]], first: int, vocabulary_size: int) -> Counts:
    """Return the documents that have words, numbered from `first`, from counts by word."""
    lengths = np.array([len(document) for document in documents], np.int64)
    entries = [entry for document in documents for entry in document.items()]
    ids, counts = np.array(entries, np.int32).reshape(-1, 2).T
    filled = np.flatnonzero(lengths)
    return Counts.from_rows(filled + first, lengths[filled], ids, counts, vocabulary_size)
