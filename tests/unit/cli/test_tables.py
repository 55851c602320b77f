from cli.tables import table


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() -> None:
    rows = [("name", "count", "of"), ("a longer name", "7", ""), ("b", "1,234", "x")]
    assert table(rows, right=[1]) == (
        "name           count  of\na longer name      7\nb              1,234  x"
    )
