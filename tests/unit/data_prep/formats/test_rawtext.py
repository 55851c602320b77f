import re
import sys
from pathlib import Path
from typing import Any

import pytest

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.formats.any_format import open_corpus
from data_prep.formats.read_options import ReadOptions
from tests.support.readers import dense

WHERE: dict[str, Any] = {"jsonl": {"field": ("body",)}, "csv": {"column": ("body",)}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "corpus.txt"


def read(
    path: Path, kind: str = "text", words: list[str] | None = None, **options: Any
) -> tuple[list[str], list[list[float]]]:
    chosen = ReadOptions(format=kind, **options)
    with open_corpus(path, words, chosen) as (found, corpus):
        return list(found), dense(corpus, Tally(chosen.skip_bad))


def test_words_are_counted_a_document_a_line(file: Path) -> None:
    file.write_bytes("\ufeffThe cat, the Cat\nZürich!\n\na b dog\n\n\n".encode())
    assert read(file) == (
        ["cat", "dog", "the", "zürich"],
        [[2, 0, 2, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]],
    )


def test_a_given_vocabulary_keeps_its_ids(file: Path) -> None:
    file.write_text("cat dog cat\nbird\n", encoding="utf-8")
    assert read(file, words=["dog", "US", "cat"]) == (["dog", "US", "cat"], [[1, 0, 2], [0, 0, 0]])


def test_of_words_that_occur_equally_often_the_first_are_kept_on_any_processor(file: Path) -> None:
    words = [f"w{number:03}" for number in range(200)]
    file.write_text(" ".join([*reversed(words), "zebra", "zebra"]) + "\n", encoding="utf-8")
    assert read(file, max_words=100) == ([*words[:99], "zebra"], [[1] * 99 + [2]])


def test_english_stop_words_are_left_out(file: Path) -> None:
    file.write_text("the cat and the dog\n", encoding="utf-8")
    assert read(file, stop_words="english")[0] == ["cat", "dog"]


def test_stop_words_come_from_a_file_as_well(file: Path, tmp_path: Path) -> None:
    (tmp_path / "stop.txt").write_text("cat\ndon't\nThe\n", encoding="utf-8")
    file.write_text("the cat and The dog\n", encoding="utf-8")
    assert read(file, stop_words=str(tmp_path / "stop.txt"))[0] == ["and", "dog"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_df": 2}, ["all", "two"]),
        ({"min_df": 0.6}, ["all", "two"]),
        ({"max_df": 2}, ["one", "two"]),
        ({"max_df": 0.5}, ["one"]),
        ({"max_words": 1}, ["all"]),
    ],
)
def test_the_vocabulary_can_be_narrowed(
    file: Path, options: dict[str, Any], words: list[str]
) -> None:
    file.write_text("all two one\nall two\nall\n", encoding="utf-8")
    assert read(file, **options)[0] == words


def test_the_limit_keeps_the_first_documents(file: Path) -> None:
    file.write_text("cat\ndog\n", encoding="utf-8")
    assert read(file, limit=1) == (["cat"], [[1]])


