"""lda-c and svmlight: a number in front, then id:count with blanks between."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.corpus import Corpus, Tally
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.labelled import Labelled
from data_prep.formats.read_options import ReadOptions
from tests.support.readers import dense


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "corpus.dat"


def ldac(file: Path, content: bytes, words: int = 3, limit: int | None = None) -> Corpus:
    file.write_bytes(content)
    return Labelled.open_ldac(file, str(file), words, ReadOptions(limit=limit))


def svmlight(
    file: Path, content: bytes, words: int = 3, limit: int | None = None, first_id: int | None = 1
) -> Corpus:
    file.write_bytes(content)
    return Labelled.open_svmlight(
        file, str(file), words, ReadOptions(limit=limit, first_id=first_id)
    )


def read(corpus: Corpus, skip_bad: int = 0) -> list[list[float]]:
    return dense(corpus, Tally(skip_bad))


@pytest.mark.parametrize(
    "content",
    [
        b"2 0:2 2:1\n0\n1 1:10\n",
        b"2 0:2 2:1\r\n\r\n0\r\n1 1:10",
        b"\n  2\t2:1.0  0:2.00 \n0\n1 1:10\n\n",
        b"\xef\xbb\xbf2 0:2 2:1\n0 \n2 1:9 1:1.0e0\n",
        b"3 0:2 1:0 2:1\n1 2:0\n1 1:10\n",
    ],
)
def test_lda_c_counts_from_0_and_blank_lines_are_no_documents(file: Path, content: bytes) -> None:
    assert read(ldac(file, content)) == [[2, 0, 1], [0, 0, 0], [0, 10, 0]]


@pytest.mark.parametrize(
    "content",
    [
        b"1 1:2 3:1\n-1\n0.5 2:10\n",
        b"# ids from one\n#\n1 1:2 3:1 # a:1\n\n1,3 qid:4\n+1e0 qid:4 2:10.0 #\n# 4:4\n",
    ],
)
def test_labels_queries_and_comments_of_svmlight_are_skipped(file: Path, content: bytes) -> None:
    assert read(svmlight(file, content)) == [[2, 0, 1], [0, 0, 0], [0, 10, 0]]


@pytest.mark.parametrize("size", [1, 12, 1 << 18])
@pytest.mark.parametrize("limit", [None, 1, 2, 5])
def test_blocks_pieces_and_limits_are_cut_between_documents(
    file: Path, size: int, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    monkeypatch.setattr(lines, "SPAN_BYTES", size)
    content = b"# c\n" + b"".join(b"%d %d:%d\n\n" % (n, n % 3 + 1, n + 1) for n in range(9))
    rows = [[n + 1 if n % 3 == word else 0 for word in range(3)] for n in range(9)]
    assert read(svmlight(file, content, limit=limit)) == rows[:limit]


def test_lines_behind_the_limit_are_not_looked_at(file: Path) -> None:
    assert read(ldac(file, b"1 0:1\nnonsense\n", limit=1)) == [[1, 0, 0]]


@pytest.mark.parametrize(
    ("content", "row"), [(b"1 0:5 1:1\n", [5, 1, 0]), (b"1 2:5 03:1\n", [0, 5, 1])]
)
def test_the_first_id_is_told_from_the_ids(file: Path, content: bytes, row: list[int]) -> None:
    assert read(svmlight(file, content, first_id=None)) == [row]


def test_ids_that_do_not_tell_where_they_begin_are_asked_for(file: Path) -> None:
    with pytest.raises(InputError, match=r"no id is 0 or 3, .*; --first-id says which"):
        svmlight(file, b"10:3 1:1 2:4\n", first_id=None)
    assert read(svmlight(file, b"1 1:1 2:4\n", first_id=0)) == [[0, 1, 4]]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"1 3:1", ":3:3: word id '3' must be a whole number from 0 to 2"),
        (b"1 -1:1", ":3:3: word id '-1' must be a whole number from 0 to 2"),
        (b"1 0:1.5", ":3:5: count '1.5' must be a whole number from 0 to 16777216"),
        (b"1 0:1 1:1", ":3:1: '1' must be the number of id:count pairs after it, 2"),
        (b" 2 0:1", ":3:2: '2' must be the number of id:count pairs after it, 1"),
        (b"0:1 1:1", ":3:1: '0:1' must be the number of id:count pairs"),
        (b"1 apple", ":3:3: 'apple' must be of the form id:count"),
        (b"1 0:1,1:1", ":3:5: count '1,1:1' must be"),
        (b"2 0:9000000 0:9000000", ":3:15: the counts of word id 0 add up to 18000000"),
        (b"1 \xff:1", ":3:3: byte 0xff is not UTF-8"),
        ("\xa01 0:1".encode(), ":3:1: '\\xa01' must be the number of id:count pairs"),
    ],
)
def test_bad_lines_are_told_with_line_column_value_and_what_is_allowed(
    file: Path, line: bytes, problem: str
) -> None:
    content = b"1 0:1\n\n" + line + b"\n1 0:1\n"
    with pytest.raises(InputError, match=f"^{re.escape(str(file) + problem)}"):
        read(ldac(file, content))
    assert read(ldac(file, content), skip_bad=1) == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_of_several_labels_there_may_be_none_before_a_blank(file: Path) -> None:
    """scikit-learn's `dump_svmlight_file` writes such lines with `multilabel`."""
    content = b"1,2 1:2\n 1:1 3:1\n2 2:4\n"
    for first_id in (None, 1):
        assert read(svmlight(file, content, first_id=first_id)) == [[2, 0, 0], [1, 0, 1], [0, 4, 0]]


def test_a_line_without_a_label_is_refused(file: Path) -> None:
    with pytest.raises(InputError, match=r":1:1: '1:1' must be a label, a number"):
        read(svmlight(file, b"1:1 2:1\n"))


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"# only\n"])
def test_a_file_without_documents_is_refused(file: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="the file has no documents"):
        ldac(file, content)


@given(st.binary(max_size=60) | st.text("012:# \t\n\r.-", max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_raise_nothing_but_the_error_of_the_module(file: Path, content: bytes) -> None:
    for open_it in (ldac, svmlight):
        with suppress(InputError):
            read(open_it(file, content))
