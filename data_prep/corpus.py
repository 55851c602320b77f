"""Read a bag-of-words corpus: a document a line as `id:count,id:count,...`, and its vocabulary.

Word ids count from 1: the lines of the vocabulary file. A blank line is a document without words;
blank lines at the end of what is read are none. Ids may come in any order, and counts given twice
for one word are added up.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from data_prep.counts import MAX_COUNT, Counts

MAX_LINE_BYTES = 1 << 24
MAX_VOCABULARY_BYTES = 1 << 28

_BLOCK_BYTES = 1 << 18  # of text parsed at once; the arrays made of it stay in the cache
_MAX_DIGITS = 8  # of a number on the fast path: MAX_COUNT has 8
_BLANKS = " \t\r\n"


class CorpusError(ValueError):
    """A corpus or vocabulary that can't be used; the text says where and why."""


@dataclass(frozen=True)
class Corpus:
    """A corpus to be read once, from the first document to the last.

    Attributes:
        documents: How many there are, those without words included.
        blocks: Their counts, some hundred documents at a time.
    """

    documents: int
    blocks: Iterator[Counts]


def read_vocabulary(path: Path) -> list[str]:
    """Read a vocabulary file: UTF-8, one word a line; the word of id i is at position i - 1.

    Raises:
        CorpusError: The file can't be read or is empty, or a line is blank, not UTF-8, has a line
            break that is not a newline, or repeats a word.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_VOCABULARY_BYTES + 1)
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from None
    if len(content) > MAX_VOCABULARY_BYTES:
        raise CorpusError(f"{path}: a vocabulary has at most {MAX_VOCABULARY_BYTES} bytes")
    lines = content.rstrip(_BLANKS.encode()).split(b"\n")
    if lines == [b""]:
        raise CorpusError(f"{path}: the file is empty, must be one word a line")
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        place = f"{path}:{number}"
        word = _decode(line, place).strip()
        if not word:
            raise CorpusError(f"{place}: the line is blank, must be a word")
        if len(word.splitlines()) > 1:
            raise CorpusError(f"{place}: the word {_quote(word)} contains a line break")
        if word in seen:
            raise CorpusError(f"{place}: the word {_quote(word)} is on line {seen[word]} already")
        seen[word] = number
    return list(seen)


def read_corpus(path: Path, vocabulary_size: int, limit: int | None = None) -> Corpus:
    """Read the first `limit` documents of a corpus file, by default all.

    Memory is bounded by the longest line, whatever the number of documents.

    Raises:
        CorpusError: At once when the file can't be read or has no documents; while reading when
            a line is not `id:count,...`, with its number and column.
    """
    try:
        with path.open("rb") as stream:
            documents, size = _count_documents(stream, sys.maxsize if limit is None else limit)
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from None
    if not documents:
        raise CorpusError(f"{path}: the file has no documents, must be lines of id:count,...")
    return Corpus(documents, _read_counts(path, size, vocabulary_size))


def _count_documents(stream: BinaryIO, limit: int) -> tuple[int, int]:
    """Return the number of documents and the bytes they take, blank lines at the end left out."""
    documents = size = lines = offset = 0
    while lines < limit and (chunk := stream.read(_BLOCK_BYTES)):
        newlines = chunk.count(b"\n")
        if newlines >= limit - lines:
            newlines = limit - lines
            chunk = b"\n".join(chunk.split(b"\n", newlines)[:-1]) + b"\n"
        content = len(chunk.rstrip(_BLANKS.encode()))
        if content:
            documents = lines + newlines - chunk.count(b"\n", content) + 1
            size = offset + content
        lines += newlines
        offset += len(chunk)
    return documents, size


def _read_counts(path: Path, size: int, vocabulary_size: int) -> Iterator[Counts]:
    line, rest = 1, b""
    with path.open("rb") as stream:
        while chunk := stream.read(min(_BLOCK_BYTES, size)):
            size -= len(chunk)
            text = rest + (chunk if size else chunk + b"\n")
            end = text.rfind(b"\n") + 1
            text, rest = text[:end], text[end:]
            if text:
                counts = _parse_block(text, vocabulary_size)
                if counts is None:
                    counts = _parse_lines(text, vocabulary_size, path, line)
                yield counts
                line += counts.shape[0]
            if len(rest) > MAX_LINE_BYTES:
                raise CorpusError(f"{path}:{line}: the line has more than {MAX_LINE_BYTES} bytes")


def _parse_block(text: bytes, vocabulary_size: int) -> Counts | None:
    """Parse lines by array arithmetic over all their bytes; None when anything looks unusual."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters - ord("0") > 9).astype(np.int32)  # no digits, as uint8 wraps
    widths = np.diff(ends, prepend=np.int32(-1)) - 1
    marks = characters.take(ends)
    newlines = np.flatnonzero(marks == ord("\n"))
    filled = np.diff(ends[newlines], prepend=np.int32(-1)) > 1
    if not filled.all():
        blank = newlines[~filled]
        ends, widths, marks = (np.delete(each, blank) for each in (ends, widths, marks))
    if not ends.size or ends.size % 2:
        return None
    pairs = marks.view("<u2")  # what follows an id, and what follows its count
    line_ends = pairs == int.from_bytes(b":\n", "little")
    if not (line_ends | (pairs == int.from_bytes(b":,", "little"))).all():
        return None
    if widths.min() < 1 or widths.max() > _MAX_DIGITS:
        return None
    widths = widths.astype(np.uint8)
    ids = _parse_digits(characters, ends[0::2], widths[0::2])
    counts: NDArray[np.integer] = _parse_digits(characters, ends[1::2], widths[1::2])
    if ids.min() < 1 or ids.max() > vocabulary_size or counts.min() < 1:
        return None

    last = np.flatnonzero(line_ends)
    lengths = np.zeros(filled.size, np.int64)
    lengths[filled] = np.diff(last, prepend=-1)
    ascending = np.diff(ids) > 0
    ascending[last[:-1]] = True
    if not ascending.all():
        lengths, ids, counts = _merge(lengths, ids, counts)
    if counts.max() > MAX_COUNT:
        return None
    return Counts.from_rows(lengths, ids - 1, counts, vocabulary_size)


