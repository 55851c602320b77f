"""UCI Bag-of-Words and Matrix Market files."""

import gzip
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray
from scipy import io, sparse

from data_prep.corpus import Corpus, OutOfOrderError, Tally, check_promise
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.matrix import Matrix
from data_prep.formats.matrix_market import open_matrix_market
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.sorting import with_documents_in_order
from data_prep.formats.triples import Triples
from tests.support.readers import dense


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "corpus.txt"


def docword(file: Path, content: bytes, words: int = 9, limit: int | None = None) -> Triples:
    file.write_bytes(content)
    return Triples.open_docword(file, str(file), words, ReadOptions(limit=limit))


def matrix_market(file: Path, content: bytes, words: int = 3) -> Triples | Matrix:
    file.write_bytes(content)
    return open_matrix_market(file, str(file), words)


def read(corpus: Corpus, skip_bad: int = 0) -> list[list[float]]:
    tally = Tally(skip_bad)
    rows = dense(corpus, tally)
    check_promise(corpus, tally)
    return rows


# UCI


def test_a_header_of_three_lines_and_triples_that_count_from_one(file: Path) -> None:
    assert read(docword(file, b"2\n3\n3\n1 1 2\n1 3 1\n2 2 10\n", 3)) == [[2, 0, 1], [0, 10, 0]]


def test_windows_line_ends_and_a_missing_last_one(file: Path) -> None:
    assert read(docword(file, b"1\r\n2\r\n2\r\n1 1 2\r\n1 2 1", 2)) == [[2, 1]]


def test_blank_lines_between_others_are_none(file: Path) -> None:
    """SciPy's `mmread` skips them too."""
    assert read(docword(file, b"2\n2\n2\n\n1 1 2\n \r\n2 2 1\n", 2)) == [[2, 0], [0, 1]]


@pytest.mark.parametrize("end", [b"", b"\n\n", b"\r\n\r\n", b" \n\t\n"])
def test_blank_lines_at_the_end_are_none(file: Path, end: bytes) -> None:
    assert read(docword(file, b"1\n2\n1\n1 1 2\n" + end, 2)) == [[2, 0]]


def test_a_byte_order_mark_is_skipped(file: Path) -> None:
    assert read(docword(file, b"\xef\xbb\xbf1\n1\n1\n1 1 2\n", 1)) == [[2]]


def test_tabs_and_several_blanks_separate_as_well(file: Path) -> None:
    assert read(docword(file, b"2 \n 2\n2\n1\t1  2\n 2 2 1 \n", 2)) == [[2, 0], [0, 1]]


def test_documents_that_are_missing_have_no_words(file: Path) -> None:
    corpus = docword(file, b"5\n2\n2\n2 1 1\n4 2 1\n", 2)
    assert corpus.documents == 5
    assert read(corpus) == [[0, 0], [1, 0], [0, 0], [0, 1], [0, 0]]


def test_a_huge_gap_between_documents_is_no_matter(file: Path) -> None:
    corpus = docword(file, b"99999999\n1\n2\n1 1 1\n99999999 1 1\n", 1)
    blocks = [counts for span in corpus.spans for counts in corpus.read(span, Tally())]
    assert [counts.documents.tolist() for counts in blocks] == [[0], [99_999_998]]


def test_counts_given_twice_for_a_word_are_added_up(file: Path) -> None:
    assert read(docword(file, b"1\n2\n3\n1 2 3\n1 1 1\n1 2 4\n", 2)) == [[1, 7]]


def test_there_may_be_no_triples_for_any_document(file: Path) -> None:
    file.write_bytes(b"2\n1\n1\n")
    corpus = Triples.open_docword(file, "corpus", 1)
    with pytest.raises(InputError, match="corpus: there are 0 entries, but the header says 1"):
        read(corpus)


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_the_limit_keeps_the_first_documents(file: Path, limit: int, rows: int) -> None:
    corpus = docword(file, b"3\n1\n3\n1 1 1\n2 1 2\n3 1 3\n", 1, limit)
    assert read(corpus) == [[1], [2], [3]][:rows]


