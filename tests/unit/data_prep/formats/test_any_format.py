"""What is opened, whatever it is and wherever it comes from."""

import gzip
import io
import lzma
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from data_prep.convert import convert
from data_prep.corpus import Corpus, Tally
from data_prep.errors import InputError
from data_prep.formats import plain_file
from data_prep.formats.any_format import open_corpus
from data_prep.formats.known import FORMATS
from data_prep.formats.plain_file import STANDARD_INPUT
from data_prep.formats.read_options import ReadOptions
from data_prep.shards import write_shards
from tests.support.readers import dense

PAIRS = b"1:2,3:1\n2:10\n"
DOCWORD = b"2\n3\n3\n1 1 2\n1 3 1\n2 2 10\n"
MATRIX_MARKET = b"%%MatrixMarket matrix coordinate integer general\n" + DOCWORD.replace(
    b"\n", b" ", 2
)
TEXT = b"one one three\n" + b"two " * 10 + b"\n"
ROWS = [[2, 0, 1], [0, 10, 0]]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocab.txt"
    path.write_text("one\ntwo\nthree\n", encoding="utf-8")
    return path


def read(path: Path, vocabulary: Path | None, **options: object) -> list[list[float]]:
    with open_corpus(path, vocabulary, ReadOptions(**options)) as (words, corpus):  # type: ignore[arg-type]
        assert corpus.vocabulary_size == len(words)
        return dense(corpus, Tally())


def packed() -> bytes:
    stream = io.BytesIO()
    sparse.save_npz(stream, sparse.csr_matrix(np.array(ROWS)))
    return stream.getvalue()


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
@pytest.mark.parametrize("content", [PAIRS, DOCWORD, MATRIX_MARKET, TEXT, packed()])
def test_the_format_is_told_from_the_content_whatever_the_name(
    tmp_path: Path, vocabulary: Path, content: bytes, wrap: type
) -> None:
    (tmp_path / "corpus.dat").write_bytes(wrap(content))
    assert read(tmp_path / "corpus.dat", vocabulary) == ROWS


def test_text_fields_and_columns_tell_the_format(tmp_path: Path, vocabulary: Path) -> None:
    file = tmp_path / "corpus"
    file.write_text('{"a": "one one three"}\n', encoding="utf-8")
    assert read(file, vocabulary, field=("a",)) == ROWS[:1]
    file.write_text("a\none one three\n", encoding="utf-8")
    assert read(file, vocabulary, column=("a",)) == ROWS[:1]


