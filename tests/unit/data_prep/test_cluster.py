"""Preparing many files by an engine: here one that calls functions in order, in this process."""

import gzip
import os
import pickle
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep import shards
from data_prep.cluster import prepare
from data_prep.convert import convert
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.read_options import ReadOptions
from data_prep.manifest import Manifest, Source
from tests.support.engine import Pickling
from tests.support.written_corpora import WAYS, words, write_vocabulary


@pytest.fixture(autouse=True)
def shards_of_80_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 80)
    monkeypatch.setattr(lines, "SPAN_BYTES", 40)
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # of thousands of small files


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def both(
    corpus: Path, vocabulary: Path | None, out: Path, options: ReadOptions, **how: Any
) -> tuple[dict[str, bytes] | str, dict[str, bytes] | str]:
    """What `convert` and `prepare` write, or their errors."""
    found: list[dict[str, bytes] | str] = []
    for way in (with_convert, with_prepare):
        reported: list[str] = []
        target = out / way.__name__
        try:
            manifest = way(corpus, vocabulary, target, options, reported, **how)
        except InputError as error:
            found.append(str(error))
            assert not target.exists()
        else:
            assert Manifest.load(target) == manifest
            found.append(contents(target) | {"reported": "\n".join(reported).encode()})
    one, other = found
    return one, other


def with_convert(
    corpus: Path,
    vocabulary: Path | None,
    out: Path,
    options: ReadOptions,
    reported: list[str],
    **how: Any,
) -> Manifest:
    return convert(
        corpus, vocabulary, out, options=options, report=lambda e: reported.append(str(e)), **how
    )


def with_prepare(
    corpus: Path,
    vocabulary: Path | None,
    out: Path,
    options: ReadOptions,
    reported: list[str],
    **how: Any,
) -> Manifest:
    return prepare(
        corpus,
        words(3) if vocabulary else None,
        out,
        Pickling(),
        source=Source(corpus.name, "vocab.txt", None),
        options=options,
        report=lambda error: reported.append(str(error)),
        **how,
    )


ROWS = st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=1, max_size=40)
COUNTS = ["pairs", "pairs with zeros", "lda-c", "svmlight from 0", "svmlight from 1"]
TEXTS = ["text", "jsonl", "csv"]


@pytest.mark.parametrize("way", [*COUNTS, *TEXTS])
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS, data=st.data())
def test_what_is_prepared_has_the_bytes_of_convert(
    way: str, rows: list[list[int]], data: st.DataObject
) -> None:
    """Files, manifest and reports, and errors too, however the corpus is cut and packed."""
    written = WAYS[way]
    cuts = data.draw(st.sets(st.integers(0, len(rows)), max_size=6), "cuts")
    options = {"format": written.format, **written.options}
    if data.draw(st.booleans(), "is detected"):
        options.pop("format")
    is_given = way in COUNTS or data.draw(st.booleans(), "has a vocabulary")
    if not is_given:
        options["min_df"] = data.draw(st.sampled_from([1, 2, 0.2, 9]), "min_df")
        options["max_words"] = data.draw(st.sampled_from([None, 1, 2]), "max_words")
    how = {
        "test_fraction": data.draw(st.sampled_from([0, 0.3]), "fraction"),
        "seed": data.draw(st.sampled_from([None, 3]), "seed"),
        "min_words": data.draw(st.sampled_from([1, 9]), "min_words"),
    }
    with TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary = write_vocabulary(folder, 3)
        (folder / "files").mkdir()
        for start, stop in pairwise(sorted({0, len(rows), *cuts})):
            content = written.write(rows[start:stop]) + data.draw(
                st.sampled_from([b"", b"\n", b"bad \xff\n"] if written.format != "csv" else [b""])
            )
            if data.draw(st.booleans(), "packed"):
                content = gzip.compress(content)
            (folder / f"files/{start:03}").write_bytes(content)
        if data.draw(st.booleans(), "has an empty file"):
            (folder / "files/000-empty").touch()
        options["skip_bad"] = data.draw(st.integers(0, 3), "skip_bad")
        one, other = both(
            folder / "files",
            vocabulary if is_given else None,
            folder,
            ReadOptions(**options),
            **how,
        )
    assert other == one


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    return write_vocabulary(tmp_path, 3)


def run(corpus: Path, tmp_path: Path, *, has_words: bool = True, **options: Any) -> Manifest:
    return prepare(
        corpus,
        words(3) if has_words else None,
        tmp_path / "out",
        Pickling(),
        source=Source("corpus", "words", None),
        options=ReadOptions(**options),
    )


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": b"wa", "b.md": b"wb"},
        {"a.txt": b'{"text": "wa"}\n', "b.txt": b"wb"},
        {"a": b"wa wb\n", "b": b"wb\n"},
    ],
)
def test_a_folder_in_doubt_is_refused_as_by_convert(
    tmp_path: Path, vocabulary: Path, files: dict[str, bytes]
) -> None:
    folder = write(tmp_path / "files", files)
    one, other = both(folder, vocabulary, tmp_path, ReadOptions())
    assert other == one
    assert "--format" in str(one)


@pytest.mark.parametrize("is_given", [True, False])
def test_a_folder_of_texts_has_the_bytes_of_convert(
    tmp_path: Path, vocabulary: Path, is_given: bool
) -> None:
    """Hidden files and empty ones are texts there, as `convert` has it."""
    texts = {f"{number // 7}/{number}.txt": b"wa wb wa " * number for number in range(30)}
    folder = write(tmp_path / "texts", texts | {".hidden.txt": b"wc", "notes.md": b"wb"})
    given = vocabulary if is_given else None
    one, other = both(folder, given, tmp_path, ReadOptions(format="folder"), seed=1)
    assert other == one
    assert sum(name.startswith("train/") for name in one) > 5


