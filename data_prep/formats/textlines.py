"""Read texts: a document a line, or a document a file."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unicodedata import category

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import BLANKS, BYTE_ORDER_MARK, MAX_LINE_BYTES, decode
from data_prep.formats.read_options import ReadOptions

NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*")

_LOOKED_AT = 4096  # characters
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def numbered_lines(path: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file and their numbers.

    Raises:
        InputError: A line has more than `MAX_LINE_BYTES`.
    """
    with path.open("rb") as stream:
        for number in count(1):
            line = stream.readline(MAX_LINE_BYTES + 1)
            if not line:
                return
            if len(line) > MAX_LINE_BYTES:
                raise InputError(f"{name}:{number}: the line has more than {MAX_LINE_BYTES} bytes")
            yield number, line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line


def read_text_file(path: Path, name: str) -> str:
    """Read a file that is one document; errors call it `name`.

    Raises:
        InputError: It is not UTF-8, or has more than `MAX_LINE_BYTES`.
    """
    with path.open("rb") as stream:
        content = stream.read(MAX_LINE_BYTES + 1)
    if len(content) > MAX_LINE_BYTES:
        raise InputError(f"{name}: a document has at most {MAX_LINE_BYTES} bytes")
    before = content.removeprefix(BYTE_ORDER_MARK).split(b"\n")
    return "\n".join(decode(line, f"{name}:{number}") for number, line in enumerate(before, 1))


def _read_lines(path: Path, name: str, _: ReadOptions, tally: Tally) -> Iterator[str]:
    """Yield a document for each line, except for blank lines at the end."""
    blank = 0
    for number, line in numbered_lines(path, name):
        try:
            text = decode(line, f"{name}:{number}").strip(BLANKS)
        except InputError as error:
            tally.skip(error)
            text = ""
        if text:
            yield from [""] * blank
            yield text
        blank = 0 if text else blank + 1


def _read_file(path: Path, name: str, _: ReadOptions, tally: Tally) -> Iterator[str]:
    try:
        yield read_text_file(path, name)
    except InputError as error:
        tally.skip(error)
        yield ""


def is_prose(head: Head) -> bool:
    """Return whether most characters are letters or their marks, and none controls a terminal."""
    return not _CONTROL.search(head.content) and share_of_letters(head) >= 0.5


def share_of_letters(head: Head) -> float:
    """Return the share of letters and their marks in the characters that are not blank."""
    shown = "".join(head.content.decode(errors="ignore")[:_LOOKED_AT].split())
    letters = sum(category(character)[0] in "LM" for character in shown)
    return letters / max(1, len(shown))


TEXT = Format(
    name="text",
    description="a document a line",
    matches=is_prose,
    texts=_read_lines,
)
FOLDER = Format(
    name="folder",
    description="a document a file: the .txt files, or all if there are none",
    matches=lambda _: False,
    texts=_read_file,
)
