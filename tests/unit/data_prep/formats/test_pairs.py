import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.pairs import Pairs
from data_prep.formats.read_options import ReadOptions
from tests.support.readers import dense, read_all


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "corpus.txt"


def read(file: Path, content: bytes, words: int = 9, limit: int | None = None) -> list[list[float]]:
    """Return the documents as dense rows."""
    file.write_bytes(content)
    return dense(Pairs.open(file, str(file), words, ReadOptions(limit=limit)), Tally())


# Good input


def test_ids_count_from_one_and_a_document_is_a_line(file: Path) -> None:
    assert read(file, b"1:2,3:1\n2:10\n", words=3) == [[2, 0, 1], [0, 10, 0]]


def test_counts_are_float32_and_ids_int32(file: Path) -> None:
    file.write_bytes(b"1:16777216\n")
    (block,) = read_all(Pairs.open(file, "corpus", 1), Tally())
    assert (str(block.indptr.dtype), str(block.indices.dtype)) == ("int64", "int32")
    assert (str(block.data.dtype), block.data.tolist()) == ("float32", [16777216])


@pytest.mark.parametrize(
    "content",
    [
        b"1:2\n3:1",
        b"1:2\r\n3:1\r\n",
        b"1:2\n3:1\n\n\r\n \n",
        b"  1:2\t\n3:1\n",
        b"1:2\n00000003:00001\n",
        b"1:1,1:1\n3:1\n",
        b"1:2\n3:1,2:0,1:0.0\n",
        b" 1 : 2.0\t\n3:1.\r\n",
        b"1:2e+00\n3:+1\n",
    ],
)
def test_variants_mean_the_same(file: Path, content: bytes) -> None:
    assert read(file, content, words=3) == [[2, 0, 0], [0, 0, 1]]


def test_ids_may_come_in_any_order(file: Path) -> None:
    assert read(file, b"3:1,1:2,3:4\n2:1\n2:1,1:1\n", words=3) == [[2, 0, 5], [0, 1, 0], [1, 1, 0]]


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \n"])
def test_a_blank_line_is_a_document_without_words(file: Path, blank: bytes) -> None:
    assert read(file, blank + b"1:1\n" + blank * 2 + b"2:1\n", words=2) == [
        [0, 0],
        [1, 0],
        [0, 0],
        [0, 0],
        [0, 1],
    ]