def test_a_single_file_has_the_bytes_of_convert(tmp_path: Path, vocabulary: Path) -> None:
    (tmp_path / "pairs").write_bytes(b"1:2,3:1\n" * 50)
    one, other = both(tmp_path / "pairs", vocabulary, tmp_path, ReadOptions())
    assert other == one
    assert "train/part-00000.recordio" in one


STOP = ("wa", "is")


def test_stop_words_may_be_given_as_words_since_workers_have_no_file_of_them(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "texts", {str(n): b"wa wb is wc\n" * 9 for n in range(4)})
    (tmp_path / "stop").write_text("wa\nis\n", encoding="utf-8")
    with_file = convert(
        folder, None, tmp_path / "one", options=ReadOptions("text", stop_words=f"{tmp_path}/stop")
    )
    found = run(folder, tmp_path, has_words=False, format="text", stop_words=STOP)
    assert (found.vocabulary, found.train) == (with_file.vocabulary, with_file.train)


@pytest.mark.parametrize(
    ("files", "options", "problem"),
    [
        ({"a": b"2\n3\n1\n1 1 1\n"}, {}, "the format docword is read by one machine"),
        ({"a": b"1:1\n", "manifest.json": b""}, {}, "this corpus is prepared already"),
        ({"a": b"1:1\n", "b": b"1:1\n4:1\n"}, {}, r"corpus/b:2:1: word id '4' must be"),
        ({"a": b"1:1\n", "b": b"\n"}, {}, "corpus/b: the file has no documents"),
        ({"a": b"1:1\n"}, {"min_df": 2}, "--min-df is for raw text"),
        ({"a": b""}, {"format": "pairs"}, "there is no document"),
        ({"a": b""}, {}, "the file has no documents"),
        ({"a": b"\x1f\x8bxx"}, {}, "not a whole gzip file"),
        ({"_SUCCESS": b""}, {}, "there is no file in the folder"),
        ({"a.txt": b"wa \xff"}, {}, r"a\.txt:1:4: byte 0xff is not UTF-8"),
        ({"a": b"1:1\n" * 20, "b": b"x"}, {"format": "text"}, "this is not text"),
        ({"a": b"cat sat on\nthe mat\n"}, {}, r"none of the words .* \(the format text is a guess"),
    ],
)
def test_bad_input_is_told_as_convert_does(
    tmp_path: Path, files: dict[str, bytes], options: dict[str, Any], problem: str
) -> None:
    folder = write(tmp_path / "corpus", files)
    with pytest.raises(InputError, match=problem):
        run(folder, tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_counts_need_a_vocabulary(tmp_path: Path) -> None:
    folder = write(tmp_path / "corpus", {"a": b"1:1\n"})
    with pytest.raises(InputError, match="a corpus of the format pairs needs --vocab"):
        run(folder, tmp_path, has_words=False)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "corpus", {"a": b"1:1\n"})
    (tmp_path / "secret").write_bytes(b"1:1\n")
    (folder / "b").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="the link leads out of the folder"):
        run(folder, tmp_path)


@pytest.mark.parametrize("content", [b"1:1\n" * 90, b"1:2\n" * 90, b"bad"])
def test_a_file_that_changes_between_the_passes_is_told_whatever_went_wrong(
    tmp_path: Path, content: bytes
) -> None:
    folder = write(tmp_path / "corpus", {str(n): b"1:1\n" * 90 for n in range(3)})

    class Changing(Pickling):
        def map(self, function: Any, items: Any) -> Any:
            if self.items:
                (folder / "1").write_bytes(content)
                os.utime(folder / "1", (1, 1))
            return super().map(function, items)

    source = Source("corpus", "words", None)
    with pytest.raises(InputError, match="a file was changed while it was read"):
        prepare(folder, words(3), tmp_path / "out", Changing(), source=source)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("way", ["pairs", "text"])
def test_what_a_task_is_sent_does_not_grow_with_the_corpus(tmp_path: Path, way: str) -> None:
    sent: list[list[int]] = []
    for files in (4, 64):
        content = WAYS[way].write([[3, 2, 9]] * 20)
        folder = write(tmp_path / f"{files}", {f"{n:02}": content for n in range(files)})
        engine = Pickling()
        prepare(
            folder,
            words(3),
            tmp_path / f"out-{files}",
            engine,
            source=Source("corpus", "words", None),
            options=ReadOptions(format=WAYS[way].format),
        )
        sent.append([len(pickle.dumps(item)) for item in engine.items])
    few, many = sent
    assert len(many) > 8 * len(few)
    assert max(many) < 1.1 * max(few)


def test_a_task_that_runs_twice_leaves_what_one_does(tmp_path: Path) -> None:
    """As with speculative tasks, or after a worker was lost."""
    folder = write(tmp_path / "corpus", {str(n): b"1:1,2:3\n" * 30 for n in range(4)})

    class Twice(Pickling):
        def map(self, function: Any, items: Any) -> Any:
            super().map(function, items)
            return super().map(function, items)

    source = Source("corpus", "vocab.txt", None)
    prepare(folder, words(3), tmp_path / "twice", Twice(), source=source)
    convert(folder, write_vocabulary(tmp_path, 3), tmp_path / "once")
    assert contents(tmp_path / "twice") == contents(tmp_path / "once")
