"""Kinds of files that are not read: how to recognise them, and how to convert them."""

import re
from collections.abc import Callable
from typing import NamedTuple

from data_prep.errors import InputError
from data_prep.formats.format import Head


class Unsupported(NamedTuple):
    """A kind of file that is not read.

    Attributes:
        matches: Whether the start of a file looks like it.
        what: What it is, to follow "this is" in an error.
        advice: What to do.
        may_be_text: Whether it could be text after all.
    """

    matches: Callable[[Head], bool]
    what: str
    advice: str
    may_be_text: bool = False


def find_unsupported(head: Head) -> Unsupported | None:
    """Return the kind of file that this is the start of, if it is one that is not read."""
    return next((unsupported for unsupported in _UNSUPPORTED if unsupported.matches(head)), None)


def check_is_supported(head: Head, name: str, wanted: str) -> None:
    """Check that a file is not certainly of a kind that is not read.

    Args:
        head: The start of the file.
        name: What errors call it.
        wanted: What the file should be, for errors.

    Raises:
        InputError: It is of such a kind; the error says how to convert it.
    """
    unsupported = find_unsupported(head)
    if unsupported and not unsupported.may_be_text:
        raise InputError(
            f"{name}: this is not {wanted}, but {unsupported.what}; {unsupported.advice}"
        )


def _starts(*signatures: bytes) -> Callable[[Head], bool]:
    return lambda head: head.content.startswith(signatures)


def _matches(pattern: bytes) -> Callable[[Head], bool]:
    compiled = re.compile(pattern)
    return lambda head: compiled.match(head.content.lstrip()) is not None


def _is_tar(head: Head) -> bool:
    return head.content[257:262] == b"ustar"


def _has_words_with_counts_alone(head: Head) -> bool:
    """Return whether all fields are like apple:2."""
    fields = b" ".join(head.lines).replace(b",", b" ").split()
    return len(fields) > 1 and all(map(_COUNT_OF_A_WORD.fullmatch, fields))


def _has_counted_words(head: Head) -> bool:
    """Return whether at least half of the fields are like apple:2, 17:2 or apple=2."""
    fields = b" ".join(head.lines).split()
    counted = sum(_COUNTED_WORD.fullmatch(field) is not None for field in fields)
    return 0 < len(fields) <= 2 * counted


