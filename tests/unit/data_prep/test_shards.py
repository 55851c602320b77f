"""Where input is cut: into batches of files, and batches into shards."""

import gzip
import os
import pickle
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep import shards
from data_prep.convert import convert
from data_prep.corpus import Span, Tally
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.any_format import open_corpus
from data_prep.formats.chain import Chain
from data_prep.formats.matrix import Matrix
from data_prep.formats.read_options import ReadOptions
from data_prep.manifest import Manifest
from data_prep.shards import batches, group
from tests.support.readers import read_all
from tests.support.written_corpora import WAYS, words, write_vocabulary


@pytest.fixture(autouse=True)
def shards_of_80_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 80)
    monkeypatch.setattr(lines, "SPAN_BYTES", 40)
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # of thousands of small files


def spans(*files: Sequence[int]) -> list[Span]:
    """Spans of files by their sizes, each of one document."""
    found: list[Span] = []
    for number, sizes in enumerate(files):
        at = 0
        for size in sizes:
            found.append(Span(at, at + size, len(found), len(found) + 1, number))
            at += size
    return found


def sizes_of(groups: list[list[Span]]) -> list[list[int]]:
    return [[span.stop - span.start for span in shard] for shard in groups]


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ([], []),
        ([0], [[0]]),
        ([79, 1, 80, 81, 5, 5], [[0, 1], [2], [3], [4, 5]]),
        ([0, 200, 0, 0], [[0, 1], [2, 3]]),
    ],
)
def test_a_batch_ends_once_it_has_the_bytes_of_a_shard(
    sizes: list[int], found: list[list[int]]
) -> None:
    assert [list(batch) for batch in batches(sizes)] == found


@pytest.mark.parametrize(
    ("files", "shards_of_spans"),
    [
        # One file: as its spans come.
        ([[40, 40, 40, 40, 7]], [[40, 40], [40, 40], [7]]),
        # The first batch ends with its file, though its last shard is small.
        ([[40, 40, 7], [40, 40, 40]], [[40, 40], [7], [40, 40], [40]]),
        # Files of one batch share a shard.
        ([[40, 7], [40, 40], [9]], [[40, 7, 40], [40], [9]]),
    ],
)
def test_a_shard_has_files_of_one_batch_alone(
    files: list[list[int]], shards_of_spans: list[list[int]]
) -> None:
    assert sizes_of(group(spans(*files))) == shards_of_spans


@given(st.lists(st.lists(st.integers(1, 100), min_size=1, max_size=5), max_size=8))
def test_a_batch_by_itself_gives_the_shards_that_it_gives_among_others(
    files: list[list[int]],
) -> None:
    """So an engine can cut each of them in another process."""
    whole = spans(*files)
    apart = [
        shard
        for batch in batches(map(sum, files))
        for shard in group(span for span in whole if span.file in batch)
    ]
    assert apart == group(whole)


# What convert writes of the files of a folder

ROWS = st.lists(
    st.lists(st.integers(0, 12), min_size=3, max_size=3).filter(any), min_size=2, max_size=30
)
CUT_WAYS = ["pairs", "lda-c", "svmlight from 1", "text", "jsonl", "csv", "recordio", "docword"]


@pytest.mark.parametrize("way", CUT_WAYS)
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS, data=st.data())
def test_files_of_a_folder_give_together_what_the_joined_file_gives(
    way: str, rows: list[list[int]], data: st.DataObject
) -> None:
    """However the corpus is cut, packed or not, with blank lines at the ends of lines of text."""
    written = WAYS[way]
    cuts = data.draw(st.sets(st.integers(0, len(rows)), max_size=6), "cuts")
    bounds = list(pairwise(sorted({0, len(rows), *cuts})))
    seed = data.draw(st.sampled_from([None, 3]), "seed")
    options = ReadOptions(**{"format": written.format, **written.options})
    with TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary = write_vocabulary(folder, 3)
        (folder / "files").mkdir()
        for start, stop in bounds:
            content = written.write(rows[start:stop])
            if written.format not in ("recordio", "docword", "csv"):
                content += b"\n" * data.draw(st.integers(0, 2), "blank lines")
            packed = data.draw(st.booleans(), "packed")
            (folder / f"files/{start:03}").write_bytes(
                gzip.compress(content) if packed else content
            )
        (folder / "file").write_bytes(written.write(rows))
        every = [
            converted(folder / source, vocabulary, folder / f"out-{source}", options, seed)
            for source in ("files", "file")
        ]
    assert every[0] == every[1]


def converted(
    corpus: Path, vocabulary: Path, out: Path, options: ReadOptions, seed: int | None
) -> dict[str, Any]:
    """All that a conversion gives and that does not depend on where it was cut."""
    manifest = convert(corpus, vocabulary, out, options=options, test_fraction=0.3, seed=seed)
    return {
        **{
            name: b"".join((out / f.file).read_bytes() for f in part.files)
            for name, part in manifest.parts.items()
        },
        "totals": totals(manifest),
        "golden": manifest.golden,
        "left out": manifest.left_out,
    }


def totals(manifest: Manifest) -> list[tuple[int, int, int, int]]:
    return [(p.documents, p.nonzeros, p.tokens, p.bytes) for p in manifest.parts.values()]


