import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data_prep.manifest import (
    MANIFEST,
    Golden,
    LeftOut,
    Manifest,
    ManifestError,
    Part,
    Shard,
    Source,
    Split,
    Vocabulary,
)
from tests.support.synthesis import write_corpus

TEXT = """\
{
  "format": 4,
  "location": null,
  "source": {
    "corpus": "zürich.txt",
    "vocabulary": "words.txt",
    "limit": null
  },
  "split": {
    "test_fraction": 0.05,
    "seed": 7
  },
  "vocabulary": {
    "file": "vocab.txt",
    "size": 4,
    "bytes": 3,
    "sha256": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
  },
  "train": {
    "documents": 19,
    "nonzeros": 30,
    "tokens": 40,
    "bytes": 5,
    "sha256": "91b07798303998ff08248d43029027f2e52242a4cd2426050a651d16f46d36c7",
    "files": [
      {
        "file": "train/part-00000.recordio",
        "documents": 12,
        "bytes": 3,
        "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      },
      {
        "file": "train/part-00001.recordio",
        "documents": 7,
        "bytes": 2,
        "sha256": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
      }
    ]
  },
  "test": {
    "documents": 1,
    "nonzeros": 2,
    "tokens": 3,
    "bytes": 4,
    "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "files": [
      {
        "file": "test.recordio",
        "documents": 1,
        "bytes": 4,
        "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      }
    ]
  },
  "golden": {
    "file": "golden.json",
    "documents": 1,
    "bytes": 6,
    "sha256": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
  },
  "min_words": 10,
  "empty_documents": 2,
  "short_documents": 1,
  "left_out": {
    "file": "left_out.txt",
    "documents": 3,
    "bytes": 7,
    "sha256": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
  }
}
"""
WHOLE = Manifest(
    format=4,
    location=None,
    source=Source("zürich.txt", "words.txt", None),
    split=Split(0.05, 7),
    vocabulary=Vocabulary("vocab.txt", 4, 3, "c" * 64),
    train=Part.of(
        [
            Shard("train/part-00000.recordio", 12, 3, "a" * 64),
            Shard("train/part-00001.recordio", 7, 2, "f" * 64),
        ],
        30,
        40,
    ),
    test=Part.of([Shard("test.recordio", 1, 4, "b" * 64)], 2, 3),
    golden=Golden("golden.json", 1, 6, "d" * 64),
    min_words=10,
    empty_documents=2,
    short_documents=1,
    left_out=LeftOut("left_out.txt", 3, 7, "e" * 64),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_bytes(bytes(3))
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "part-00000.recordio").write_bytes(bytes(3))
    (tmp_path / "train" / "part-00001.recordio").write_bytes(bytes(2))
    (tmp_path / "test.recordio").write_bytes(bytes(4))
    (tmp_path / "golden.json").write_bytes(bytes(6))
    (tmp_path / "left_out.txt").write_bytes(bytes(7))
    (tmp_path / MANIFEST).write_text(TEXT, encoding="utf-8")
    return tmp_path


def change(folder: Path, path: str, value: Any) -> None:
    """Set one value of the manifest, named like `train.files.0.bytes`."""
    content = json.loads(TEXT)
    *outer, last = path.split(".")
    target = content
    for name in outer:
        target = target[int(name) if name.isdigit() else name]
    target[last] = value
    (folder / MANIFEST).write_text(json.dumps(content), encoding="utf-8")


