"""Read and write a vocabulary: a word a line."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import overload

from data_prep.errors import InputError
from data_prep.formats.format import Head
from data_prep.formats.lines import BLANKS, BYTE_ORDER_MARK, decode, quote
from data_prep.formats.unsupported import check_is_supported

MAX_VOCABULARY_BYTES = 1 << 28
_LOOKED_AT = 1 << 12  # bytes, for whether it is something else

# Characters that control a terminal, or that change the direction of text. Other invisible
# characters are part of the spelling of a word, like the joiners of Persian.
_UNSHOWN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"\s*[0-9]+(\.[0-9]*)?\s*")
# Of a list in a program or in YAML, of which the last line may lack a comma.
_MARKS = {
    '".+"': (
        "is in quotes",
        """tr -d '"' removes the quotes, and cut extracts one of several columns""",
    ),
    "'.+'": ("is in quotes", """tr -d "'" removes the quotes"""),
    ".+,": ("ends with a comma", "tr -d , removes it"),
    "- .+": ("begins with a dash", "cut -c 3- removes it"),
}


class NumberedWords(Sequence[str]):
    """Words of an unknown vocabulary: each is named by its id, from 0."""

    def __init__(self, size: int) -> None:
        self._ids = range(size)

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        found = self._ids[at]
        return str(found) if isinstance(found, int) else list(map(str, found))


def read_vocabulary(path: Path) -> list[str]:
    """Read a vocabulary file: UTF-8, one word a line; the word of id i is at position i - 1.

    Raises:
        InputError: The file can't be read, is empty, or has several columns; or a line is blank,
            is not UTF-8, repeats a word, or has a control character.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_VOCABULARY_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return parse_vocabulary(content, str(path))


def parse_vocabulary(content: bytes, name: str) -> list[str]:
    """Return the words of the content of a vocabulary file, as `read_vocabulary`."""
    if len(content) > MAX_VOCABULARY_BYTES:
        raise InputError(f"{name}: a vocabulary has at most {MAX_VOCABULARY_BYTES} bytes")
    content = content.removeprefix(BYTE_ORDER_MARK).rstrip(BLANKS.encode())
    if not content:
        raise InputError(f"{name}: the file is empty; it must have one word on each line")
    _refuse_columns(content.decode(errors="replace").split("\n"), name)
    check_is_supported(Head(content[:_LOOKED_AT], False), name, "a vocabulary")
    words = _split(content)
    if words is None or _UNSHOWN.search("".join(words)):
        words = _read_lines(content, name)
    return words


def _split(content: bytes) -> list[str] | None:
    """Split at newlines, all at once; return None if anything looks unusual."""
    try:
        words = content.decode().split("\n")
    except UnicodeDecodeError:
        return None
    usual = words == content.decode().split() and len(set(words)) == len(words)
    return words if usual else None


def _read_lines(content: bytes, name: str) -> list[str]:
    """Read lines one by one: slower, but allows blanks, and knows where an error is."""
    seen: dict[str, int] = {}
    for number, line in enumerate(content.split(b"\n"), 1):
        place = f"{name}:{number}"
        word = decode(line, place).strip()
        if not word:
            raise InputError(f"{place}: the line is blank; it must be a word")
        if len(word.splitlines()) > 1:
            raise InputError(f"{place}: the word {quote(word)} contains a line break")
        if _UNSHOWN.search(word):
            raise InputError(f"{place}: the word {quote(word)} contains a control character")
        if word in seen:
            raise InputError(f"{place}: the word {quote(word)} is on line {seen[word]} already")
        seen[word] = number
    return list(seen)


def _refuse_columns(lines: list[str], name: str) -> None:
    """Reject files with quotes or other marks around all words, or with a column of numbers."""
    for marks, (found, remedy) in _MARKS.items():
        if all(re.fullmatch(marks, line.strip()) for line in lines[:-1] or lines):
            raise InputError(f"{name}: each line {found}, but must be just a word; {remedy}")
    if not any(map(str.isdigit, lines[-1])):
        return
    for delimiter in (",", ";", None, "|", ":", "="):
        rows = [line.split(delimiter) for line in lines]
        body = rows[1:] if len(rows) > 2 else rows  # a header, or a number of documents
        columns = len(body[0])
        if columns < 2 or len(body) < 2 or any(len(row) != columns for row in body):
            continue
        if numbers := _columns_of_numbers(body):
            headed = len(rows[0]) != columns or not _NUMBER.fullmatch(rows[0][numbers[0]])
            command = _extract(rows[headed:], numbers, delimiter)
            raise InputError(
                f"{name}: the lines have {columns} columns, but must have one word; "
                f"extract the words: tail -n +{1 + headed} {shlex.quote(name)} | {command}"
            )


def _columns_of_numbers(rows: list[list[str]]) -> list[int]:
    columns = enumerate(zip(*rows, strict=True))
    return [at for at, column in columns if all(map(_NUMBER.fullmatch, column))]


def _extract(rows: list[list[str]], numbers: list[int], delimiter: str | None) -> str:
    """Return the command that brings words into the order of their ids, if a column has ids."""
    words = next((at for at in range(len(rows[0])) if at not in numbers), numbers[-1])
    awk, sort = ("", "") if delimiter is None else (f"-F'{delimiter}' ", f"-t'{delimiter}' ")
    printed = f"awk {awk}'{{print ${words + 1}}}'"
    for at in numbers:
        ids = sorted(float(row[at]) for row in rows)
        if at != words and ids == [ids[0] + step for step in range(len(ids))]:
            return f"sort {sort}-n -k {at + 1} | {printed}"
    return printed