def test_a_document_may_be_longer_than_a_block(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 64)
    triples = [(1, word, 1) for word in range(1, 41)] + [(1, 5, 2), (2, 40, 7)]
    text = "".join(f"{document} {word} {count}\n" for document, word, count in triples)
    first, second = read(docword(file, f"2\n40\n42\n{text}".encode(), 40))
    assert first == [1, 1, 1, 1, 3] + [1] * 35
    assert second == [0] * 39 + [7]


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 1 << 20)), min_size=1),
    st.integers(1, 40),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_triples_are_read_back_whatever_the_blocks_and_pieces(
    file: Path, triples: list[tuple[int, int, int]], size: int, unusual: bool
) -> None:
    triples.sort(key=lambda triple: triple[0])
    expected = np.zeros((6, 9))
    for document, word, count in triples:
        expected[document - 1, word - 1] += count
    text = "".join(f"{document} {word} {count}\n" for document, word, count in triples)
    if unusual:  # leads to the parser that goes line by line
        text = text.replace(" ", "  ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK_BYTES", size)
        patch.setattr(lines, "SPAN_BYTES", 2 * size)
        corpus = docword(file, f"6\n9\n{len(triples)}\n{text}".encode())
        assert read(corpus) == expected.tolist()


def test_a_large_file_is_cut_between_documents(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SPAN_BYTES", 100)
    text = "".join(f"{row // 3 + 1} {row % 3 + 1} 1\n" for row in range(300))
    corpus = docword(file, f"100\n3\n300\n{text}".encode(), 3)
    assert len(corpus.spans) > 10
    assert read(corpus) == [[1, 1, 1]] * 100


# Documents in any order


def test_triples_in_any_order_are_sorted(file: Path) -> None:
    content = b"3\n2\n5\n3 1 1\n1 2 2\n3 2 4\n1 2 3\n2 1 9\n"
    corpus = docword(file, content, 2)
    with pytest.raises(OutOfOrderError):
        read(corpus)
    assert with_documents_in_order(corpus, read, 0) == [[0, 5], [9, 0], [1, 4]]


def test_a_document_that_comes_again_in_another_piece_is_noticed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "SPAN_BYTES", 12)
    content = b"4\n1\n5\n1 1 1\n2 1 1\n3 1 1\n4 1 1\n1 1 1\n"
    corpus = docword(file, content, 1)
    assert with_documents_in_order(corpus, read, 0) == [[2], [1], [1], [1]]


def test_triples_in_any_order_stop_at_the_limit_too(file: Path) -> None:
    corpus = docword(file, b"3\n1\n3\n3 1 3\n1 1 1\n2 1 2\n", 1, limit=2)
    assert with_documents_in_order(corpus, read, 0) == [[1], [2]]


def test_bad_lines_among_unsorted_triples_are_tolerated_and_told_once(file: Path) -> None:
    corpus = docword(file, b"2\n1\n3\n2 1 1\nbad\n1 1 1\n", 1)
    logs: list[Tally] = []

    def work(ordered: Corpus) -> list[list[float]]:
        logs.append(Tally(1))
        return dense(ordered, logs[-1])

    assert with_documents_in_order(corpus, work, 1) == [[1], [1]]
    assert [str(error) for error in logs[-1].bad] == [
        f"{file}:5:1: 'bad' must be of the form document, word id, count"
    ]


# Bad input


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"0 1 1", ":5:1: document '0' must be a whole number from 1 to 3"),
        (b"4 1 1", ":5:1: document '4' must be a whole number from 1 to 3"),
        (b"2 0 1", ":5:3: word id '0' must be a whole number from 1 to 9"),
        (b"2 10 1", ":5:3: word id '10' must be a whole number from 1 to 9"),
        (b"2 x 1", ":5:3: word id 'x' must be"),
        (b"2 1 -0.5", ":5:5: count '-0.5' must be a whole number from 0 to 16777216"),
        (b"2 1 -1", ":5:5: count '-1' must be"),
        (b"2 1 1.5", ":5:5: count '1.5' must be"),
        (b"2 1 1.0e9", ":5:5: count '1.0e9' must be"),
        (b"2 1 16777217", ":5:5: count '16777217' must be"),
        (b"2 1 99999999999999999999", ":5:5: count '99999999999999999999' must be"),
        (b"2 1", ":5:1: '2 1' must be of the form document, word id, count"),
        (b"2 1 1 1", ":5:1: '2 1 1 1' must be of the form"),
        (b"2:1 1", ":5:1: '2:1 1' must be of the form"),
        (b"2 1 \xff", ":5:5: byte 0xff is not UTF-8"),
    ],
)
def test_bad_lines_are_told_with_line_column_value_and_what_is_allowed(
    file: Path, line: bytes, problem: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(str(file) + problem)}"):
        read(docword(file, b"3\n9\n3\n1 1 1\n" + line + b"\n3 1 1\n"))