def _parse_digits(
    characters: NDArray[np.uint8], ends: NDArray[np.int32], widths: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """Return the numbers that end before the positions `ends` and have `widths` digits."""
    numbers = np.zeros(ends.size, np.int32)
    for place in range(widths.max()):
        # What stands before a shorter number, or before the text, is multiplied by 0.
        digits = characters.take(ends - (place + 1), mode="clip") - ord("0")
        numbers += digits * (widths > place) * np.int32(10**place)
    return numbers


def _merge(
    lengths: NDArray[np.int64], ids: NDArray[np.int32], counts: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Sort the ids of each row and add up the counts of equal ones."""
    rows = np.repeat(np.arange(lengths.size), lengths)
    order = np.lexsort((ids, rows))
    rows, ids = rows[order], ids[order]
    first = np.ones(ids.size, np.bool_)
    first[1:] = (np.diff(rows) > 0) | (np.diff(ids) > 0)
    sums = np.add.reduceat(counts[order], np.flatnonzero(first), dtype=np.int64)
    return np.bincount(rows[first], minlength=lengths.size), ids[first], sums


def _parse_lines(text: bytes, vocabulary_size: int, path: Path, first: int) -> Counts:
    """Parse lines one by one: slow, takes blanks around a line, and knows where an error is."""
    documents = [
        _parse_line(line, vocabulary_size, f"{path}:{number}")
        for number, line in enumerate(text.split(b"\n")[:-1], first)
    ]
    lengths = np.fromiter(map(len, documents), np.int64, len(documents))
    entries = [entry for document in documents for entry in sorted(document.items())]
    ids, counts = np.array(entries, np.int32).reshape(-1, 2).T
    return Counts.from_rows(lengths, ids - 1, counts, vocabulary_size)


def _parse_line(line: bytes, vocabulary_size: int, place: str) -> dict[int, int]:
    text = _decode(line, place).rstrip(_BLANKS)
    items = text.lstrip(_BLANKS)
    column = len(text) - len(items) + 1
    counts: dict[int, int] = {}
    for item in items.split(",") if items else ():
        word, colon, count = item.partition(":")
        if not colon:
            raise CorpusError(f"{place}:{column}: {_quote(item)} must be of the form id:count")
        number = _parse_number(word, vocabulary_size, "word id", f"{place}:{column}")
        column += len(word) + 1
        total = counts.get(number, 0) + _parse_number(
            count, MAX_COUNT, "count", f"{place}:{column}"
        )
        if total > MAX_COUNT:
            raise CorpusError(
                f"{place}:{column}: the counts of word id {number} add up to {total}; "
                f"at most {MAX_COUNT} is allowed"
            )
        counts[number] = total
        column += len(count) + 1
    return counts


def _parse_number(text: str, limit: int, name: str, place: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and 1 <= int(text) <= limit:
        return int(text)
    raise CorpusError(f"{place}: {name} {_quote(text)} must be a whole number from 1 to {limit}")


def _decode(line: bytes, place: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode()) + 1
        byte = line[error.start]
        raise CorpusError(f"{place}:{column}: byte 0x{byte:02x} is not UTF-8") from None


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
