"""Read text files as blocks of whole lines, and parse their numbers."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_prep.counts import MAX_COUNT
from data_prep.errors import InputError

BLANKS = " \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 1 << 24
BLOCK_BYTES = 3 << 17  # of text that is parsed at once; its arrays fit into the cache
SPAN_BYTES = 1 << 23  # of text that a process parses at a time: some 50 ms of work

_DECIMAL = re.compile(r"[+-]?[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?")
_MAX_DECIMAL = 40  # characters


class LineNumbers:
    """Finds the number of the line that starts at a byte; positions must ascend."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset, self._line = 0, 1

    def at(self, offset: int) -> int:
        """Return the number, from 1."""
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            while chunk := stream.read(min(BLOCK_BYTES, offset - self._offset)):
                self._line += count_newlines(chunk)
                self._offset += len(chunk)
        return self._line


def count_newlines(text: bytes) -> int:
    """Return the number of newlines; `bytes.count` takes ten times as long."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))


def text_start(stream: BinaryIO) -> int:
    """Return where the text of a file starts: after the byte order mark, if there is one."""
    stream.seek(0)
    return len(BYTE_ORDER_MARK) if stream.read(3) == BYTE_ORDER_MARK else 0


def read_blocks(path: Path, start: int, stop: int, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines between two bytes of a file, and where each block starts.

    The last line gets a newline if it has none.

    Raises:
        InputError: A line has more than `MAX_LINE_BYTES`.
    """
    left = stop - start
    with path.open("rb") as stream:
        stream.seek(start)
        while text := stream.read(min(BLOCK_BYTES, left)):
            left -= len(text)
            if not text.endswith(b"\n"):
                text += stream.readline(min(MAX_LINE_BYTES + 1, left))
                left = stop - stream.tell()
                if not text.endswith(b"\n"):
                    if left:
                        line = LineNumbers(path).at(start + text.rfind(b"\n") + 1)
                        raise InputError(
                            f"{name}:{line}: the line has more than {MAX_LINE_BYTES} bytes"
                        )
                    text += b"\n"
            yield start, text
            start += len(text)


def parse_number(text: str, limit: int, label: str, place: str, least: int = 1) -> int:
    """Return a whole number from `least` to a limit.

    Raises:
        InputError: The text is not such a number.
    """
    if text.isascii() and text.isdigit() and len(text) < 19 and least <= int(text) <= limit:
        return int(text)
    raise InputError(
        f"{place}: {label} {quote(text)} must be a whole number from {least} to {limit}"
    )


def parse_count(text: str, place: str) -> int:
    """Return a count, which may be written like 2.0 or 2e+00.

    Raises:
        InputError: It is not a whole number from 0 to `MAX_COUNT`.
    """
    if text.isascii() and text.isdigit() and len(text) < 19:
        number = Decimal(int(text))
    else:
        fits = len(text) <= _MAX_DECIMAL and _DECIMAL.fullmatch(text)
        number = Decimal(text) if fits else Decimal(-1)
    if 0 <= number <= MAX_COUNT and number == int(number):
        return int(number)
    raise InputError(f"{place}: count {quote(text)} must be a whole number from 0 to {MAX_COUNT}")


def decode(line: bytes, place: str) -> str:
    """Return the text of a line.

    Raises:
        InputError: It is not UTF-8.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode()) + 1
        byte = line[error.start]
        raise InputError(f"{place}:{column}: byte 0x{byte:02x} is not UTF-8") from None


def quote(text: str) -> str:
    """Return a text for an error: in quotes, on one line, cut if it is long."""
    return repr(text if len(text) <= 40 else text[:40] + "...")