def test_the_line_is_right_in_any_block_and_piece(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 50)
    monkeypatch.setattr(lines, "SPAN_BYTES", 200)
    text = "".join(f"{row} 1 1\n" for row in range(1, 101))
    content = f"100\n1\n100\n{text}".replace("\n77 1 1\n", "\n77 2 1\n")
    with pytest.raises(InputError, match=r":80:4: word id '2'"):
        read(docword(file, content.encode(), 1))


def test_bad_lines_up_to_a_number_are_left_out(file: Path) -> None:
    content = b"2\n1\n4\n1 1 1\n1 2 1\nnonsense\n2 1 1\n"
    assert read(docword(file, content, 1), skip_bad=2) == [[1], [1]]
    with pytest.raises(InputError, match=r":6:1: 'nonsense'"):
        read(docword(file, content, 1), skip_bad=1)


def test_counts_of_a_word_that_add_up_to_too_much_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match="document 2: the counts of word id 3 add up to 18000000"):
        read(docword(file, b"2\n3\n3\n1 1 1\n2 3 9000000\n2 3 9000000\n", 3))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"x\n", ":1:1: the number of documents 'x' must be a whole number from 1 to 99999999"),
        (b"2\nx\n1\n", ":2:1: the number of words 'x' must be"),
        (b"2\n9\n-1\n", ":3:1: the number of entries '-1' must be"),
        (b"2\n8\n1\n", ": there are 8 words, but 9 in the vocabulary"),
        (b"9\n2\n1\n", ": there are 2 words, but 9 in the vocabulary; are its rows words?"),
        (b"\xff\n9\n1\n", ":1:1: byte 0xff is not UTF-8"),
        (b"9\n9\n999999\n", ": the header says 999999 entries, and 6 bytes follow"),
    ],
)
def test_bad_headers_are_told(file: Path, header: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(str(file) + problem)}"):
        docword(file, header + b"1 1 1\n")


@pytest.mark.parametrize("promised", [1, 3])
def test_a_file_that_was_cut_off_is_refused(file: Path, promised: int) -> None:
    corpus = docword(file, f"2\n1\n{promised}\n1 1 1\n2 1 1\n".encode(), 1)
    with pytest.raises(InputError, match=f"are 2 entries, but the header says {promised}"):
        read(corpus)


@given(st.binary(max_size=60) | st.text("0123456789 \n\r.", max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_raise_nothing_but_the_error_of_the_module(file: Path, content: bytes) -> None:
    with suppress(InputError):
        with_documents_in_order(docword(file, b"9\n9\n2\n1 1 1\n" + content), read, 0)


# Matrix Market


@pytest.mark.parametrize(
    "content",
    [
        b"%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 2\n1 3 1\n2 2 10\n",
        b"%%MatrixMarket Matrix Coordinate Real General\n%a\n%\n\n2 3 3\n1 1 2.0\n1 3 1\n2 2 1e1\n",
        b"%%MatrixMarket matrix coordinate real general\n2 3 3\n1 1 2\n1 3 1.\n2 2 1.000e+01\n",
    ],
)
def test_integer_and_real_matrices_are_read(file: Path, content: bytes) -> None:
    assert read(matrix_market(file, content)) == [[2, 0, 1], [0, 10, 0]]


def test_a_pattern_matrix_counts_each_word_once(file: Path) -> None:
    content = b"%%MatrixMarket matrix coordinate pattern general\n2 3 2\n1 1\n2 3\n"
    assert read(matrix_market(file, content)) == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("layout", [sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_what_scipy_writes_is_read(
    file: Path, layout: Callable[[NDArray[Any]], Any], dtype: DTypeLike
) -> None:
    counts = np.random.default_rng(1).poisson(3, (40, 30)).astype(dtype)
    with file.open("wb") as stream:
        io.mmwrite(stream, layout(counts))
    corpus = open_matrix_market(file, "matrix", 30)
    assert with_documents_in_order(corpus, read, 0) == counts.tolist()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"%%MatrixMarket\n", ":1: the line must be %%MatrixMarket and four words"),
        (
            b"%%MatrixMarket vector coordinate real general\n",
            ":1: 'vector coordinate real general'",
        ),
        (b"%%MatrixMarket matrix sparse real general\n", "must begin with matrix coordinate or"),
        (
            b"%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n",
            "a symmetric matrix of 2 x 3 is not square",
        ),
        (
            b"%%MatrixMarket matrix coordinate other general\n2 3 1\n1 1 1\n",
            ":1: 'other general' must be one of integer,",
        ),
        (
            b"%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 1\n2 1 1\n",
            ":1: 'real skew-symmetric' must be one of",
        ),
        (b"%%MatrixMarket matrix array pattern general\n1 3\n1\n1\n1\n", "'pattern general'"),
        (b"%%MatrixMarket matrix array real general\n99999 3\n1\n", "before the 299997 numbers"),
        (b"%%MatrixMarket matrix coordinate real general\n2 3\n", ":2:1: '2 3' must be of the"),
        (b"%%MatrixMarket matrix coordinate real general\n%\n2 4 1\n1 1 1\n", "are 4 words, but 3"),
        (b"%%MatrixMarket matrix coordinate real general\n", ":2:1: '' must be of the form"),
    ],
)
def test_other_matrices_are_refused(file: Path, content: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)):
        matrix_market(file, content)