def test_a_folder_is_read_as_texts(tmp_path: Path, vocabulary: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "1.txt").write_text("one one three", encoding="utf-8")
    assert read(tmp_path / "texts", vocabulary) == ROWS[:1]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"corpus.mtx": MATRIX_MARKET, "vocab.txt": b"one\ntwo\nthree\n"},
            r"besides \.txt files there are others, such as corpus\.mtx; name one file, or --for",
        ),
        (
            {"a": b"one two\nthree\n", "b": b"one\n"},
            "--format folder makes a document of each file",
        ),
        ({"barcodes.tsv": b"one\ntwo\n", "matrix.mtx": MATRIX_MARKET}, "the files look like text;"),
        (
            {"a.txt": b'{"body": "one"}\n', "b.txt": b"two"},
            r"a\.txt: .* the format jsonl \(the format folder is a guess; --format overrules it\)$",
        ),
        (
            {"a.txt": b"id,body\n1,one\n"},
            "it looks like the format csv .the format folder is a guess",
        ),
    ],
)
def test_what_is_a_document_in_a_folder_is_asked_for_in_doubt(
    tmp_path: Path, vocabulary: Path, files: dict[str, bytes], problem: str
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read(folder, vocabulary)


def test_the_format_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(b"12:30, lunch\n")
    assert read(tmp_path / "corpus", None, format="text") == [[1, 1, 1]]


def test_raw_text_needs_no_vocabulary_and_makes_one(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(TEXT)
    with open_corpus(tmp_path / "corpus", None, ReadOptions()) as (words, _):
        assert words == ["one", "three", "two"]


@pytest.mark.parametrize("content", [PAIRS, DOCWORD, MATRIX_MARKET])
def test_other_formats_need_a_vocabulary(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(InputError, match="needs --vocab"):
        read(tmp_path / "corpus", None)


@pytest.mark.parametrize("content", [PAIRS, gzip.compress(DOCWORD, mtime=0)])
def test_standard_input_is_read(
    vocabulary: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.BufferedReader(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    assert read(STANDARD_INPUT, vocabulary) == ROWS


def test_a_pipe_is_read(tmp_path: Path, vocabulary: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(PAIRS,))
    writer.start()
    assert read(tmp_path / "pipe", vocabulary) == ROWS
    writer.join()


def test_what_was_kept_meanwhile_is_removed(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "corpus").write_bytes(gzip.compress(PAIRS))
    before = sorted(tmp_path.iterdir())
    with open_corpus(tmp_path / "corpus", vocabulary, ReadOptions()):
        assert len(list(tmp_path.iterdir())) == len(before) + 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file has no documents"),
        (b"\n \n", "the file has no documents"),
        (b"\xef\xbb\xbf", "the file has no documents"),
        (gzip.compress(b"", mtime=0), "the file has no documents"),
        (gzip.compress(PAIRS * 99, mtime=0)[:-9], "not a whole gzip file"),
        (gzip.compress(PAIRS, mtime=0) + b"more", "not a whole gzip file"),
        (gzip.compress(PAIRS, mtime=0).replace(b"\x08", b"\x09", 1), "not a whole gzip file"),
        (b"\x89PNG\r\n\x1a\n", "neither word counts of a known format nor prose"),
        (b"PK\x03\x04" + bytes(26) + b"data.npy and more", "not a matrix of SciPy or NumPy"),
        (b"hello\n", "none of the words of the text is in the vocabulary"),
        (b"1 1\n", "neither word counts of a known format nor prose"),
        (b"hello\n1:1\n", ":1:1: 'hello' must be of the form id:count"),
        (b"x:1\n", ":1:1: word id 'x' must be"),
        (b"1:x,2:1\n", ":1:3: count 'x' must be"),
    ],
)
def test_what_can_not_be_read_is_told_by_name(
    tmp_path: Path, vocabulary: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "corpus.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        read(file, vocabulary)
    assert str(caught.value).startswith(str(file))
    assert len(str(caught.value).splitlines()) == 1


def test_a_corpus_that_is_not_there_is_refused(tmp_path: Path, vocabulary: Path) -> None:
    with pytest.raises(InputError, match="no-corpus: No such file or directory"):
        read(tmp_path / "no-corpus", vocabulary)


def test_an_error_of_the_work_itself_is_not_taken_for_one_of_the_corpus(
    tmp_path: Path, vocabulary: Path
) -> None:
    def work(_: Corpus) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "corpus").write_bytes(PAIRS)
    with (
        pytest.raises(OSError, match="No space left"),
        open_corpus(tmp_path / "corpus", vocabulary, ReadOptions()) as (_, corpus),
    ):
        work(corpus)


@pytest.mark.parametrize(
    ("content", "given", "problem"),
    [
        (PAIRS, {"stop_words": "english"}, "--stop-words is for raw text, and the format is pairs"),
        (DOCWORD, {"min_df": 2}, "--min-df is for raw text, and the format is docword"),
        (
            TEXT,
            {"max_df": 0.5},
            "--max-df chooses words, but --vocab has chosen them: give one of them",
        ),
        (
            TEXT,
            {"max_words": 2},
            "--max-words chooses words, but --vocab has chosen them: give one of them",
        ),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    tmp_path: Path, vocabulary: Path, content: bytes, given: dict[str, object], problem: str
) -> None:
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(InputError, match=f"corpus: {problem}$"):
        read(tmp_path / "corpus", vocabulary, **given)


NUMBERS = "this is neither word counts of a known format nor prose"
COLUMNS = "this looks like a table with blanks between its columns"
LAYOUT = "this looks like counts in a layout that is not known"


STATE = b"#doc source pos typeindex type topic\n#alpha : 0.1 0.1\n0 NA 0 0 one 1\n0 NA 1 1 two 1\n"
WIDE = b",".join(b"word%d" % n for n in range(9999)) + (b"\n" + b",".join([b"0"] * 9999)) * 9
STRANGE = [
    (b"1:2 3:1\n4:2 1:1\n", LAYOUT),
    (b"| one:2 two:1\n| two:1\n", LAYOUT),
    (b"one:2 two:1\nthree:1 two:4\n", LAYOUT),
    (b"1 1 2\n2 3 1\n", COLUMNS),
    (b"d1 one 2\nd2 two 1\n", COLUMNS),
    (b"doc one two three\nd1 2 0 1\nd2 0 0 3\n", COLUMNS),
    (b"id,one,two\nd1,2,0\nd2,0,3\n", "a table of numbers; there are 'id, one, two'"),
    (b"doc\tword\tn\nd1\tone\t2\nd2\ttwo\t1\n", COLUMNS),
    (b"id;body\n1;one, two\n2;three\n", "a CSV file needs --column.* there are 'id, body'"),
    (b'id,body\n1,"one\n2,two\n', "a CSV file needs --column"),
    (b"id,body\n1,one, two\n2,two\n3,one\n", "a CSV file needs --column"),
    (b'{"id": 1, "body": "one"}\n', "JSON Lines need --field.* there are 'id, body'"),
    (b'[{"body": "one"}]\n', "a JSON array or a list of Python, which is not read; jq"),
    (b"[(0, 2), (2, 1)]\n[(1, 1)]\n", "a list of Python, which is not read; .*MmCorpus"),
    (b"<html><body>one</body></html>\n", "this looks like XML or HTML"),
    (b"2\none two three\none\n", "lines with their number in front, as gensim's LowCorpus"),
    (b"d1 __unknown__ one one\nd2 __unknown__ two\n", "lines with a name or a number in front"),
    (b"10 en one two\n11 en three\n", "lines with a name or a number in front .* Mallet"),
    (b"10\ten\tone two\n11\ten\tthree\n", "lines with a name or a number in front"),
    (b"one two\rthree\r", "lines that end with a carriage return alone, .*; tr "),
    (b"Counter({'one': 2, 'two': 1})\nCounter({'two': 1})\n", "a list of Python"),
    (b"@relation one\n@attribute two numeric\n@data\n1\n", "an ARFF file"),
    (b"2.00e+00 0.00e+00\n1.00e+00 1.00e+00\n", COLUMNS),
    (b",one,two\nd1,2,\nd2,,3\n", "a table of numbers; there are ', one, two'"),
    (b'{"one": 2, "two": 1}\n{"two": 3}\n', "JSON Lines need --field"),
    (b'{"one":2,"two":1}\n{"two":3}\n', "JSON Lines need --field"),
    (gzip.compress(gzip.compress(PAIRS, mtime=0), mtime=0), "a compressed file"),
    (lzma.compress(PAIRS), "a compressed file, which is not read; unpack it"),
    (lzma.compress(PAIRS, lzma.FORMAT_ALONE), "a compressed file"),
    (b"\x04\x22\x4d\x18" + PAIRS, "a compressed file"),
    (b"\x1f\x9d\x90" + PAIRS, "a compressed file"),
    (gzip.compress(b"RDX3\nX\n\x00\x00", mtime=0), "data of R, which is not read; Matrix::"),
    (
        b"PK\x03\x04\x14" + bytes(21) + b"\x13\x00\x00\x00[Content_Types].xml<x/>",
        "a zip archive, or a ",
    ),
    (b"\xac\xed\x00\x05sr\x00\x1ecc.mallet.types.InstanceList", "Java's objects, as Mallet"),
    (STATE, "a state of Mallet, .*; convert the texts"),
    (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a file of MATLAB"),
    ("one two".encode("utf-16-le"), "text in UTF-16, which is not read; iconv"),
    ("one two".encode("utf-16-be"), "text in UTF-16, which is not read; iconv"),
    (PAIRS.decode().encode("utf-16-le"), "text in UTF-16, which is not read; iconv"),
    ("one two".encode("utf-32"), "text in UTF-32, which is not read; iconv -f UTF-32"),
    (b"%PDF-1.7\nstream\n", "a PDF file, which is not read; pdftotext"),
    (b"PAR1\x15\x04", "a Parquet file, which is not read; pandas"),
    (b"BZh91AY&SY", "a compressed file, which is not read; unpack it"),
    (b"\x80\x04\x95\x10\x00", "a pickle of Python, which could run any program"),
    ("one two".encode("utf-16"), "text in UTF-16, which is not read; iconv"),
    (b"\x00" * 257 + b"ustar\x0000", "a tar archive, which is not read; unpack it"),
    (b"id, body\n1,one two\n2,three\n", "a CSV file needs --column"),
    (
        b"# of 2024\nid,body\n1,one two\n2,three\n",
        "a CSV file needs --column.* there are 'id, body'",
    ),
    (b"sep=;\nid;n;body\n1;x;one two\n2;x;three\n", "a CSV file needs --column.* are 'id, n, b"),
    (b"9\n0\tone\t2\n1\ttwo\t1\n2\tthree\t4\n", "a table of numbers"),
    (b"id,body\n1,one two\n2,three\rfour five, six\n", "a CSV file needs --column"),
    (b"d,w,n\na,one,2\na,two,1\nb,one,1\n", "a table of single words and numbers.* 'd, w, n'"),
    (b"one,two\nTrue,False\nFalse,True\nTrue,True\n", "a table of single words and numbers"),
    (b'"id" "body"\n"1" 7 "one two"\n"2" 8 "a ""b"""\n"3" 9 "c"\n"4" 10 "d"\n', COLUMNS),
    (b"one 2 two 1\nthree 1\n", LAYOUT),
    (b"2 one 1 two\n1 three\n", LAYOUT),
    (b"one=2 two=1\nthree=1\n", LAYOUT),
    (b"one(2), two(1)\nthree(1)\n", LAYOUT),
    (b"one:2,two:1\nthree:1\n", LAYOUT),
    (b'"one\\ntwo"\n"three"\n', "strings of JSON or Python, which is not read; jq"),
    (b'// one\n{"body": "one"}\n{"body": "two"}\n', "JSON Lines need --field"),
    (b"% one\n% two\n\n@RELATION one\n", "an ARFF file"),
    (b"\n%PDF-1.7\none two\n", "a PDF file"),
    (b"%!PS-Adobe-3.0\n(one two) show\n", "a PostScript file"),
    (b"(lp0\nVone two\np1\naVthree\np2\na.", "a pickle of Python"),
    (b"ccopy_reg\n_reconstructor\np0\n(one two three", "a pickle of Python"),
    (b"SQLite format 3\x00one two", "a table or database of another program, .*; pandas"),
    (b"ORC\n\x06\x12\x04\x08\x07P\x00one two", "an ORC file"),
    (b"ARROW1\x00\x00one two", "a table or database of another program"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1one two", "such as Arrow, Stata, SPSS, SQLite or Excel"),
    (WIDE, "a table of numbers"),
    (WIDE.replace(b",", b"\t"), COLUMNS),
    (b"id,body\n1," + b"one two " * 9999 + b"\n2,three\n", "a CSV file needs --column"),
    (b'"3","one","two, \\$5"\n"4","two","one"\n', "a CSV file needs --column"),
    (b"1e2" * (1 << 20), NUMBERS),  # in linear time
    (b"ab" * (1 << 20) + b"\x00", NUMBERS),
    (b"1999\n2000\n", NUMBERS),
    (b"7 8\n1.5 2.5 x\n", NUMBERS),
    (b"one two\x00three four\n", NUMBERS),
    (b"---\n***\n", NUMBERS),
]


@pytest.mark.parametrize(("content", "problem"), STRANGE)
@pytest.mark.parametrize("given", [True, False], ids=["vocabulary", "no vocabulary"])
def test_what_is_not_recognised_is_not_taken_for_text(
    tmp_path: Path, vocabulary: Path, content: bytes, problem: str, given: bool
) -> None:
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(InputError, match=f"corpus: .*{problem}") as caught:
        read(tmp_path / "corpus", vocabulary if given else None)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("wrong", [name for name, each in FORMATS.items() if each.open])
@pytest.mark.parametrize("content", [content for content, _ in STRANGE])
def test_what_is_not_recognised_is_of_no_format_of_counts_either(
    tmp_path: Path, vocabulary: Path, content: bytes, wrong: str
) -> None:
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(InputError, match=r"corpus") as caught:
        read(tmp_path / "corpus", vocabulary, format=wrong)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content",
    [
        "One, two.\nThree\n",
        "one\n",
        "\u092e\u0947\u0902 \u0939\u0948\n",
        "At 12:30, lunch\nAt 13:45, one more\n",
        "1999 was one\nTwo came in 2000\n",
        "One, two, three (1999).\nTwo, three, one (2000).\n",
        "10:30, a.m., we met\nall of us\nand it was good\n",
    ],
)
def test_prose_is_text(tmp_path: Path, content: str) -> None:
    (tmp_path / "corpus").write_text(content, encoding="utf-8")
    with open_corpus(tmp_path / "corpus", None, ReadOptions()) as (words, corpus):
        assert words
        assert corpus.documents == content.count("\n")


@pytest.mark.parametrize(
    "content", [b"one:2 two\n", b"one 5\ntwo 6\n", b"<b>one</b>\n", b"one,two\ntwo,one\n"]
)
def test_what_only_looks_odd_is_text_when_the_format_says_so(
    tmp_path: Path, vocabulary: Path, content: bytes
) -> None:
    (tmp_path / "corpus").write_bytes(content)
    assert read(tmp_path / "corpus", vocabulary, format="text")[0][0] == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"1:10\n2:30\n", "looks like the format pairs"),
        (DOCWORD, "looks like the format docword"),
        (b"2 0:10 2:30\n", "looks like the format ldac"),
        (b'{"body": "one"}\n', "looks like the format jsonl"),
        (b"id,body\n1,one\n", "looks like the format csv"),
        (b"%PDF-1.7\n", "but a PDF file; pdftotext"),
        (b"one:2 two:1\nthree:1\n", "but counts in a layout that is not known"),
        (b"1 1 2\n1 2 12\n", "hardly any letters at its start"),
        (b"d1\t10:2 12:33\n", "hardly any letters"),
        (packed(), "looks like the format npz"),
    ],
)
def test_counts_and_tables_are_no_text_even_when_the_format_says_so(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(InputError, match=f"this is no text, {problem}|{problem}"):
        read(tmp_path / "corpus", None, format="text")


def test_a_folder_of_counts_is_no_folder_of_texts(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "1.txt").write_bytes(b"1:10,2:30\n")
    with pytest.raises(
        InputError, match=r"1\.txt: this is not text; it looks like the format pairs"
    ):
        read(tmp_path / "folder", None)


def test_what_is_certainly_something_else_is_told_whatever_options_say(
    tmp_path: Path, vocabulary: Path
) -> None:
    (tmp_path / "corpus").write_bytes("id,body\n1,one\n".encode("utf-16"))
    for options in ({"column": ("body",)}, {"field": ("body",)}, {"format": "pairs"}):
        with pytest.raises(
            InputError, match=r"corpus: this is not of .* but text in UTF-16; iconv"
        ):
            read(tmp_path / "corpus", vocabulary, **options)


@pytest.mark.parametrize(
    "content",
    [
        b"d,w,n\na,one,2\na,two,1\nb,one,1\n",
        b"d;w;n\na;one;2,0\na;two;1,0\nb;one;1,0\n",
        b"d,w\na,one\na,two\na,one\n",
        b"w,one,two\na,2,NA\nb,NA,2\nc,NA,NA\n",
        b"w,one,two\nTrue,False,True\nFalse,False,True\nTrue,True,True\n",
    ],
)
def test_words_with_their_counts_beside_them_are_no_texts_of_a_column(
    tmp_path: Path, content: bytes
) -> None:
    """Or each row of a table of counts would be a document of one word."""
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(
        InputError, match=r"single words of a table of counts, not text, in 'w'.*npz"
    ):
        read(tmp_path / "corpus", None, column=("w",))


def test_single_words_are_texts_where_others_have_several(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(b"label,body\n1,one\n1,two\n2,one\n2,one two\n")
    assert read(tmp_path / "corpus", None, column=("body",)) == [[1, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("column", [("n",), ("n", "m")])
def test_numbers_are_no_text_of_a_column(tmp_path: Path, column: tuple[str, ...]) -> None:
    """Or the counts of a table would become words."""
    (tmp_path / "corpus").write_bytes(b"n,m,body\n12,1.5,one\n13,,two\n")
    with pytest.raises(InputError, match=r"there are numbers, not text, in 'n.*there are 'n, m,"):
        read(tmp_path / "corpus", None, column=column)


def test_empty_files_of_a_folder_have_no_documents(tmp_path: Path, vocabulary: Path) -> None:
    """Spark writes a file for each partition."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "part-0").write_bytes(b"")
    (folder / "part-1").write_bytes(PAIRS)
    (folder / "part-2.gz").write_bytes(gzip.compress(b""))
    assert read(folder, vocabulary) == ROWS
    (folder / "part-1").unlink()
    with pytest.raises(InputError, match=r"part-0: the file has no documents$"):
        read(folder, vocabulary)


def test_a_prepared_folder_is_not_read_as_its_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / "vocab.txt").write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"prepared already; name the file .* as train\.recordio"):
        read(tmp_path, None)


@pytest.mark.parametrize("content", [b"hello\n", b"x:1\n1:1\nx:1\n", b"3 1:2\n1 3:x\n"])
def test_a_guess_that_fails_says_that_it_was_one(
    tmp_path: Path, vocabulary: Path, content: bytes
) -> None:
    vocabulary.write_text("a\nb\n", encoding="utf-8")
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(InputError, match=r"\(the format \w+ is a guess; --format overrules it\)$"):
        read(tmp_path / "corpus", vocabulary)


def test_a_guess_is_not_told_in_an_error_of_another_corpus(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(TEXT)
    (tmp_path / "test").write_bytes(b"four\n")
    for name, problem in (("test", "none of the words.*overrules it"), ("gone", "No such file")):
        with pytest.raises(InputError, match=f"{name}: {problem}[^;]*$"):
            convert(tmp_path / "corpus", None, tmp_path / "out", test_corpus=tmp_path / name)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"first_id": 0}, "--first-id is for the format svmlight, and the format is pairs"),
        ({"field": ("a",), "format": "pairs"}, "--field is for the format jsonl"),
        ({"column": ("a",), "format": "pairs"}, "--column is for the format csv"),
    ],
)
def test_an_option_of_another_format_is_refused(
    tmp_path: Path, vocabulary: Path, given: dict[str, object], problem: str
) -> None:
    (tmp_path / "corpus").write_bytes(PAIRS)
    with pytest.raises(InputError, match=problem):
        read(tmp_path / "corpus", vocabulary, **given)


def test_a_bomb_of_gzip_is_refused_before_it_fills_the_disk(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file or a pipe, in one member or many; a thousand times is all that gzip can."""
    monkeypatch.setattr(plain_file, "_UNPACKED_BYTES", 1 << 22)
    one = gzip.compress(b"1:1\n" * (1 << 22), 9)
    many = gzip.compress(bytes(1 << 20), 9) * 32
    for content in (one, many):
        (tmp_path / "corpus").write_bytes(content)
        with pytest.raises(InputError, match=r"bytes of gzip unpack to more than [0-9,]{9},"):
            read(tmp_path / "corpus", vocabulary)


def test_what_gzip_packs_well_is_no_bomb(tmp_path: Path, vocabulary: Path) -> None:
    content = b"1:1\n" * 10_000
    packed_ = gzip.compress(content, 9)
    assert len(content) > 200 * len(packed_)
    (tmp_path / "corpus").write_bytes(packed_)
    assert len(read(tmp_path / "corpus", vocabulary)) == 10_000


def test_a_large_file_that_unpacks_to_as_much_as_it_may_is_read(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_file, "_UNPACKED_BYTES", 10)
    (tmp_path / "corpus").write_bytes(gzip.compress(PAIRS * 20))
    assert len(read(tmp_path / "corpus", vocabulary)) == 40


def append(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"3:1\n")


def cut(file: Path) -> None:
    os.truncate(file, 5)


def overwrite(file: Path) -> None:
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(0, 0))  # clocks of file systems are coarse


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    other.replace(file)


@pytest.mark.parametrize("change", [append, cut, overwrite, replace, Path.unlink])
@pytest.mark.parametrize("content", [PAIRS, DOCWORD, MATRIX_MARKET, TEXT, packed()])
def test_a_file_that_changes_while_it_is_read_is_told(
    tmp_path: Path, vocabulary: Path, content: bytes, change: Callable[[Path], None]
) -> None:
    """Whatever went wrong because of it, or nothing."""
    file = tmp_path / "corpus"
    file.write_bytes(content)
    with (
        pytest.raises(InputError, match="corpus: the file was changed while it was read"),
        open_corpus(file, vocabulary, ReadOptions()) as (_, corpus),
    ):
        change_and_read(file, change, corpus)


def change_and_read(file: Path, change: Callable[[Path], None], corpus: Corpus) -> None:
    change(file)
    dense(corpus, Tally())


def test_a_corpus_that_changes_is_not_published(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "corpus"
    file.write_bytes(PAIRS)

    def write_and_change(*arguments: Any) -> Any:
        written = write_shards(*arguments)
        append(file)
        return written

    monkeypatch.setattr("data_prep.convert.write_shards", write_and_change)
    with pytest.raises(InputError, match="was changed while it was read"):
        convert(file, vocabulary, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_closed_standard_input_is_told(vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        read(STANDARD_INPUT, vocabulary)