def test_a_manifest_is_written_as_this_text(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    WHOLE.write(folder)
    assert (folder / MANIFEST).read_bytes() == TEXT.encode()


def test_writing_leaves_no_other_file_and_replaces_an_older_manifest(folder: Path) -> None:
    before = sorted(folder.iterdir())
    (folder / MANIFEST).write_text("older", encoding="utf-8")
    WHOLE.write(folder)
    assert sorted(folder.iterdir()) == before
    assert Manifest.load(folder) == WHOLE


def test_a_manifest_is_loaded(folder: Path) -> None:
    assert Manifest.load(folder) == WHOLE


def test_there_may_be_no_test_documents(folder: Path) -> None:
    change(folder, "test", None)
    (folder / "test.recordio").unlink()
    assert Manifest.load(folder).test is None


def test_a_whole_number_is_a_fraction_too(folder: Path) -> None:
    change(folder, "split.test_fraction", 0)
    assert Manifest.load(folder).split.test_fraction == 0


def test_documents_in_s3_need_not_be_beside_the_manifest(folder: Path) -> None:
    change(folder, "location", "s3://bucket/data/news")
    for shard in WHOLE.shards:
        (folder / shard.file).unlink()
    manifest = Manifest.load(folder)
    assert manifest.shards == WHOLE.shards
    assert [file.file for file in manifest.files] == ["vocab.txt", "golden.json", "left_out.txt"]
    (folder / "golden.json").unlink()
    with pytest.raises(ManifestError, match=r"golden\.json: No such file"):
        Manifest.load(folder)


def test_documents_in_s3_are_checked_as_those_beside_the_manifest(folder: Path) -> None:
    change(folder, "location", "s3://bucket/data/news")
    change(folder, "train.documents", 18)
    with pytest.raises(ManifestError, match="train: documents, bytes and sha256 are not those"):
        Manifest.load(folder)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("format", 1, "manifest.json: format is 1, must be 4"),
        ("format", True, "manifest.json: format is True, must be 4"),
        ("train", None, "manifest.json: train is None, must be an object"),
        ("train", [], r"manifest.json: train is \[\], must be an object"),
        ("train.documents", "19", "documents is '19', must be a whole number from 0 on"),
        ("train.documents", 19.0, "documents is 19.0, must be a whole number from 0 on"),
        ("train.documents", -1, "documents is -1, must be a whole number from 0 on"),
        ("train.documents", True, "documents is True, must be a whole number from 0 on"),
        ("train.documents", 0, "train: there are no documents"),
        ("train.documents", 18, "train: documents, bytes and sha256 are not those of its files"),
        ("train.bytes", 6, "train: documents, bytes and sha256 are not those of its files"),
        ("train.sha256", "a" * 64, "train: documents, .* sha256 are not those of its files"),
        ("train.files", {}, "files is {}, must be a list"),
        ("train.files", [], "train: documents, bytes and sha256 are not those of its files"),
        ("train.files", [1], "files is 1, must be an object"),
        ("location", 1, "location is 1, must be a text"),
        ("location", "", "location is '', must be null or s3://BUCKET/FOLDER"),
        ("location", "/tmp/x", "location is '/tmp/x', must be null or s3://BUCKET/FOLDER"),
        ("location", "s3://bucket", "location is 's3://bucket', must be null or"),
        ("location", "s3://bucket/x/", "location is 's3://bucket/x/', must be null or"),
        ("location", "s3://bucket//x", "location is 's3://bucket//x', must be null or"),
        ("location", "s3://bucket/../x", "location is 's3://bucket/../x', must be null or"),
        ("location", "s3://bucket/*", r"location is 's3://bucket/\*', must be null or"),
        ("location", "s3://bucket/${aws:userid}", "must be null or s3://BUCKET/FOLDER"),
        ("location", "s3://Bucket/x", "location is 's3://Bucket/x', must be null or"),
        ("split.test_fraction", "0", "test_fraction is '0', must be a number from 0 on"),
        ("split.test_fraction", float("nan"), "test_fraction is nan, must be a number from 0 on"),
        ("golden.file", 1, "file is 1, must be a text"),
        ("golden.file", "", "file '' must be a name, or a folder and a name"),
        ("golden.file", "../x", "file '../x' must be a name, or a folder and a name"),
        ("golden.file", "x/..", "file 'x/..' must be a name, or a folder and a name"),
        ("golden.file", "/etc/passwd", "file '/etc/passwd' must be a name, or"),
        ("golden.file", "a/b/c", "file 'a/b/c' must be a name, or a folder and a name"),
        ("golden.file", "vocab.txt", "a file is listed twice"),
        ("golden.sha256", "A" * 64, "'A{64}' is not a SHA-256 digest"),
        ("train.colour", 1, "train: 'colour' is unknown"),
        ("train.files.0.colour", 1, "files: 'colour' is unknown"),
        ("golden.bytes", 7, "golden.json: has 6 bytes, the manifest says 7"),
        ("vocabulary.file", "words", "words: No such file or directory"),
        ("left_out.bytes", 8, "left_out.txt: has 7 bytes, the manifest says 8"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    folder: Path, path: str, value: object, problem: str
) -> None:
    change(folder, path, value)
    with pytest.raises(ManifestError, match=problem) as caught:
        Manifest.load(folder)
    assert str(folder) in str(caught.value)


def test_a_missing_value_is_told(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"format": 4}', encoding="utf-8")
    with pytest.raises(ManifestError, match=r"manifest.json: the manifest: .* is missing"):
        Manifest.load(folder)


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"there is no manifest\.json"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[1]", b"null", b"[" * 100_000])
def test_what_is_no_manifest_at_all_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(ManifestError, match=r"manifest\.json: "):
        Manifest.load(folder)


def test_a_part_in_one_file_has_the_digest_of_the_file() -> None:
    """The digest is in the model's fingerprint: another one would train in every account."""
    part = Part.of([Shard("train.recordio", 19, 5, "a" * 64)], 30, 40)
    assert (part.documents, part.bytes, part.sha256) == (19, 5, "a" * 64)


def test_a_part_in_several_files_has_the_digest_of_what_sha256sum_prints(folder: Path) -> None:
    names = ["train/part-00000.recordio", "train/part-00001.recordio"]
    listing = subprocess.run(["sha256sum", *names], cwd=folder, check=True, capture_output=True)
    files = [
        Shard(name, 1, 1, hashlib.sha256((folder / name).read_bytes()).hexdigest())
        for name in names
    ]
    assert Part.of(files, 1, 1).sha256 == hashlib.sha256(listing.stdout).hexdigest()


def test_a_shard_of_another_size_is_named(folder: Path) -> None:
    (folder / "train" / "part-00001.recordio").write_bytes(b"longer")
    with pytest.raises(ManifestError, match=r"train/part-00001\.recordio: has 6 bytes"):
        Manifest.load(folder)


def test_files_with_other_bytes_of_the_same_size_are_named(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path)
    manifest = Manifest.load(folder)
    assert manifest.damaged(folder) == []
    for name in ("train.recordio", "golden.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + b"?")
    (folder / "vocab.txt").unlink()
    assert manifest.damaged(folder) == ["golden.json", "train.recordio", "vocab.txt"]


def test_the_manifest_is_imported_without_numpy_and_scipy() -> None:
    script = "import sys, data_prep.manifest; print({'numpy', 'scipy'} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "set()\n"