def test_texts_of_a_folder_give_a_shard_for_each_batch_of_files(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number in range(10):
        (tmp_path / f"texts/{number}.txt").write_text(f"{'cat dog ' * 5}w{number}\n")
    manifest = convert(tmp_path / "texts", None, tmp_path / "out", test_fraction=0)
    assert [shard.documents for shard in manifest.train.files] == [2] * 5
    several = convert(tmp_path / "texts", None, tmp_path / "two", test_fraction=0, jobs=2)
    assert several == manifest


def test_a_single_file_of_texts_is_one_shard_whatever_its_size(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("cat dog\n" * 100)
    manifest = convert(tmp_path / "text", None, tmp_path / "out", test_fraction=0)
    assert [shard.file for shard in manifest.train.files] == ["train.recordio"]


def test_bad_lines_of_texts_in_several_shards_are_reported_once(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number in range(6):
        (tmp_path / f"texts/{number}").write_bytes(b"\xff\n" + b"cat dog " * 10 + b"\n")
    reported: list[Exception] = []
    options = ReadOptions(format="text", skip_bad=6)
    manifest = convert(
        tmp_path / "texts", None, tmp_path / "out", options=options, report=reported.append
    )
    assert len(manifest.train.files) == 5
    assert len(reported) == manifest.empty_documents == 6


def test_documents_of_blank_lines_between_two_spans_are_counted_as_left_out(
    tmp_path: Path,
) -> None:
    vocabulary = write_vocabulary(tmp_path, 3)
    (tmp_path / "pairs").write_bytes(b"1:1\n" * 10 + b"\n" * 200 + b"2:1\n" * 10)
    manifest = convert(tmp_path / "pairs", vocabulary, tmp_path / "out", test_fraction=0.05)
    assert (manifest.train.documents, manifest.empty_documents) == (10, 200)
    listed = (tmp_path / "out/left_out.txt").read_text().split()
    assert listed == [str(number) for number in range(11, 211)]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("allowed", "told"), [(0, 2), (1, 3), (2, 31), (3, 32)])
def test_of_too_many_bad_lines_the_first_is_told_whatever_the_number_of_processes(
    tmp_path: Path, jobs: int, allowed: int, told: int
) -> None:
    vocabulary = write_vocabulary(tmp_path, 3)
    good = b"1:1,2:1\n"
    content = [good, b"bad\n", b"bad\n", *[good] * 27, b"bad\n", b"bad\n", *[good] * 30]
    (tmp_path / "pairs").write_bytes(b"".join(content))
    options = ReadOptions(format="pairs", skip_bad=allowed)
    with pytest.raises(InputError, match=f"pairs:{told}:1: 'bad'"):
        convert(tmp_path / "pairs", vocabulary, tmp_path / "out", options=options, jobs=jobs)


# Tasks for other processes


def open_all(folder: Path, way: str, **options: Any) -> Any:
    written = WAYS[way]
    chosen = ReadOptions(**{"format": written.format, **written.options, **options})
    return open_corpus(folder, words(3), chosen)


@pytest.mark.parametrize("way", ["pairs", "text"])
def test_a_part_of_a_corpus_has_the_documents_that_the_whole_has_there(
    tmp_path: Path, way: str
) -> None:
    (tmp_path / "files").mkdir()
    rng = np.random.default_rng(0)
    for number in range(7):
        content = WAYS[way].write(rng.integers(1, 4, (9, 3)).tolist())
        (tmp_path / f"files/{number}").write_bytes(content)
    with (
        open_all(tmp_path / "files", way) as (_, one),
        open_all(tmp_path / "files", way) as (_, other),
    ):
        corpus = Chain("both", [one, Chain("other", [other, one])])
        entries = np.concatenate([c.to_entries() for c in read_all(corpus, Tally())], axis=1)
        whole = corpus.spans
        assert len(whole) > 12
        assert [span.file for span in whole] == sorted(span.file for span in whole)
        for _ in range(100):
            start, last = sorted(rng.integers(len(whole), size=2))
            spans = whole[start : last + 1]
            part = corpus.only(spans)
            found = [counts.to_entries() for span in spans for counts in part.read(span, Tally())]
            wanted = entries[:, (entries[0] >= spans[0].first) & (entries[0] < spans[-1].after)]
            np.testing.assert_array_equal(np.concatenate(found, axis=1), wanted)


@pytest.mark.parametrize("way", ["pairs", "text"])
def test_tasks_do_not_grow_with_the_corpus(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else sending them takes time and memory that grow with the square of it."""
    sent: list[list[int]] = []
    for files in (4, 64):
        folder = tmp_path / f"{files}"
        folder.mkdir()
        for number in range(files):
            (folder / f"{number:02}").write_bytes(WAYS[way].write([[3, 2, 9]] * 20))
        tasks: list[shards.Task] = []

        def run(function: Any, given: Any, tasks: list[shards.Task] = tasks) -> Any:
            tasks += given
            yield from map(function, given)

        with open_all(folder, way) as (_, corpus):
            testing = np.zeros(corpus.documents, np.bool_)
            shards.write_shards(corpus, testing, 1, tmp_path, Tally(), run)
        sent.append([len(pickle.dumps(task)) for task in tasks])
    few, many = sent
    assert len(many) > 8 * len(few)
    assert max(many) < 1.1 * max(few)


def test_a_matrix_without_documents_has_a_span() -> None:
    entries = np.zeros((3, 0), np.int32)
    assert Matrix.from_entries(entries, "matrix", 0, 3, None).spans == [Span(0, 0, 0, 0)]
