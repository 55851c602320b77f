"""Read CSV: a document a row, in one or several columns that the first row names."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain
from pathlib import Path

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import MAX_LINE_BYTES, decode, quote
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.textlines import NUMBER, numbered_lines

_DELIMITERS = (",", "\t", ";", "|")
_CONVERT = (
    "word counts are read from the other formats, as scipy.sparse.save_npz or scipy.io.mmwrite "
    "write them"
)


def _read(path: Path, name: str, options: ReadOptions, tally: Tally) -> Iterator[str]:
    head = Head.read(path)
    if not options.column:
        raise InputError(f"{name}: {_ask(head)}")
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = (decode(line, f"{name}:{number}") for number, line in numbered_lines(path, name))
    leading = []
    for line in lines:
        leading.append(line)
        if line.strip():
            break
    wanted = [column.strip() for column in options.column]
    delimiter = _find_delimiter("".join(leading).strip(), wanted)
    rows = csv.reader(chain(leading, lines), delimiter=delimiter, strict=True)
    header: list[str] = []
    columns: list[int] = []
    while True:
        place = f"{name}:{rows.line_num + 1}"
        try:
            row = next(rows, None)
        except csv.Error as error:
            problem = str(error).partition(" - ")[0]  # what Python's programmers should do
            raise InputError(f"{place}: not CSV: {problem} in the row that starts here") from None
        if row is None:
            return
        if not row or not (header or "".join(row).strip()):
            continue
        if not header:
            header = row
            columns = [_find_column(header, column, head, place) for column in wanted]
            table = _find_table(head, [delimiter])
            _refuse_counts(table if table[:1] == [header] else [], columns, name)
        elif len(row) == len(header):
            yield "\n".join(row[column] for column in columns)
        else:
            tally.skip(InputError(f"{place}: {len(row)} columns, must be {len(header)}"))
            yield ""


def _find_delimiter(first: str, columns: list[str]) -> str:
    """Return the delimiter that splits the first line into the wanted columns, or a comma."""
    for delimiter in _DELIMITERS:
        if set(columns) <= {name.strip() for name in _split(first, delimiter)}:
            return delimiter
    return ","


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _find_column(header: list[str], column: str, head: Head, place: str) -> int:
    names = [name.strip() for name in header]
    if names.count(column) == 1:
        return names.index(column)
    found = "more than one" if column in names else "no"
    advice = "".join(
        f"; leave out the lines before the header {quote(', '.join(later))}"
        for later in _find_table(head)[:1]
        if column in later and later != header
    )
    raise InputError(
        f"{place}: there is {found} column {column!r}; there are {quote(', '.join(header))}{advice}"
    )


def _refuse_counts(table: list[list[str]], columns: list[int], name: str) -> None:
    """Reject columns that have no text, but numbers, or words with their counts beside them."""
    if all(_has_numbers(table, column) for column in columns):
        found, advice = "numbers", ""
    elif _has_a_word_a_cell(table):
        found, advice = "single words of a table of counts", f"; {_CONVERT}"
    else:
        return
    chosen = ", ".join(table[0][column] for column in columns)
    raise InputError(
        f"{name}: there are {found}, not text, in {quote(chosen)}; there are "
        f"{quote(', '.join(table[0]))}{advice}"
    )


def _ask(head: Head) -> str:
    rows = _find_table(head)
    columns = range(len(rows[0]) if rows else 0)
    names = f"; there are {quote(', '.join(rows[0]))}" if rows else ""
    if 2 * sum(_has_numbers(rows, column) for column in columns) > len(columns):
        return f"a table of numbers{names}; {_CONVERT}; --column names a column of texts"
    if _has_a_word_a_cell(rows):
        return f"a table of single words and numbers{names}; {_CONVERT}"
    return f"a CSV file needs --column, the name of the text's column{names}"


def _find_table(head: Head, delimiters: Sequence[str] = _DELIMITERS) -> list[list[str]]:
    """Return the first rows of a table with a header; [] if the file does not look like one.

    Other lines may stand before the header of a table that has a column of numbers.
    """
    tables = {delimiter: _split_rows(head, delimiter) for delimiter in delimiters}
    for rows in tables.values():
        alike = _rows_alike(rows, len(rows[0]) if rows else 0)
        # The header of a table has no blanks behind its commas, unlike prose.
        if alike and (
            not any(name.startswith(" ") for name in rows[0]) or _has_a_column_of_numbers(alike)
        ):
            return alike
    for rows in tables.values():
        usual = Counter(map(len, rows)).most_common(1)
        alike = _rows_alike(rows, usual[0][0] if usual else 0)
        if _has_a_column_of_numbers(alike):
            return alike
    return []


def _split_rows(head: Head, delimiter: str) -> list[list[str]]:
    """Return the first rows, up to one that is damaged; [] if there is only one."""
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = StringIO(head.content.decode(errors="replace"), newline="\n")
    rows: list[list[str]] = []
    is_damaged = False
    try:
        rows.extend(row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row)
    except csv.Error:
        is_damaged = True
    if not (head.whole or is_damaged):
        del rows[-1:]
    return rows if len(rows) + is_damaged > 1 else []


def _rows_alike(rows: list[list[str]], columns: int) -> list[list[str]]:
    """Return the rows of so many columns; [] if they are not most rows."""
    alike = [row for row in rows if len(row) == columns]
    return alike if columns > 1 and 2 * len(alike) >= len(rows) else []


def _has_a_column_of_numbers(rows: list[list[str]]) -> bool:
    return any(_has_numbers(rows, column) for column in range(len(rows[0]) if rows else 0))


def _has_numbers(rows: list[list[str]], column: int) -> bool:
    filled = [row[column] for row in rows[1:] if row[column].strip()]
    return bool(filled) and all(map(NUMBER.fullmatch, filled))


def _has_a_word_a_cell(rows: list[list[str]]) -> bool:
    """Return whether no cell has several words, and several columns repeat what they have.

    So are tables of counts: a row for each document or a column for each, or long ones of
    documents, words and counts.
    """
    if any(len(cell.split()) > 1 for row in rows[1:] for cell in row):
        return False
    columns = list(zip(*rows[1:], strict=True))
    return sum(len(set(column)) < len(column) for column in columns) > 1


FORMAT = Format(
    name="csv",
    description="CSV with commas, tabs, semicolons or bars, with --column",
    matches=lambda head: bool(_find_table(head)),
    is_sound=lambda head: _has_a_column_of_numbers(_find_table(head)),
    texts=_read,
)