def _has_counts_between_words(head: Head) -> bool:
    """Return whether each line is like apple 2 pear 3, or 2 apple 3 pear, and some are long."""
    lines = [line.split() for line in head.lines]
    are_numbers = [[_NUMBER.fullmatch(field) is not None for field in line] for line in lines]
    return any(len(line) > 2 for line in lines) and any(
        all(line == [first, not first] * (len(line) // 2) for line in are_numbers)
        for first in (False, True)
    )


def _has_numbers_in_columns(head: Head) -> bool:
    """Return whether all lines have equally many fields, and enough columns are numbers.

    The first line may have no name for the first column, as R writes it.
    """
    rows = [_FIELD.findall(line) for line in head.lines]
    columns = len(rows[-1]) if rows else 0
    if len(rows) > _FEW and len(rows[0]) == columns - 1:
        rows[0].insert(0, b"")
    if len(rows) < 2 or columns < 2 or len({len(row) for row in rows}) > 1:
        return False
    numbers = sum(all(map(_NUMBER.fullmatch, column)) for column in zip(*rows[1:], strict=True))
    return numbers > 0 and (columns <= _FEW or 2 * numbers >= columns)


def _has_its_length_in_front(head: Head) -> bool:
    first, *others = head.lines or [b""]
    return head.whole and bool(others) and first.isdigit() and int(first[:18]) == len(others)


def _has_names_in_front(head: Head) -> bool:
    """Return whether each line starts with a name of its own with a digit, before words."""
    names = {match[0] for match in map(_NAME_IN_FRONT.match, head.lines) if match}
    return 1 < len(names) == len(head.lines)


def _is_utf16(head: Head) -> bool:
    """Return whether there is a byte order mark, or every other byte is zero."""
    start = head.content[:_LOOKED_AT]
    halves = (start[::2], start[1::2])
    return head.content.startswith((b"\xff\xfe", b"\xfe\xff")) or any(
        one and not any(one) and all(other) for one, other in (halves, halves[::-1])
    )


def _has_escapes_in_quotes(head: Head) -> bool:
    """Return whether most lines are strings of JSON or Python, and there are escapes in them."""
    return b"\\" in head.content and head.mostly(_QUOTED_LINE)


def _has_returns_alone(head: Head) -> bool:
    return b"\r" in head.content.rstrip() and b"\n" not in head.content


_LOOKED_AT = 200
# Nothing here is tried twice: a line may have megabytes.
_NAME_IN_FRONT = re.compile(rb"(?=[\w./#-]*[0-9])[\w./#-]++[ \t]++(?=.*[A-Za-z\x80-\xff])")
_FEW = 4  # document, word and count, and one more
_NUMBER = re.compile(rb'"?[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?"?')
_COUNTED_WORD = re.compile(rb"[^:=]+[:=][0-9]+(\.[0-9]*)?[,;]?|[^(]+\([0-9]+\)[,;]?")
_COUNT_OF_A_WORD = re.compile(rb"(?=[^:]*[A-Za-z\x80-\xff])[^:]++:[0-9]+(\.[0-9]*)?")
_FIELD = re.compile(rb'(?:"[^"]*")+(?=\s|$)|\S+')
_QUOTED_LINE = re.compile(rb"""(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'),?$""")
_UNKNOWN = "counts in a layout that is not known"
_KNOWN = (
    "id:count pairs have commas between them and ids from 1, or a label in front as in svmlight or "
    "lda-c"
)
_MAKE_COUNTS = (
    "scipy.sparse.save_npz, scipy.io.mmwrite or gensim.corpora.MmCorpus.serialize write word counts"
    " that are read"
)

_PICKLE = re.compile(
    rb"\x80[\x02-\x05]|\([dl]p[0-9]+\n|[\]}]q\x00|"
    rb"c(?:__builtin__|builtins|copy_?reg|collections|numpy|scipy|pandas|sklearn|gensim)\b[\w.]*\n"
)
_MAKE_JSON_LINES = 'pandas makes JSON Lines of it: to_json(file, orient="records", lines=True)'

_UNSUPPORTED = (
    Unsupported(_matches(rb"%PDF"), "a PDF file", "pdftotext makes text of it"),
    Unsupported(_matches(rb"%!PS"), "a PostScript file", "ps2ascii makes text of it"),
    Unsupported(_is_tar, "a tar archive", "unpack it: a folder is read"),
    Unsupported(
        _starts(
            *(b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c"),
            *(b"\x04\x22\x4d\x18", b"\x1f\x9d", b"\x1f\x8b", b"\x5d\x00\x00"),
        ),
        "a compressed file",
        "unpack it: only gzip is unpacked here, and only once",
    ),
    Unsupported(
        _starts(b"PK\x03\x04"),
        "a zip archive, or a document of an office program",
        "unpack it, or save it as text or CSV: a folder is read",
    ),
    Unsupported(_starts(b"PAR1"), "a Parquet file", _MAKE_JSON_LINES),
    # A binary character tells it from a list of words.
    Unsupported(_matches(rb"ORC\n[^\n]?[\x00-\x08]"), "an ORC file", _MAKE_JSON_LINES),
    Unsupported(
        _starts(
            *(b"ARROW1\0", b"FEA1", b"\xff\xff\xff\xff", b"$FL2", b"$FL3", b"<stata_dta>"),
            *(b"SQLite format 3\0", b"HEADER RECORD*******", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ),
        "a table or database of another program, such as Arrow, Stata, SPSS, SQLite or Excel",
        _MAKE_JSON_LINES,
    ),
    Unsupported(
        _starts(b"RDX2\n", b"RDX3\n", b"X\n\x00\x00\x00"),
        "data of R",
        "Matrix::writeMM writes word counts that are read",
    ),
    Unsupported(
        _starts(b"\xac\xed\x00\x05"),
        "a file of Java's objects, as Mallet writes",
        "convert the texts that were imported there",
    ),
    Unsupported(
        _matches(rb"#doc source pos typeindex type topic\n"),
        "a state of Mallet, with the topic of each word",
        "convert the texts that were imported there",
    ),
    Unsupported(_starts(b"MATLAB 5.0 MAT-file"), "a file of MATLAB", _MAKE_COUNTS),
    Unsupported(_starts(b"\x89HDF\r\n\x1a\n"), "an HDF5 file", _MAKE_COUNTS),
    Unsupported(
        lambda head: _PICKLE.match(head.content) is not None,
        "a pickle of Python, which could run any program",
        _MAKE_COUNTS,
    ),
    Unsupported(
        _starts(b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"),
        "text in UTF-32",
        "iconv -f UTF-32 -t UTF-8 converts it",
    ),
    Unsupported(_is_utf16, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 converts it"),
    Unsupported(
        _has_returns_alone,
        "lines that end with a carriage return alone",
        r"tr '\r' '\n' makes lines of them",
        may_be_text=True,
    ),
    Unsupported(
        _matches(rb"\[\s*(?:[\[{(\"]|[0-9]+\s*,)|[A-Za-z]+\([\[{]"),
        "a JSON array or a list of Python",
        f"jq -c '.[]' makes JSON Lines of an array of objects; {_MAKE_COUNTS}",
        may_be_text=True,
    ),
    Unsupported(
        _matches(rb"<[!?a-zA-Z]"),
        "XML or HTML",
        "take the text out of it: a line or a .txt file for a document",
        may_be_text=True,
    ),
    Unsupported(
        _matches(rb"(?i)(?:%[^\n]*+\n\s*+)*+@relation\s"),
        "an ARFF file",
        _MAKE_COUNTS,
        may_be_text=True,
    ),
    Unsupported(
        _has_escapes_in_quotes,
        "strings of JSON or Python",
        "jq -c '{text: .}' makes JSON Lines of JSON, for --field text",
        may_be_text=True,
    ),
    Unsupported(_has_words_with_counts_alone, _UNKNOWN, _KNOWN),
    Unsupported(_has_counted_words, _UNKNOWN, _KNOWN, may_be_text=True),
    Unsupported(_has_counts_between_words, _UNKNOWN, _KNOWN, may_be_text=True),
    Unsupported(
        _has_numbers_in_columns,
        "a table with blanks between its columns",
        f"{_MAKE_COUNTS}; UCI docword has three lines in front",
        may_be_text=True,
    ),
    Unsupported(
        _has_its_length_in_front,
        "lines with their number in front, as gensim's LowCorpus",
        "leave out the first line: tail -n +2",
        may_be_text=True,
    ),
    Unsupported(
        _has_names_in_front,
        "lines with a name or a number in front of each text, as for Mallet",
        "cut takes the text out, or name the columns in a first line and use --column",
        may_be_text=True,
    ),
)
