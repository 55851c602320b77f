import hashlib
import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep import shards
from data_prep.convert import convert
from data_prep.errors import InputError
from data_prep.formats import lines, sorting
from data_prep.formats.read_options import ReadOptions
from data_prep.left_out import training_numbers
from data_prep.manifest import (
    MANIFEST,
    LeftOut,
    Manifest,
    ManifestError,
    Part,
    Shard,
    Source,
    Split,
)
from data_prep.recordio import encoding, read_matrix
from data_prep.split import held_out

FILES = ["golden.json", "manifest.json", "test.recordio", "train.recordio", "vocab.txt"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twenty documents: number i has the word i, twice."""
    path = tmp_path / "corpus.txt"
    path.write_text("".join(f"{row}:2\n" for row in range(1, 21)), encoding="utf-8")
    return path


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("".join(f"wörd{row}\n" for row in range(1, 21)), encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "build" / "out"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def documents(path: Path) -> list[int]:
    """Return the word ids of documents that have one each."""
    with path.open("rb") as stream:
        ids: list[int] = read_matrix(stream, 20).indices.tolist()
    return ids


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def joined(folder: Path, part: str) -> bytes:
    """The documents of a part, in however many files."""
    files = Manifest.load(folder).parts[part].files
    return b"".join((folder / file.file).read_bytes() for file in files)


def test_the_last_documents_are_held_out(corpus: Path, vocabulary: Path, out: Path) -> None:
    convert(corpus, vocabulary, out, test_fraction=0.1)
    assert names(out) == FILES
    assert documents(out / "train.recordio") == list(range(18))
    assert documents(out / "test.recordio") == [18, 19]


def test_a_seed_holds_out_others_and_keeps_the_order(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    convert(corpus, vocabulary, out, test_fraction=0.5, seed=3)
    train, test = documents(out / "train.recordio"), documents(out / "test.recordio")
    assert sorted(train + test) == list(range(20))
    assert (train, test) == (sorted(train), sorted(test))
    assert train != list(range(10))


def test_the_manifest_tells_what_was_written(corpus: Path, vocabulary: Path, out: Path) -> None:
    manifest = convert(corpus, vocabulary, out, options=ReadOptions(limit=19))
    train = (out / "train.recordio").read_bytes()
    assert manifest == Manifest.load(out)
    assert manifest.source == Source("corpus.txt", "words.txt", 19)
    assert manifest.split == Split(0.05, None)
    digest = hashlib.sha256(train).hexdigest()
    assert manifest.train == Part(
        18, 18, 36, len(train), digest, (Shard("train.recordio", 18, len(train), digest),)
    )
    assert manifest.test is not None
    assert manifest.test.documents == 1


def test_the_vocabulary_is_written_anew(corpus: Path, vocabulary: Path, out: Path) -> None:
    vocabulary.write_bytes(vocabulary.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    manifest = convert(corpus, vocabulary, out)
    content = (out / "vocab.txt").read_bytes()
    assert content == "".join(f"wörd{row}\n" for row in range(1, 21)).encode()
    assert manifest.vocabulary.sha256 == hashlib.sha256(content).hexdigest()
    assert manifest.vocabulary.size == 20


def test_documents_without_words_are_dropped_and_counted(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    corpus.write_bytes(b"\n1:1\n\n" + corpus.read_bytes() + b"\n\n")
    manifest = convert(corpus, vocabulary, out, test_fraction=0)
    assert manifest.empty_documents == 2
    assert documents(out / "train.recordio") == [0, *range(20)]


def test_documents_of_fewer_words_than_asked_for_are_left_out_counted_and_listed(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    """A word that occurs three times is three words."""
    corpus.write_text("1:3\n\n2:1\n3:1,4:1\n5:2,6:1\n", encoding="utf-8")
    manifest = convert(corpus, vocabulary, out, test_fraction=0, min_words=3)
    assert (manifest.min_words, manifest.empty_documents, manifest.short_documents) == (3, 1, 2)
    assert documents(out / "train.recordio") == [0, 4, 5]
    assert (out / "left_out.txt").read_bytes() == b"2\n3\n4\n"
    assert manifest.left_out is not None
    assert manifest.left_out.documents == 3
    again = convert(corpus, vocabulary, out, test_fraction=0.2)
    assert (again.empty_documents, again.short_documents) == (1, 0)
    assert (out / "left_out.txt").read_bytes() == b"2\n"


def test_leaving_short_documents_out_does_not_move_the_others_to_the_other_part(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    lines = [f"{row}:{1 + row % 2}\n" for row in range(1, 21)]
    corpus.write_text("".join(lines), encoding="utf-8")
    parts = ("train.recordio", "test.recordio")
    convert(corpus, vocabulary, out, test_fraction=0.5, seed=3)
    every = [documents(out / part) for part in parts]
    convert(corpus, vocabulary, out, test_fraction=0.5, seed=3, min_words=2)
    long = [[word for word in part if word % 2 == 0] for part in every]
    assert [documents(out / part) for part in parts] == long


def test_no_file_of_left_out_documents_stays_behind_when_none_is(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    with_empty = corpus.with_name("empty.txt")
    with_empty.write_bytes(b"\n" + corpus.read_bytes())
    convert(with_empty, vocabulary, out)
    assert "left_out.txt" in names(out)
    assert convert(corpus, vocabulary, out).left_out is None
    assert names(out) == FILES


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("fraction", [0, 0.3])
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_training_document_is_found_again_in_the_source(
    corpus: Path,
    vocabulary: Path,
    out: Path,
    seed: int | None,
    fraction: float,
    jobs: int,
    shards_of_80_bytes: None,
) -> None:
    """Whatever was left out, held out, or encoded by another process."""
    rng = np.random.default_rng(1)
    words, times = rng.integers(20, size=200), rng.integers(4, size=200)
    lines = [f"{word + 1}:{n}\n" if n else "\n" for word, n in zip(words, times, strict=True)]
    corpus.write_text("".join(lines) + "1:9\n", encoding="utf-8")
    manifest = convert(
        corpus, vocabulary, out, test_fraction=fraction, seed=seed, min_words=2, jobs=jobs
    )
    assert manifest.short_documents == np.count_nonzero(times == 1)
    numbers = training_numbers(out, manifest)
    train = read_matrix(BytesIO(joined(out, "train")), 20)
    found = [f"{word + 1}:{n:.0f}\n" for word, n in zip(train.indices, train.data, strict=True)]
    source = corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    assert found == [source[number - 1] for number in numbers]


@pytest.mark.parametrize("content", [b"x\n", b"22\n", b"0x\n"])
def test_a_list_of_left_out_documents_that_lists_none_is_refused(
    corpus: Path, vocabulary: Path, out: Path, content: bytes
) -> None:
    corpus.write_bytes(b"\n" + corpus.read_bytes())
    manifest = convert(corpus, vocabulary, out)
    (out / "left_out.txt").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    changed = replace(manifest, left_out=LeftOut("left_out.txt", 1, len(content), digest))
    with pytest.raises(ManifestError, match=r"left_out\.txt: must list numbers of documents"):
        training_numbers(out, changed)


def test_a_manifest_with_another_split_than_its_files_is_refused(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    manifest = replace(convert(corpus, vocabulary, out), split=Split(0.5, None))
    with pytest.raises(ManifestError, match=r"give 10 documents to train on, but train has 19;"):
        training_numbers(out, manifest)


def test_a_list_of_left_out_documents_that_was_changed_is_refused(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    corpus.write_bytes(b"\n" + corpus.read_bytes())
    manifest = convert(corpus, vocabulary, out)
    (out / "left_out.txt").write_bytes(b"2\n")
    with pytest.raises(ManifestError, match=r"left_out\.txt: the file does not match the manifest"):
        training_numbers(out, manifest)


def test_without_documents_to_test_there_is_no_test_file(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    convert(corpus, vocabulary, out)
    manifest = convert(corpus, vocabulary, out, test_fraction=0)
    assert manifest.test is None
    assert names(out) == ["golden.json", "manifest.json", "train.recordio", "vocab.txt"]


def test_the_same_input_gives_the_same_bytes(corpus: Path, vocabulary: Path, out: Path) -> None:
    for folder, seed in itertools.product(("one", "two"), (None, 1)):
        convert(corpus, vocabulary, out / folder / str(seed), seed=seed)
    assert contents(out / "one" / "None") == contents(out / "two" / "None")
    assert contents(out / "one" / "1") == contents(out / "two" / "1")


def test_other_files_in_the_folder_stay(corpus: Path, vocabulary: Path, out: Path) -> None:
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    convert(corpus, vocabulary, out)
    assert names(out) == sorted([*FILES, "notes.txt"])


# Bad input


def test_a_document_that_is_too_large_for_a_record_is_refused(
    corpus: Path, vocabulary: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "MAX_RECORD_BYTES", 50)
    corpus.write_text("1:1\n" + ",".join(f"{word}:1" for word in range(1, 21)), encoding="utf-8")
    with pytest.raises(InputError, match=r"documents 1 to 2: row 1 takes \d+ bytes; .* most 50"):
        convert(corpus, vocabulary, out, test_fraction=0)
    assert not out.parent.exists()


def test_bad_input_leaves_nothing_behind(corpus: Path, vocabulary: Path, out: Path) -> None:
    corpus.write_bytes(corpus.read_bytes() + b"21:1\n")
    with pytest.raises(InputError, match=r":21:1: word id '21'"):
        convert(corpus, vocabulary, out)
    assert not out.parent.exists()


def test_bad_input_leaves_an_older_output_as_it_was(
    corpus: Path, vocabulary: Path, out: Path
) -> None:
    convert(corpus, vocabulary, out)
    before = contents(out)
    corpus.write_bytes(corpus.read_bytes() + b"21:1\n")
    with pytest.raises(InputError):
        convert(corpus, vocabulary, out)
    assert contents(out) == before


@pytest.mark.parametrize(("text", "fraction"), [("1:1\n", 0.05), ("1:1\n\n2:1\n", 0.9)])
def test_a_split_that_leaves_nothing_to_train_on_is_refused(
    corpus: Path, vocabulary: Path, out: Path, text: str, fraction: float
) -> None:
    corpus.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no document is left to train on"):
        convert(corpus, vocabulary, out, test_fraction=fraction)
    assert not out.exists()


# Interruptions


def watch_files(monkeypatch: pytest.MonkeyPatch, before: Callable[[str], None]) -> None:
    """Call a function before every sync, move and removal of a file."""

    def watched(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            before(f"{name} {arguments[-1]}")
            return original(*arguments, **options)

        return call

    for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, watched(name, getattr(owner, name)))


@pytest.mark.parametrize("step", range(14))
def test_an_interruption_never_leaves_a_folder_that_passes_for_whole(
    corpus: Path, vocabulary: Path, out: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted before any step: there is the old output with its manifest, or no manifest."""
    convert(corpus, vocabulary, out, test_fraction=0.5)
    old = contents(out)
    steps = itertools.count()

    def interrupt(_: str) -> None:
        if next(steps) == step:
            raise KeyboardInterrupt

    watch_files(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert(corpus, vocabulary, out, test_fraction=0.25)
    assert set(names(out)) <= set(FILES)
    assert MANIFEST not in names(out) or contents(out) == old


def test_the_old_manifest_goes_first_and_the_new_one_comes_last(
    corpus: Path, vocabulary: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(corpus, vocabulary, out)
    steps: list[str] = []
    watch_files(monkeypatch, steps.append)
    convert(corpus, vocabulary, out)
    changes = [step for step in steps if step.endswith(tuple(f"{out}/{name}" for name in FILES))]
    assert changes[0] == f"unlink {out / MANIFEST}"
    assert changes[-1] == f"replace {out / MANIFEST}"
    assert len(changes) == 6


# Several files and processes


@pytest.fixture
def shards_of_80_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 80)
    monkeypatch.setattr(lines, "SPAN_BYTES", 40)
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_files_are_those_of_the_input_whatever_the_number_of_processes(
    corpus: Path, vocabulary: Path, out: Path, seed: int | None, jobs: int, shards_of_80_bytes: None
) -> None:
    """Their digests are in the model's fingerprint: others would train again."""
    corpus.write_bytes(corpus.read_bytes() * 9 + b"\n\n1:1\n")
    manifest = convert(corpus, vocabulary, out / "one", seed=seed)
    assert len(manifest.train.files) > 5
    assert convert(corpus, vocabulary, out / "more", seed=seed, jobs=jobs) == manifest
    assert contents(out / "more") == contents(out / "one")


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("min_words", [1, 2])
def test_several_files_hold_together_what_a_single_one_would(
    corpus: Path,
    vocabulary: Path,
    out: Path,
    seed: int | None,
    min_words: int,
    monkeypatch: pytest.MonkeyPatch,
    shards_of_80_bytes: None,
) -> None:
    corpus.write_bytes(corpus.read_bytes() * 9 + b"\n\n1:1\n")
    convert(corpus, vocabulary, out / "several", seed=seed, min_words=min_words)
    monkeypatch.setattr(shards, "SHARD_BYTES", 1 << 20)
    convert(corpus, vocabulary, out / "one", seed=seed, min_words=min_words)
    assert names(out / "one") == sorted([*FILES, "left_out.txt"])
    for part in ("train", "test"):
        assert joined(out / "several", part) == joined(out / "one", part)
    for file in ("golden.json", "left_out.txt", "vocab.txt"):
        assert (out / "several" / file).read_bytes() == (out / "one" / file).read_bytes()


def test_files_have_the_numbers_of_the_input_and_none_is_empty(
    corpus: Path, vocabulary: Path, out: Path, shards_of_80_bytes: None
) -> None:
    """The first documents have no words, the last ones are held out."""
    corpus.write_bytes(b"1:0\n" * 30 + corpus.read_bytes() * 2)
    manifest = convert(corpus, vocabulary, out, test_fraction=0.2)
    assert [file.file for file in manifest.train.files] == [
        "train/part-00001.recordio",
        "train/part-00002.recordio",
    ]
    assert manifest.test is not None
    assert [file.file for file in manifest.test.files] == [
        "test/part-00002.recordio",
        "test/part-00003.recordio",
    ]
    assert sorted(contents(out)) == sorted([MANIFEST, *(file.file for file in manifest.files)])
    assert all(file.documents and file.bytes for file in manifest.train.files)
    assert manifest.damaged(out) == []


@pytest.mark.parametrize("first", [80, 1 << 20])
def test_of_an_earlier_conversion_into_more_or_fewer_files_none_stays(
    corpus: Path, vocabulary: Path, out: Path, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job reads all that is in the folder."""
    monkeypatch.setattr(lines, "SPAN_BYTES", 40)
    corpus.write_bytes(corpus.read_bytes() * 9)
    for size in (first, 1 << 20, 200, 80, 200, 1 << 20):
        monkeypatch.setattr(shards, "SHARD_BYTES", size)
        manifest = convert(corpus, vocabulary, out)
        assert contents(out).keys() == {MANIFEST, *(file.file for file in manifest.files)}
        assert {path.name for path in out.iterdir() if path.is_dir()} <= {"train", "test"}
    assert names(out) == FILES


def test_many_small_files_of_a_folder_are_prepared_as_one(
    corpus: Path, vocabulary: Path, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for number, line in enumerate(corpus.read_bytes().splitlines(keepends=True)):
        (tmp_path / "folder" / f"{number:02}").write_bytes(line)
    whole = convert(corpus, vocabulary, out)
    assert convert(tmp_path / "folder", vocabulary, out).train == whole.train


def test_bad_input_is_told_alike_by_several_processes(
    corpus: Path, vocabulary: Path, out: Path, shards_of_80_bytes: None
) -> None:
    corpus.write_bytes(corpus.read_bytes() * 9 + b"21:1\n" + corpus.read_bytes())
    with pytest.raises(InputError, match=r":181:1: word id '21'"):
        convert(corpus, vocabulary, out, jobs=2)
    assert not out.parent.exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_bad_lines_up_to_a_number_are_left_out_and_reported(
    corpus: Path, vocabulary: Path, out: Path, jobs: int, shards_of_80_bytes: None
) -> None:
    corpus.write_bytes(b"bad\n" + corpus.read_bytes() * 9 + b"21:1\n")
    reported: list[InputError] = []
    with pytest.raises(InputError, match=r":182:1: word id '21'"):
        convert(corpus, vocabulary, out, options=ReadOptions(skip_bad=1), jobs=jobs)
    manifest = convert(
        corpus, vocabulary, out, options=ReadOptions(skip_bad=2), jobs=jobs, report=reported.append
    )
    assert [str(error).split(":", 1)[1] for error in reported] == [
        "1:1: 'bad' must be of the form id:count",
        "182:1: word id '21' must be a whole number from 1 to 20",
    ]
    assert manifest.empty_documents == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_triples_in_any_order_are_sorted_whatever_the_number_of_processes(
    corpus: Path,
    vocabulary: Path,
    out: Path,
    jobs: int,
    monkeypatch: pytest.MonkeyPatch,
    shards_of_80_bytes: None,
) -> None:
    monkeypatch.setattr(sorting, "_BUCKET_ENTRIES", 7)
    rows = [(row * 7 % 100 + 1, row % 20 + 1) for row in range(100)]
    text = "".join(f"{document} {word} 1\n" for document, word in rows)
    corpus.write_text(f"100\n20\n100\n{text}", encoding="utf-8")
    manifest = convert(corpus, vocabulary, out, test_fraction=0, jobs=jobs)
    assert len(manifest.train.files) > 9
    assert (manifest.train.documents, manifest.train.nonzeros) == (100, 100)
    found = read_matrix(BytesIO(joined(out, "train")), 20).indices.tolist()
    assert found == [word - 1 for _, word in sorted(rows)]


# Other formats


def test_the_vocabulary_of_raw_text_is_written_and_can_be_given_back(
    corpus: Path, out: Path
) -> None:
    corpus.write_text("cat dog\nbird cat\n", encoding="utf-8")
    manifest = convert(corpus, None, out / "one", test_fraction=0)
    assert manifest.source == Source("corpus.txt", "vocab.txt", None)
    assert (out / "one" / "vocab.txt").read_text(encoding="utf-8") == "bird\ncat\ndog\n"
    corpus.write_text("dog emu dog\n", encoding="utf-8")
    again = convert(corpus, out / "one" / "vocab.txt", out / "two", test_fraction=0)
    assert again.vocabulary == manifest.vocabulary
    with (out / "two" / "train.recordio").open("rb") as stream:
        assert read_matrix(stream).toarray().tolist() == [[0, 0, 2]]


@pytest.mark.parametrize(
    ("seed", "train"),
    [
        (None, "a91e9032575c06943a9a7079832ee7b6a9eebc1e47f54480749d1b6126485a65"),
        (5, "3e77e9fd01361cff99b5277dc7ae3bc2dc76f6d4dcb0bb19d2903eb5bd2c7036"),
    ],
)
def test_a_corpus_prepared_again_with_this_version_trains_no_new_model(
    corpus: Path, vocabulary: Path, out: Path, seed: int | None, train: str
) -> None:
    """The digest is in the model's fingerprint: other bytes would train in every account."""
    assert convert(corpus, vocabulary, out, seed=seed).train.sha256 == train


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_corpus_in_two_files_is_held_out_by_the_second(
    corpus: Path,
    vocabulary: Path,
    out: Path,
    tmp_path: Path,
    jobs: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "SPAN_BYTES", 10)
    monkeypatch.setattr(shards, "SHARD_BYTES", 30)
    (tmp_path / "test.txt").write_text("3:1\n\n1:1\n2:1\n", encoding="utf-8")
    manifest = convert(corpus, vocabulary, out, test_corpus=tmp_path / "test.txt", jobs=jobs)
    parts = [read_matrix(BytesIO(joined(out, part)), 20) for part in ("train", "test")]
    assert [part.indices.tolist() for part in parts] == [list(range(20)), [2, 0, 1]]
    assert manifest.source == Source("corpus.txt + test.txt", "words.txt", None)
    assert held_out(24, manifest.split.test_fraction).tolist() == [False] * 20 + [True] * 4
    assert manifest.empty_documents == 1


def test_files_whose_documents_are_in_no_order_are_held_out_alike(
    corpus: Path, vocabulary: Path, out: Path, tmp_path: Path
) -> None:
    corpus.write_text("2\n20\n2\n2 1 1\n1 2 1\n", encoding="utf-8")
    (tmp_path / "test.txt").write_text("2\n20\n2\n2 3 1\n1 4 1\n", encoding="utf-8")
    convert(corpus, vocabulary, out, test_corpus=tmp_path / "test.txt")
    assert documents(out / "train.recordio") == [1, 0]
    assert documents(out / "test.recordio") == [3, 2]


def test_the_words_of_raw_text_are_those_of_what_is_trained_on(
    corpus: Path, out: Path, tmp_path: Path
) -> None:
    corpus.write_text("the cat and the dog\n", encoding="utf-8")
    (tmp_path / "test.txt").write_text("the dog and an emu\n", encoding="utf-8")
    options = ReadOptions(stop_words="english", max_words=2)
    manifest = convert(corpus, None, out, options=options, test_corpus=tmp_path / "test.txt")
    assert (out / "vocab.txt").read_text(encoding="utf-8") == "cat\ndog\n"
    assert (manifest.train.tokens, manifest.test and manifest.test.tokens) == (2, 1)


# Real input


def test_the_kos_counts_convert_to_the_known_totals(kos: Path, out: Path) -> None:
    manifest = convert(kos / "docword.kos.txt.gz", kos / "vocab.kos.txt", out, test_fraction=0)
    train = manifest.train
    assert (train.documents, manifest.vocabulary.size) == (3430, 6906)
    assert (train.nonzeros, train.tokens) == (353_160, 467_714)


def test_the_nyt_counts_convert_to_the_known_totals(nyt: Path, out: Path) -> None:
    manifest = convert(nyt / "nyt_data.txt", nyt / "nyt_vocab.dat", out)
    assert manifest.test is not None
    parts = (manifest.train, manifest.test)
    assert [part.documents for part in parts] == [8713, 459]
    assert manifest.vocabulary.size == 3012
    assert sum(part.nonzeros for part in parts) == 877_689
    assert sum(part.tokens for part in parts) == 1_294_534
    assert manifest.train.sha256 == (
        "50630a91e3223743793357438e833838f69e583fb3d1cf4cab84168d120c549d"
    )
