"""Documents of any format, in their order, with those that have no words."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from data_prep.errors import InputError
from data_prep.formats.read_options import ReadOptions
from data_prep.recordio import encode
from topics import documents
from topics.documents import from_texts, with_documents

ROWS = [[0, 0, 0], [1, 0, 2], [0, 0, 0], [0, 0, 0], [0, 3, 0], [0, 0, 0]]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("ape\nbear\ncat\n", encoding="utf-8")
    return tmp_path / "vocab.txt"


def read(path: Path, vocabulary: Path | None, options: ReadOptions) -> list[list[float]]:
    def collect(found: documents.Documents) -> list[list[float]]:
        blocks = list(found.blocks())
        assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
        assert sum(block.shape[0] for block in blocks) == found.number
        return [row for block in blocks for row in block.toarray().tolist()]

    return with_documents(path, vocabulary, options, collect)


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
        with_documents(path, vocabulary, ReadOptions(), lambda _: pytest.fail("the work started"))


def test_a_bad_record_is_reported_before_any_work_starts(tmp_path: Path) -> None:
    path = tmp_path / "test.recordio"
    good = b"".join(encode(sparse.csr_array(np.ones((1, 3), np.float32))))
    path.write_bytes(good + good[:9])
    with pytest.raises(InputError, match=rf"test.recordio: byte {len(good)}: "):
        with_documents(path, None, ReadOptions(), lambda _: pytest.fail("the work started"))


def test_what_is_not_recordio_needs_a_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1:1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"data\.txt: a corpus of the format pairs needs --vocab"):
        with_documents(tmp_path / "data.txt", None, ReadOptions(), lambda _: None)


def test_texts_are_taken_apart_as_raw_text_is(vocabulary: Path) -> None:
    found = from_texts(["A cat,\nan Ape & a CAT", "", "bear"], vocabulary)
    assert found.number == 3
    (block, *rest) = found.blocks()
    rows = sparse.vstack([block, *rest]).toarray().tolist()
    assert rows == [[1, 0, 2], [0, 0, 0], [0, 1, 0]]
