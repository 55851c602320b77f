"""Tables for terminals."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return rows as lines, each column as wide as its widest cell.

    Args:
        rows: Rows of cells, each with the same number of cells. A head is a row like any other.
        right: The columns to align at the right, such as numbers; the first column is 0.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
