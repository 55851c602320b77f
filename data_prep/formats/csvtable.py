"""Read CSV: a document a row, in one or several columns that the first row names."""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import MAX_LINE_BYTES, decode, quote
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.textlines import numbered_lines

_DELIMITERS = (",", "\t", ";", "|")
_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*")


def _read(path: Path, name: str, options: ReadOptions, tally: Tally) -> Iterator[str]:
    head = Head.read(path)
    if not options.column:
        raise InputError(f"{name}: {_ask(head)}")
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = (decode(line, f"{name}:{number}") for number, line in numbered_lines(path, name))
    first = next(lines, "")
    delimiter = _find_delimiter(first, options.column)
    rows = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    header: list[str] = []
    columns: list[int] = []
    while True:
        place = f"{name}:{rows.line_num + 1}"
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise InputError(f"{place}: not CSV: {error} in the row that starts here") from None
        if row is None:
            return
        if not header:
            header = row
            columns = [_find_column(header, column, place) for column in options.column]
            table = _find_table(head)
            if table[:1] == [header] and all(_has_numbers(table, column) for column in columns):
                raise InputError(
                    f"{name}: there are numbers, not text, in {quote(', '.join(options.column))};"
                    f" there are {quote(', '.join(header))}"
                )
        elif len(row) == len(header):
            yield "\n".join(row[column] for column in columns)
        elif row:
            tally.skip(InputError(f"{place}: {len(row)} columns, must be {len(header)}"))
            yield ""


def _find_delimiter(first: str, columns: tuple[str, ...]) -> str:
    """Return the delimiter that splits the first line into the wanted columns, or a comma."""
    for delimiter in _DELIMITERS:
        if set(columns) <= set(_split(first, delimiter)):
            return delimiter
    return ","


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _find_column(header: list[str], column: str, place: str) -> int:
    if header.count(column) != 1:
        found = "more than one" if column in header else "no"
        raise InputError(
            f"{place}: there is {found} column {column!r}; there are {quote(', '.join(header))}"
        )
    return header.index(column)


def _ask(head: Head) -> str:
    rows = _find_table(head)
    columns = range(len(rows[0]) if rows else 0)
    names = f"; there are {quote(', '.join(rows[0]))}" if rows else ""
    if 2 * sum(_has_numbers(rows, column) for column in columns) > len(columns):
        return (
            f"a table of numbers{names}; word counts are read from the other formats, "
            "as scipy.sparse.save_npz or scipy.io.mmwrite write them"
        )
    return f"a CSV file needs --column, the name of the text's column{names}"


def _find_table(head: Head) -> list[list[str]]:
    """Return the first rows of a table with a header; [] if the file does not look like one."""
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = head.content.decode(errors="replace").splitlines(keepends=True)
    for delimiter in _DELIMITERS:
        rows: list[list[str]] = []
        is_damaged = False
        try:
            rows.extend(row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row)
        except csv.Error:
            is_damaged = True
        if not (head.whole or is_damaged):
            del rows[-1:]
        columns = len(rows[0]) if rows else 0
        alike = [row for row in rows if len(row) == columns]
        if columns < 2 or 2 * len(alike) < len(rows) or len(rows) + is_damaged < 2:
            continue
        if not any(name.startswith(" ") for name in rows[0]):  # as behind the commas of prose
            return alike
    return []


def _has_numbers(rows: list[list[str]], column: int) -> bool:
    filled = [row[column] for row in rows[1:] if row[column].strip()]
    return bool(filled) and all(map(_NUMBER.fullmatch, filled))


def _is_certainly_a_table(head: Head) -> bool:
    rows = _find_table(head)
    return any(_has_numbers(rows, column) for column in range(len(rows[0]) if rows else 0))


FORMAT = Format(
    name="csv",
    description="CSV with commas, tabs, semicolons or bars, with --column",
    matches=lambda head: bool(_find_table(head)),
    is_sound=_is_certainly_a_table,
    texts=_read,
)