def test_a_folder_has_a_document_a_file_in_the_order_of_paths(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.txt").write_text("dog\ndog\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("cat", encoding="utf-8")
    (tmp_path / "a.txt").write_text("", encoding="utf-8")
    (tmp_path / "notes.md").write_text("bird", encoding="utf-8")
    assert read(tmp_path, "folder") == (["cat", "dog"], [[0, 0], [0, 2], [1, 0]])


def test_json_lines_have_the_text_in_a_field(file: Path) -> None:
    file.write_text('{"body": "cat", "n": 1}\n\n{"body": "dog\\ndog"}\n', encoding="utf-8")
    assert read(file, "jsonl", field=("body",)) == (["cat", "dog"], [[1, 0], [0, 2]])


def test_csv_has_the_text_in_a_column(file: Path) -> None:
    file.write_text('id,body\r\n1,"cat,\r\n""cat"""\r\n2,dog\r\n', encoding="utf-8", newline="")
    assert read(file, "csv", column=("body",)) == (["cat", "dog"], [[2, 0], [0, 1]])


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_csv_may_have_other_delimiters(file: Path, delimiter: str) -> None:
    file.write_text(f"id{delimiter}body\n1{delimiter}cat, cat\n", encoding="utf-8")
    assert read(file, "csv", column=("body",)) == (["cat"], [[2]])


@pytest.mark.parametrize(
    "content",
    [
        b"\n \nid,body\n1,cat cat\n",
        b"id, body\n1, cat cat\n",
        b" body ;id\ncat cat;1\n",
        b'"id"\t"body"\n1\tcat cat\n',
        b"id,body\r\n1,cat\x00cat\r\n",
    ],
)
def test_blanks_around_a_header_mean_nothing(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert read(file, "csv", column=("body",)) == (["cat"], [[2]])


def test_a_row_of_one_empty_column_is_a_document(file: Path) -> None:
    file.write_bytes(b'body\n"cat cat"\n""\n\n"cat dog"\n')
    assert read(file, "csv", column=("body",))[1] == [[2, 0], [0, 0], [1, 1]]


def test_several_columns_or_fields_are_joined_in_their_order(file: Path) -> None:
    file.write_text("title,id,body\ncat,1,dog dog\n", encoding="utf-8")
    assert read(file, "csv", column=("body", "title")) == (["cat", "dog"], [[1, 2]])
    file.write_text('{"title": "cat", "body": "dog dog"}\n', encoding="utf-8")
    assert read(file, "jsonl", field=("body", "title")) == (["cat", "dog"], [[1, 2]])


def test_bad_lines_are_tolerated_where_text_is_a_guess_too(file: Path) -> None:
    file.write_bytes(b"\xff\ncat dog cat\n")
    with open_corpus(file, ["cat"], ReadOptions(skip_bad=1)) as (_, corpus):
        assert dense(corpus, Tally(1)) == [[0], [2]]


def test_bad_lines_up_to_a_number_are_documents_without_words(file: Path) -> None:
    file.write_bytes(b'{"body": "cat"}\nnonsense\n{"text": "x"}\n{"body": "dog"}\n')
    assert read(file, "jsonl", field=("body",), skip_bad=2)[1] == [[1, 0], [0, 0], [0, 0], [0, 1]]
    with pytest.raises(InputError, match=":3: "):
        read(file, "jsonl", field=("body",), skip_bad=1)


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("text", b"cat\ndog \xff\n", ":2:5: byte 0xff is not UTF-8"),
        ("text", b"", ": there is no word that is no stop word"),
        ("text", b"a b c\n", ": there is no word"),
        ("jsonl", b'{"body": "cat"}\n{"body": }\n', ":2:10: not JSON: Expecting value"),
        ("jsonl", b'{"body": 1}\n', ":1: '{\"body\": 1}' must be an object with a text 'body'"),
        ("jsonl", b'{"text": "cat"}\n', ':1: \'{"text": "cat"}\' must be an object with'),
        ("jsonl", b"[]\n", ":1: '[]' must be an object with a text 'body'"),
        ("jsonl", b"[" * 100_000, ":1: not JSON: "),
        ("jsonl", b"1" * 5000, ":1: not JSON: "),
        ("csv", b"id,text\n1,cat\n", ":1: there is no column 'body'; there are 'id, text'"),
        (
            "csv",
            b"# of 2024\nid,body\n1,cat\n",
            ":1: there is no column 'body'; there are '# of 2024'; leave out the lines",
        ),
        (
            "csv",
            b"sep=;\nid;n;body\n1;2;cat\n",
            ":1: there is no column 'body'; there are 'sep=;'; leave",
        ),
        (
            "csv",
            b"id,body\r1,cat\r",
            ":1: not CSV: new-line character seen in unquoted field in the",
        ),
        (
            "jsonl",
            b'[\n{"body": "cat"}\n]\n',
            ":1:1: not JSON: Expecting value; each line must be a",
        ),
        (
            "jsonl",
            b'{"body": "12"}\n{"body": "7 2.5"}\n',
            ": there are numbers, not text, in 'body'",
        ),
        ("csv", b"id,body\n1,cat\n2\n", ":3: 1 columns, must be 2"),
        ("csv", b"id,body\n1,red apple, pie\n", ":2: 3 columns, must be 2"),
        ("csv", b'id,body\n1,"cat\n2,dog\n', ":2: not CSV: unexpected end of data in the row that"),
        ("csv", b'id,body\n1,"cat" dog\n2,x\n', ":2: not CSV: ',' expected after '\"'"),
        ("csv", b"body,body\n1,cat\n", ":1: there is more than one column 'body'"),
        ("csv", b"id,body\n1,\xff\n", ":2:3: byte 0xff is not UTF-8"),
    ],
)
def test_bad_input_is_told_with_its_line(
    file: Path, kind: str, content: bytes, problem: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"^{re.escape(str(file) + problem)}") as caught:
        read(file, kind, **WHERE.get(kind, {}))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("kind", "option"), [("jsonl", "--field"), ("csv", "--column")])
