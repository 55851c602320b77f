import gzip
import pickle
import subprocess
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.vocabulary import NumberedWords, read_vocabulary


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vocab.txt"


def test_the_vocabulary_is_one_word_a_line(file: Path) -> None:
    file.write_bytes("new york\r\nzürich \nid\n\n".encode())
    assert read_vocabulary(file) == ["new york", "zürich", "id"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ": the file is empty; it must have one word on each line"),
        (b"\n \n", ": the file is empty; it must have one word on each line"),
        (b"a\n\nb\n", ":2: the line is blank; it must be a word"),
        (b"\na\n", ":1: the line is blank; it must be a word"),
        (b"a\nb\na\n", ":3: the word 'a' is on line 1 already"),
        (b"a\nb\xff\n", ":2:2: byte 0xff is not UTF-8"),
        ("a\nb\u2028c\n".encode(), r":2: the word 'b\u2028c' contains a line break"),
        (b"a\nb\x1b[2J\n", r":2: the word 'b\x1b[2J' contains a control character"),
        (b"a\nb\tc\n", r":2: the word 'b\tc' contains a control character"),
        (b"a\nb\x00\n", r":2: the word 'b\x00' contains a control character"),
        ("a\n\u202ebc\n".encode(), r":2: the word '\u202ebc' contains a control character"),
    ],
)
def test_bad_vocabularies_are_told_with_the_line(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_vocabulary(file)
    assert str(caught.value) == f"{file}{problem}"


def test_a_vocabulary_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        read_vocabulary(tmp_path)


def test_a_byte_order_mark_is_not_part_of_the_first_word(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa\nb\n")
    assert read_vocabulary(file) == ["a", "b"]


@pytest.mark.parametrize(
    "content",
    [
        b"0\tapple\t2\n1\tbear\t1\n",
        b"2\n1\tbear\t1\n0\tapple\t2\n",
        b"id,word\n0,apple\n1,bear\n",
        b"apple 12\nbear 3\n",
        b"apple; 12\nbear; 3\n",
        b"word;id;count\nbear;2;7\napple;1;7\n",
    ],
)
def test_numbers_beside_the_words_are_refused_with_a_command_that_takes_the_words_out(
    file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"have [23] columns, but must have one word; ") as caught:
        read_vocabulary(file)
    command = str(caught.value).partition("extract the words: ")[2]
    done = subprocess.run(command, shell=True, check=True, capture_output=True)
    file.write_bytes(done.stdout)
    assert read_vocabulary(file) == ["apple", "bear"]


@pytest.mark.parametrize(
    "words", [["10", "9"], ["new york", "area 51"], ["area 51"], ["a,b", "c,d"]]
)
def test_numbers_blanks_and_commas_may_be_in_words(file: Path, words: list[str]) -> None:
    file.write_text("\n".join(words), encoding="utf-8")
    assert read_vocabulary(file) == words


def test_characters_of_a_spelling_that_do_not_show_are_kept(file: Path) -> None:
    words = [
        "\u0645\u06cc\u200c\u062e",
        "New\xa0York",
        "Donau\xaddampf",
        "\U0001f469\u200d\U0001f467",
        "\ue000",
    ]
    file.write_text("\n".join(words), encoding="utf-8")
    assert read_vocabulary(file) == words


@pytest.mark.parametrize(
    "content", [b'"apple"\n"bear"\n', b'"","x"\r\n"1","apple"\r\n"2","bear"\r\n']
)
def test_quotes_around_words_are_not_taken_for_parts_of_words(file: Path, content: bytes) -> None:
    """R writes them, and a first line that is no word: all ids would be one off."""
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"each line is in quotes, .*; tr -d"):
        read_vocabulary(file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"'apple'\n'bear'\n", "each line is in quotes, but must be just a word; tr -d"),
        (b"apple,\nbear,\ncat\n", "each line ends with a comma, .*; tr -d , removes"),
        (b"- apple\n- bear\n", "each line begins with a dash, .*; cut -c 3-"),
        (b"0|apple\n1|bear\n", r"the lines have 2 columns, .*; .* awk -F'\|'"),
        (b"apple:0\nbear:1\n", "the lines have 2 columns"),
        (b"apple=0\nbear=1\n", "the lines have 2 columns"),
        ("apple\nbear\n".encode("utf-16"), "not a vocabulary, but text in UTF-16; iconv"),
        (gzip.compress(b"apple\nbear\n", mtime=0), "not a vocabulary, but a compressed file"),
        (pickle.dumps(["apple", "bear"]), "not a vocabulary, but a pickle"),
    ],
)
def test_lists_of_words_in_other_forms_are_told_by_name(
    file: Path, content: bytes, problem: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        read_vocabulary(file)
    assert len(str(caught.value).splitlines()) == 1


def test_a_word_may_be_in_quotes_where_others_are_not(file: Path) -> None:
    file.write_text('"\n"apple"\nbear\n', encoding="utf-8")
    assert read_vocabulary(file) == ['"', '"apple"', "bear"]


def test_numbered_words_are_not_made_before_they_are_asked_for() -> None:
    ids = NumberedWords(1 << 40)
    assert (len(ids), ids[7], ids[-1], ids[2:4]) == (1 << 40, "7", str((1 << 40) - 1), ["2", "3"])


@pytest.mark.parametrize("first", ["ORC", "PAR", "SQLite format", "pickle"])
def test_a_word_may_be_like_the_start_of_a_file_of_another_program(file: Path, first: str) -> None:
    file.write_text(f"{first}\nelf\n")
    assert read_vocabulary(file) == [first, "elf"]
