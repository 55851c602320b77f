"""Documents of any format, in their order, with those that have no words."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from data_prep import documents
from data_prep.convert import convert
from data_prep.documents import count_documents, open_documents, read_train_test
from data_prep.errors import InputError
from data_prep.formats.read_options import ReadOptions
from data_prep.manifest import Part
from data_prep.recordio import encode
from tests.support.synthesis import cut_into_shards

ROWS = [[0, 0, 0], [1, 0, 2], [0, 0, 0], [0, 0, 0], [0, 3, 0], [0, 0, 0]]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("ape\nbear\ncat\n", encoding="utf-8")
    return tmp_path / "vocab.txt"


def read(path: Path, vocabulary: Path | None, options: ReadOptions) -> list[list[float]]:
    with open_documents(path, vocabulary, options) as found:
        blocks = list(found.blocks())
        assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
        assert sum(block.shape[0] for block in blocks) == found.number
        assert {block.shape[1] for block in blocks} == {len(found.words)}
        return [row for block in blocks for row in block.toarray().tolist()]


@pytest.mark.parametrize("limit", [None, 1, 2, 5])
@pytest.mark.parametrize("block", [1, 2, 1 << 12])
def test_docword_counts_the_documents_that_no_line_names(
    block: int,
    limit: int | None,
    vocabulary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "_BLOCK_DOCUMENTS", block)
    path = tmp_path / "docword.txt"
    path.write_text("6\n3\n3\n2 1 1\n2 3 2\n5 2 3\n", encoding="utf-8")
    assert read(path, vocabulary, ReadOptions(limit=limit)) == ROWS[:limit]


def test_lines_in_any_order_are_brought_together(vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "docword.txt"
    path.write_text("6\n3\n3\n2 3 2\n5 2 3\n2 1 1\n", encoding="utf-8")
    assert read(path, vocabulary, ReadOptions()) == ROWS


def test_the_notebooks_format_is_read(vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("1:1,3:2\n2:3\n", encoding="utf-8")
    assert read(path, vocabulary, ReadOptions()) == [[1, 0, 2], [0, 3, 0]]


def test_raw_text_is_counted_by_the_vocabulary(vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("A cat, an Ape & a CAT\nnothing known\nbear\n", encoding="utf-8")
    assert read(path, vocabulary, ReadOptions()) == [[1, 0, 2], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("limit", [None, 1, 2, 3, 9])
def test_recordio_needs_no_vocabulary(
    limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two records or so at a time.
    monkeypatch.setattr("data_prep.recordio.decoding.READ_BYTES", 100)
    rows = np.random.default_rng(0).poisson(1, (8, 9)).astype(np.float32)
    path = tmp_path / "any.name"
    path.write_bytes(b"".join(encode(sparse.csr_array(rows))))
    assert read(path, None, ReadOptions(limit=limit)) == rows[:limit].tolist()


def test_a_bad_line_is_reported_before_any_work_starts(vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("1:1\n" * 1000 + "1:x\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"{path}:1001:"):
        open_documents(path, vocabulary).__enter__()


def test_a_bad_record_is_reported_before_any_work_starts(tmp_path: Path) -> None:
    path = tmp_path / "test.recordio"
    good = b"".join(encode(sparse.csr_array(np.ones((1, 3), np.float32))))
    path.write_bytes(good + good[:9])
    with pytest.raises(InputError, match=rf"test.recordio: byte {len(good)}: "):
        open_documents(path).__enter__()


def test_what_is_not_recordio_needs_a_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1:1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"data\.txt: a corpus of the format pairs needs --vocab"):
        open_documents(tmp_path / "data.txt").__enter__()


def test_texts_are_taken_apart_as_raw_text_is(vocabulary: Path) -> None:
    found = count_documents(["A cat,\nan Ape & a CAT", "", "bear"], vocabulary)
    assert found.number == 3
    (block, *rest) = found.blocks()
    rows = sparse.vstack([block, *rest]).toarray().tolist()
    assert rows == [[1, 0, 2], [0, 0, 0], [0, 1, 0]]


def prepare(folder: Path, rows: list[str], **options: Any) -> Path:
    """A prepared corpus of the words ape, bear and cat."""
    (folder / "words").write_text("ape\nbear\ncat\n", encoding="utf-8")
    (folder / "rows").write_text("\n".join(rows) + "\n", encoding="utf-8")
    convert(folder / "rows", folder / "words", folder / "prepared", **options)
    return folder / "prepared"


PREPARED = ["1:1", "", "2:1", "3:1", "1:4,2:1"]  # the last two are held out


def rows_of(found: documents.Documents) -> list[list[float]]:
    return [row for block in found.blocks() for row in block.toarray().tolist()]


@pytest.mark.parametrize("files", ["one", "several"])
@pytest.mark.parametrize(
    ("held_out", "options", "expected"),
    [
        (False, ReadOptions(), [[1, 0, 0], [0, 1, 0]]),
        (False, ReadOptions(limit=1), [[1, 0, 0]]),
        (True, ReadOptions(), [[0, 0, 1], [4, 1, 0]]),
    ],
)
def test_a_prepared_corpus_has_a_part_to_train_on_and_one_held_out(
    files: str, held_out: bool, options: ReadOptions, expected: list[list[int]], tmp_path: Path
) -> None:
    folder = prepare(tmp_path, PREPARED, test_fraction=0.4)
    if files == "several":
        cut_into_shards(folder)
    with open_documents(folder, None, options, held_out=held_out) as found:
        assert rows_of(found) == expected
        assert list(found.words) == ["ape", "bear", "cat"]


def test_of_a_prepared_corpus_the_files_that_its_manifest_lists_are_read(tmp_path: Path) -> None:
    """Also in the order of the manifest: documents have the numbers of the source."""
    folder = prepare(tmp_path, PREPARED, test_fraction=0.4)
    manifest = cut_into_shards(folder)
    (folder / "train" / "notes.txt").write_text("mine", encoding="utf-8")
    turned = Part.of(manifest.train.files[::-1], 2, 2)
    replace(manifest, train=turned).write(folder)
    with open_documents(folder) as found:
        assert rows_of(found) == [[0, 1, 0], [1, 0, 0]]


def test_large_recordio_in_several_files_is_decoded_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare(tmp_path, PREPARED, test_fraction=0)
    cut_into_shards(folder)
    monkeypatch.setattr(documents, "_read_through", pytest.fail)
    with open_documents(folder, check=False) as found:
        assert len(rows_of(found)) == 4


def test_of_a_prepared_corpus_without_held_out_documents_those_to_train_on_are_taken(
    tmp_path: Path,
) -> None:
    folder = prepare(tmp_path, PREPARED[:1], test_fraction=0)
    with open_documents(folder, held_out=True) as found:
        assert rows_of(found) == [[1, 0, 0]]


def test_a_prepared_corpus_takes_another_vocabulary_of_as_many_words(tmp_path: Path) -> None:
    folder = prepare(tmp_path, PREPARED)
    for content, problem in (("a\nb\nc\n", None), ("a\nb\n", "3 words, but 2 in the vocabulary")):
        (tmp_path / "other").write_text(content, encoding="utf-8")
        with (
            pytest.raises(InputError, match=problem) if problem else nullcontext(),
            open_documents(folder, tmp_path / "other") as found,
        ):
            assert list(found.words) == ["a", "b", "c"]


def test_what_the_caller_raises_is_not_blamed_on_the_corpus(
    vocabulary: Path, tmp_path: Path
) -> None:
    """Though the format is a guess, which an error of the reader would say."""
    (tmp_path / "text").write_text("an ape and a bear", encoding="utf-8")
    with pytest.raises(InputError) as caught, open_documents(tmp_path / "text", vocabulary):
        raise InputError("as it is")
    assert str(caught.value) == "as it is"


def test_a_file_that_changes_meanwhile_is_told(vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("1:1\n", encoding="utf-8")
    with (
        pytest.raises(InputError, match="was changed while it was read"),
        open_documents(path, vocabulary),
    ):
        path.write_text("1:2,2:2\n", encoding="utf-8")


def test_bad_lines_that_are_tolerated_are_reported_and_count_as_documents(
    vocabulary: Path, tmp_path: Path
) -> None:
    (tmp_path / "data.txt").write_text("1:1\n1:x\n2:1\n", encoding="utf-8")
    told: list[InputError] = []
    options = ReadOptions(skip_bad=1)
    with open_documents(tmp_path / "data.txt", vocabulary, options, report=told.append) as found:
        assert rows_of(found) == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert [":2:" in str(error) for error in told] == [True]


def test_a_corpus_without_documents_is_refused(vocabulary: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text\n", encoding="utf-8")
    with pytest.raises(InputError, match="there is no document"):
        open_documents(
            tmp_path / "texts.csv", vocabulary, ReadOptions(column=("text",))
        ).__enter__()


def test_training_documents_keep_their_numbers_in_the_corpus(
    vocabulary: Path, tmp_path: Path
) -> None:
    """Prepared or not; documents without words are left out."""
    folder = prepare(tmp_path, PREPARED, test_fraction=0.4)
    prepared = read_train_test(folder)
    assert prepared.test is not None
    assert prepared.numbers.tolist() == [1, 3]
    assert prepared.test.toarray().tolist() == [[0, 0, 1], [4, 1, 0]]
    read = read_train_test(tmp_path / "rows", vocabulary, ReadOptions(limit=3))
    assert read.test is None
    assert read.numbers.tolist() == [1, 3]
    assert read.train.toarray().tolist() == prepared.train.toarray().tolist()


def test_held_out_documents_have_the_words_of_those_to_train_on(
    vocabulary: Path, tmp_path: Path
) -> None:
    folder = prepare(tmp_path, PREPARED)
    (tmp_path / "text").write_text("ape cat emu\n", encoding="utf-8")
    found = read_train_test(folder, test=tmp_path / "text").test
    assert found is not None
    assert found.toarray().tolist() == [[1, 0, 1]]
    wide = sparse.csr_array(np.ones((1, 4), np.float32))
    (tmp_path / "wide").write_bytes(b"".join(encode(wide)))
    with pytest.raises(InputError, match="there are 4 words, but 3 in the vocabulary"):
        read_train_test(folder, test=tmp_path / "wide")
    narrow = folder / "train.recordio"  # whose words nobody knows
    with pytest.raises(InputError, match="there are 4 words, but 3 in the documents to train"):
        read_train_test(narrow, test=tmp_path / "wide")


def test_training_documents_without_any_word_are_refused(vocabulary: Path, tmp_path: Path) -> None:
    (tmp_path / "docword.txt").write_text("2\n3\n1\n1 1 0\n", encoding="utf-8")
    with pytest.raises(InputError, match="no document has a word"):
        read_train_test(tmp_path / "docword.txt", vocabulary)


def test_a_bad_record_that_is_not_looked_for_is_reported_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_prep.recordio.decoding.READ_BYTES", 1)  # a record at a time
    good = b"".join(encode(sparse.csr_array(np.ones((1, 3), np.float32))))
    (tmp_path / "train.recordio").write_bytes(good + good.replace(b"\0\0\x80?", b"\0\0\xc0\x7f"))
    with open_documents(tmp_path / "train.recordio", check=False) as found:
        for _ in range(2):
            with pytest.raises(InputError, match=rf"train.recordio: byte {len(good)}: a value is"):
                list(found.blocks())
