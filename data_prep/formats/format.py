"""The description of a format, and the start of a file, from which the format is detected."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data_prep.corpus import Corpus, Tally
from data_prep.formats.lines import BYTE_ORDER_MARK, MAX_LINE_BYTES
from data_prep.formats.read_options import ReadOptions

_BYTES = 1 << 16
_LINES = 1000
_LEAST_LINES = 4  # the header of a table of counts has all words of a vocabulary

OpenCounts = Callable[[Path, str, Any, ReadOptions], Corpus]
"""Opens a file: its path, its name in errors, the size of the vocabulary, options.

The size is an `int`; it may be None where `Format.knows_words` says so.
"""

ReadTexts = Callable[[Path, str, ReadOptions, Tally], Iterator[str]]
"""Yields the documents of a file: its path, its name in errors, options, a tally of bad lines."""


class Head:
    """The start of a file.

    Args:
        content: Its first bytes, without a byte order mark.
        whole: Whether the content is the whole file.
    """

    def __init__(self, content: bytes, whole: bool) -> None:
        self.content = content
        self.whole = whole

    @classmethod
    def read(cls, path: Path) -> "Head":
        """Read the first lines, at least `_LEAST_LINES` unless they are very long."""
        with path.open("rb") as stream:
            content = stream.read(_BYTES)
            for _ in range(_LEAST_LINES - content.count(b"\n")):
                content += stream.readline(max(0, MAX_LINE_BYTES - len(content)))
            whole = not stream.read(1)
        return cls(content.removeprefix(BYTE_ORDER_MARK), whole)

    @cached_property
    def lines(self) -> list[bytes]:
        """The first whole lines that are not blank, without blanks around them."""
        lines = self.content.split(b"\n")
        if not self.whole and len(lines) > 1:
            lines.pop()
        return [line.strip() for line in lines if not line.isspace() and line][:_LINES]

    def mostly(self, pattern: re.Pattern[bytes]) -> bool:
        """Return whether at least half of the lines match a pattern from their start."""
        matching = sum(pattern.match(line) is not None for line in self.lines)
        return 0 < len(self.lines) <= 2 * matching


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of corpora: of word counts, with `open`, or of texts, with `texts`.

    Attributes:
        name: For `--format`.
        description: For `--help`.
        matches: Whether the start of a file looks like this format; some lines may be damaged.
        is_signed: Whether the file begins with a signature that no other format has.
        is_sound: Whether the start of a file leaves no doubt; None if there is always some doubt.
        knows_words: Whether it needs no vocabulary: words are then numbered from 0.
        open: Opens a file of word counts.
        texts: Reads a file of texts.
    """

    name: str
    description: str
    matches: Callable[[Head], bool]
    is_signed: bool = False
    is_sound: Callable[[Head], bool] | None = None
    knows_words: bool = False
    open: OpenCounts | None = None
    texts: ReadTexts | None = None

    def is_guess(self, head: Head) -> bool:
        """Return whether a file that starts like this could also be of another format."""
        return not self.is_signed and (self.is_sound is None or not self.is_sound(head))

    def excludes_prose(self, head: Head) -> bool:
        """Return whether a file that starts like this can't be prose."""
        return (self.is_sound or self.matches)(head)
