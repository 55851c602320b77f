from pathlib import Path

import pytest

from data_prep.corpus import CorpusError
from data_prep.vocabulary import read_vocabulary


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vocab.txt"


def test_the_vocabulary_is_one_word_a_line(file: Path) -> None:
    file.write_bytes("new york\r\nzürich \nid\n\n".encode())
    assert read_vocabulary(file) == ["new york", "zürich", "id"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ": the file is empty, must be one word a line"),
        (b"\n \n", ": the file is empty, must be one word a line"),
        (b"a\n\nb\n", ":2: the line is blank, must be a word"),
        (b"\na\n", ":1: the line is blank, must be a word"),
        (b"a\nb\na\n", ":3: the word 'a' is on line 1 already"),
        (b"a\nb\xff\n", ":2:2: byte 0xff is not UTF-8"),
        ("a\nb\u2028c\n".encode(), r":2: the word 'b\u2028c' contains a line break"),
    ],
)
def test_bad_vocabularies_are_told_with_the_line(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        read_vocabulary(file)
    assert str(caught.value) == f"{file}{problem}"


def test_a_vocabulary_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="Is a directory"):
        read_vocabulary(tmp_path)


def test_a_byte_order_mark_is_not_part_of_the_first_word(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa\nb\n")
    assert read_vocabulary(file) == ["a", "b"]
