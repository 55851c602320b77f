"""Text for a terminal: what is read somewhere must not move its cursor or turn its lines around."""

import unicodedata
from typing import Any, TextIO

# Printed as they are, though `str.isprintable` says no: the joiners are letters of some languages.
_HARMLESS = {"\n", "\t", "\u200c", "\u200d"}


def printable(text: str) -> str:
    """Return `text` with control and format characters escaped, as JSON escapes them.

    Those are what terminals obey instead of showing it: escape sequences, characters that turn the
    direction of writing, and bytes of a file name that are no UTF-8.
    """
    if text.replace("\n", "").replace("\t", "").isprintable():  # nearly always, and fast
        return text
    return "".join(character if _is_shown(character) else _escape(character) for character in text)


def _is_shown(character: str) -> bool:
    return (
        character.isprintable()
        or character in _HARMLESS
        or unicodedata.category(character) in ("Zs", "Cn", "Co")  # blanks; characters of later days
    )


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class PrintableStream:
    """A text stream that writes what is printable; all else it does is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write `text`, escaped where need be; the number of characters that were given."""
        self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