@pytest.mark.parametrize("block", range(1, 18))
@pytest.mark.parametrize("span", [1, 10])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n \n"])
def test_no_document_is_lost_wherever_blocks_and_spans_end(
    file: Path, block: int, span: int, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the end of the last line is all that the last block has."""
    monkeypatch.setattr(lines, "BLOCK_BYTES", block)
    monkeypatch.setattr(lines, "SPAN_BYTES", span)
    assert read(file, b"1:2\n\n2:1,3:2\n2:5" + end, words=3) == [
        [2, 0, 0],
        [0, 0, 0],
        [0, 1, 2],
        [0, 5, 0],
    ]


@pytest.mark.parametrize("limit", [1, 3, 4, 99])
def test_the_limit_keeps_the_first_documents(file: Path, limit: int) -> None:
    content = b"1:1\n\n1:3\n1:4\n"
    assert read(file, content, words=1, limit=limit) == [[1], [0], [3], [4]][:limit]


def test_blank_lines_before_the_limit_are_at_the_end(file: Path) -> None:
    assert read(file, b"1:1\n\n1:3\n", words=1, limit=2) == [[1]]


def test_lines_after_the_limit_are_not_looked_at(file: Path) -> None:
    assert read(file, b"1:1\nnonsense\n", words=1, limit=1) == [[1]]


def test_a_corpus_of_many_blocks_is_read_to_the_end(file: Path) -> None:
    lines = [f"{row % 9 + 1}:{row + 1}" for row in range(100_000)]
    rows = read(file, "\n".join(lines).encode())
    assert [max(row) for row in rows] == list(range(1, 100_001))
    assert read(file, "\n".join(lines).encode(), limit=60_001) == rows[:60_001]


def test_a_line_longer_than_a_block_is_one_document(file: Path) -> None:
    line = ",".join(f"{word}:1" for word in range(1, 100_001))
    assert [sum(row) for row in read(file, f"{line}\n1:5\n".encode(), 100_000)] == [100_000, 5]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 9), st.integers(1, 1 << 20)), max_size=6), min_size=1
    ).filter(lambda documents: bool(documents[-1]))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_documents_are_read_back(file: Path, documents: list[list[tuple[int, int]]]) -> None:
    text = "\n".join(",".join(f"{word}:{count}" for word, count in row) for row in documents)
    totals: list[Counter[int]] = [Counter() for _ in documents]
    for total, document in zip(totals, documents, strict=True):
        for word, count in document:
            total[word] += count
    expected = [[total[word] for word in range(1, 10)] for total in totals]
    plain = read(file, text.encode())
    # A blank in front of the last line leads to the parser that goes line by line.
    careful = read(file, re.sub(r"(.*)$", r" \1", text).encode())
    assert plain == careful == expected


# Bad input


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"0:1", ":2:1: word id '0' must be a whole number from 1 to 9"),
        (b"1:1,10:1", ":2:5: word id '10' must be a whole number from 1 to 9"),
        (b"1:1,x:1", ":2:5: word id 'x' must be a whole number from 1 to 9"),
        (b"-1:1", ":2:1: word id '-1' must be a whole number from 1 to 9"),
        (b"1.0:1", ":2:1: word id '1.0' must be"),
        (b":1", ":2:1: word id '' must be"),
        (b"1_0:1", ":2:1: word id '1_0' must be"),
        (b"99999999999999999999:1", ":2:1: word id '99999999999999999999' must be"),
        ("\u0663:1".encode(), ":2:1: word id '\u0663' must be"),
        (b"1:-0.5", ":2:3: count '-0.5' must be a whole number from 0 to 16777216"),
        (b"1:1,23:-4", ":2:5: word id '23'"),
        (b"1:1,2:-4", ":2:7: count '-4' must be a whole number from 0 to 16777216"),
        (b"1:1.5", ":2:3: count '1.5' must be"),
        (b"1:x", ":2:3: count 'x' must be"),
        (b"1:", ":2:3: count '' must be"),
        (b"1:16777217", ":2:3: count '16777217' must be"),
        (b"1:1:1", ":2:3: count '1:1' must be"),
        (b"1:9000000,1:9000000", ":2:13: the counts of word id 1 add up to 18000000; at most"),
        (b"2:1 3:1", ":2:3: count '1 3:1' must be"),
        (b"1:1,", ":2:5: '' must be of the form id:count"),
        (b",1:1", ":2:1: '' must be of the form id:count"),
        (b"1:1,,2:1", ":2:5: '' must be of the form id:count"),
        (b"1 1", ":2:1: '1 1' must be of the form id:count"),
        (b"  hello", ":2:3: 'hello' must be of the form id:count"),
        (b"x" * 99, f":2:1: '{'x' * 40}...' must be of the form id:count"),
        (b"1:1,\xff:1", ":2:5: byte 0xff is not UTF-8"),
        (b"\x1f\x8b\x08\x00", ":2:2: byte 0x8b is not UTF-8"),
        (b"\x00\x1b[2J", r":2:1: '\x00\x1b[2J' must be of the form id:count"),
    ],
)
def test_bad_lines_are_told_with_line_column_value_and_what_is_allowed(
    file: Path, line: bytes, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(file, b"1:1\n" + line + b"\n1:1\n")
    assert str(caught.value).startswith(f"{file}{problem}")
    assert len(str(caught.value).splitlines()) == 1


def test_the_line_number_counts_all_blocks_and_blank_lines(file: Path) -> None:
    with pytest.raises(InputError, match=r":300003:3: count 'x'"):
        read(file, b"1:1\n\n\r\n" * 100_000 + b"1:1\n1:1\n1:x\n")


def test_an_endless_line_is_refused(file: Path) -> None:
    with pytest.raises(InputError, match=r":2: the line has more than 16777216 bytes"):
        read(file, b"1:1\n" + b"1:1," * (1 << 23))


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\n"])
def test_a_corpus_without_documents_is_refused(file: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="the file has no documents"):
        read(file, content)


@given(st.binary(max_size=60) | st.text("0123456789:,\n\r ", max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_raise_nothing_but_the_error_of_the_module(file: Path, content: bytes) -> None:
    with suppress(InputError):
        assert read(file, content)


_GOOD = re.compile("[1-9]:[1-9][0-9]{0,6}(,[1-9]:[1-9][0-9]{0,6})*")


@given(
    st.integers(1, 8), st.lists(st.sampled_from(["1", "23", ":", ",", "\n", "4:5,"]), max_size=9)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=500)
def test_only_good_lines_are_taken(file: Path, width: int, parts: list[str]) -> None:
    """Wherever they stand in the words of memory that a block is made of."""
    text = "1:" + "1" * min(width, 7) + "\n" + "".join(parts)
    good = all(_GOOD.fullmatch(line) for line in text.split("\n") if line)
    try:
        documents = read(file, text.encode())
    except InputError:
        assert not good
    else:
        assert good
        tokens = sum(map(int, re.findall(":([0-9]+)", text)))
        assert sum(map(sum, documents)) == tokens


# Real input


def test_the_nyt_counts_have_the_known_totals(nyt: Path) -> None:
    corpus = Pairs.open(nyt / "nyt_data.txt", "nyt", 3012)
    blocks = list(read_all(corpus, Tally()))
    assert corpus.documents == 9172
    assert sum(block.data.size for block in blocks) == 877_689
    assert sum(block.data.sum(dtype=float) for block in blocks) == 1_294_534