@pytest.mark.parametrize("count", ["1.5", "nan", "inf", "1e400", "1_0", "-1.0", "1e30"])
def test_real_counts_that_are_no_whole_numbers_are_refused(file: Path, count: str) -> None:
    text = f"%%MatrixMarket matrix coordinate real general\n1 3 1\n1 1 {count}\n"
    with pytest.raises(InputError, match=r":3:5: count '.*' must be a whole number from 0"):
        read(matrix_market(file, text.encode()))


def array(kind: str, *numbers: str) -> bytes:
    return f"%%MatrixMarket matrix array {kind}\n%\n".encode() + "\n".join(numbers).encode()


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (array("integer general", "2 3", *"120304"), [[1, 0, 0], [2, 3, 4]]),
        (array("real general", "1 3", "2.0", "0", "1e+01"), [[2, 0, 10]]),
        (array("complex general", "1 3", "2 0", "0 0", "1.0 -0.0"), [[2, 0, 1]]),
        (array("real symmetric", "3 3", *"120304"), [[1, 2, 0], [2, 3, 0], [0, 0, 4]]),
        (
            array("complex hermitian", "3 3", *(f"{n} 0" for n in "120304")),
            [[1, 2, 0], [2, 3, 0], [0, 0, 4]],
        ),
    ],
)
def test_a_matrix_in_full_is_read_by_columns(
    file: Path, content: bytes, rows: list[list[float]]
) -> None:
    assert read(matrix_market(file, content)) == rows
    assert np.array_equal(np.asarray(io.mmread(file)), rows)


def test_entries_of_a_hermitian_matrix_are_mirrored(file: Path) -> None:
    content = b"%%MatrixMarket matrix coordinate complex hermitian\n3 3 2\n1 1 2 0\n3 1 1.0 -0e0\n"
    corpus = matrix_market(file, content)
    assert isinstance(corpus, Triples)
    assert with_documents_in_order(corpus, read, 0) == [[2, 0, 1], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            array("real general", "2 3", *"1203045"),
            "there are 7 numbers, but the header promises 6",
        ),
        (
            array("real symmetric", "3 3", *"12030456789"),
            "are 11 numbers, but the header promises 6",
        ),
        (array("complex general", "1 3", *"200"), "the file ends before the 6 numbers it promises"),
        (array("real general", "1 3", "1 1", "x"), ":5: count 'x' must be a whole number"),
        (array("real general", "1 3", "1 1_0 1"), ":4: count '1_0' must be a whole number"),
        # Blanks of texts, but not of bytes.
        (array("real general", "1 3", "1 \x1c1 1"), r":4: count '\x1c1' must be a whole number"),
        (array("real general", "1 3", "1 1\x85 1"), r":4: count '1\x85' must be a whole number"),
        (array("real general", "1 \u20283", "1 1 1"), r"words '\u20283' must be"),
        (array("real general", "1 3", "1 nan 1"), "document 1, word id 2: count nan must be"),
        (array("complex general", "1 3", "1 0", "2 1", "3 0"), "word id 2: count (2+1j) must be"),
        (
            b"%%MatrixMarket matrix coordinate complex general\n2 3 1\n1 3 2 1\n",
            ":3:7: the imaginary part must be 0",
        ),
    ],
)
def test_a_matrix_of_other_numbers_or_of_more_is_refused(
    file: Path, content: bytes, problem: str
) -> None:
    """Some of these end the process where SciPy reads them."""
    with pytest.raises(InputError, match=re.escape(problem)):
        read(matrix_market(file, content))


# Real input


def test_the_kos_counts_have_the_known_totals(kos: Path, file: Path) -> None:
    file.write_bytes(gzip.decompress((kos / "docword.kos.txt.gz").read_bytes()))
    rows = np.array(read(Triples.open_docword(file, "kos", 6906)))
    assert rows.shape == (3430, 6906)
    assert np.count_nonzero(rows) == 353_160
    assert rows.sum() == 467_714