def test_where_the_text_is_must_be_said(file: Path, kind: str, option: str) -> None:
    file.write_text("x\n", encoding="utf-8")
    with pytest.raises(InputError, match=option):
        read(file, kind)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file in the folder"):
        read(tmp_path, "folder")


def test_texts_of_a_folder_may_have_any_names_if_none_is_a_txt_file(tmp_path: Path) -> None:
    (tmp_path / "sci.med").mkdir()
    (tmp_path / "sci.med" / "58001").write_text("cat\n\ncat dog\n", encoding="utf-8")
    (tmp_path / "58000").write_text("dog", encoding="utf-8")
    (tmp_path / ".DS_Store").write_bytes(b"\x00")
    assert read(tmp_path, "folder") == (["cat", "dog"], [[0, 1], [2, 1]])


@pytest.mark.parametrize("content", ['{"body": "cat"}\n', "id,body\n1,cat\n2,dog\n"])
def test_a_table_is_no_text_of_a_folder_unless_its_name_says_so(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "a").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="a: this is not text; it looks like the format"):
        read(tmp_path, "folder")
    (tmp_path / "a").rename(tmp_path / "a.txt")
    assert "cat" in read(tmp_path, "folder")[0]


def test_names_of_texts_may_have_capital_letters(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("cat", encoding="utf-8")
    (tmp_path / "B.TXT").write_text("dog", encoding="utf-8")
    with open_corpus(tmp_path, None, ReadOptions()) as (_, corpus):
        assert corpus.documents == 2


def test_a_text_of_the_folder_that_is_not_utf_8_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"cat\n\xff")
    with pytest.raises(InputError, match=r"a\.txt:2:1: byte 0xff is not UTF-8"):
        read(tmp_path, "folder")


def test_a_vocabulary_that_keeps_no_word_is_refused(file: Path) -> None:
    file.write_text("cat\ndog\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"in at least 2 and at most 2\.0 of 2 documents"):
        read(file, min_df=2)


def test_without_scikit_learn_the_error_says_what_is_needed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("cat\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(InputError, match="raw text needs scikit-learn"):
        read(file)


def test_a_link_that_leads_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    """However it gets out, and whether it is followed by name or through another link."""
    secret = tmp_path / "secret"
    secret.write_text("key", encoding="utf-8")
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("cat", encoding="utf-8")
    for target in (secret, Path("../secret"), tmp_path / "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(secret)
        (folder / "b.txt").symlink_to(target)
        with pytest.raises(InputError, match=r"b\.txt: the link leads out of the folder"):
            read(folder, "folder")
        (folder / "b.txt").unlink()


def test_links_out_of_the_folder_can_be_skipped_as_bad_files(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (tmp_path / "secret").write_text("key", encoding="utf-8")
    (folder / "a.txt").write_text("cat", encoding="utf-8")
    (folder / "b.txt").symlink_to(tmp_path / "secret")
    assert read(folder, "folder", skip_bad=1) == (["cat"], [[1], [0]])


def test_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    """Also when the folder itself is given by a link."""
    folder = tmp_path / "texts"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "a.txt").write_text("cat", encoding="utf-8")
    (folder / "b.txt").symlink_to("below/a.txt")
    (tmp_path / "link").symlink_to(folder)
    assert read(tmp_path / "link", "folder") == (["cat"], [[1], [1]])
