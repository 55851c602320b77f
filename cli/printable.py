"""Make text safe for a terminal: it must not move the cursor or change the direction of writing."""

import unicodedata
from typing import Any, TextIO

# Printed as they are, although `str.isprintable` is false: some languages need the joiners.
_HARMLESS = {"\n", "\t", "\u180e", "\u200c", "\u200d"}


def printable(text: str) -> str:
    """Return `text` with control and format characters escaped, as JSON escapes them.

    These are: escape sequences, characters that change the direction of writing, and bytes of a
    file name that are not UTF-8.
    """
    if text.replace("\n", "").replace("\t", "").isprintable():  # the usual case, and fast
        return text
    return "".join(character if _is_shown(character) else _escape(character) for character in text)


def _is_shown(character: str) -> bool:
    return (
        character.isprintable()
        or character in _HARMLESS
        or unicodedata.category(character) in ("Zs", "Cn", "Co")  # blanks; not assigned; private
    )


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class PrintableStream:
    """A text stream that escapes what it writes with `printable`, and what its encoding lacks."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write `text`, escaped; return the number of characters of `text`."""
        shown = printable(text)
        try:
            self.stream.write(shown)
        except UnicodeEncodeError:  # the terminal has an encoding with few letters
            known = shown.encode(self.stream.encoding, "ignore").decode(self.stream.encoding)
            self.stream.write("".join(c if c in known else _escape(c) for c in shown))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def raw(stream: TextIO) -> TextIO:
    """Return the stream that writes texts as they are, for what is meant to move the cursor."""
    return stream.stream if isinstance(stream, PrintableStream) else stream
