"""Preparing a corpus that is in S3 into S3, by an engine in this process."""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from data_prep import s3, shards
from data_prep.cluster import prepare
from data_prep.convert import convert
from data_prep.errors import InputError
from data_prep.formats.read_options import ReadOptions
from data_prep.manifest import Manifest, Source
from data_prep.s3 import S3Folder
from data_prep.stored import fetch
from tests.support.engine import Pickling
from tests.support.written_corpora import words, write_vocabulary

PAIRS = b"1:2,3:1\n\n2:5\n" * 5
TEXTS = b'{"body": "wa wb wa"}\n{"body": "wc and the"}\n' * 3
# In the order of their paths, which is not that of their characters.
FILES = {"a/1": PAIRS, "a-b/0": gzip.compress(PAIRS * 2), "a.c": PAIRS, "b": b"", "c": PAIRS}


@pytest.fixture(autouse=True)
def caller(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(shards, "SHARD_BYTES", 80)
    s3._client.cache_clear()
    yield
    s3._client.cache_clear()


@pytest.fixture
def folder(cloud: Any) -> S3Folder:
    bucket = f"bucket-{uuid4().hex}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    return S3Folder(bucket, "my/folder")


def below(folder: S3Folder, name: str) -> S3Folder:
    return S3Folder(folder.bucket, f"{folder.prefix}/{name}")


def write(cloud: Any, folder: S3Folder, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        key = f"{folder.prefix}/{name}"
        cloud.client("s3").put_object(Bucket=folder.bucket, Key=key, Body=content)


def write_both(cloud: Any, place: S3Folder, files: Mapping[str, bytes], tmp_path: Path) -> Path:
    """Write files to S3, and to a folder of the same name, which is returned."""
    write(cloud, place, files)
    local = tmp_path / Path(place.prefix).name
    for name, content in files.items():
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_bytes(content)
    return local


def run(corpus: S3Folder, out: S3Folder, **how: Any) -> Manifest:
    engine = how.pop("engine", Pickling())
    source = Source(Path(corpus.prefix).name, "vocab.txt", None)
    has_words = how.pop("has_words", True)
    return prepare(corpus, words(3) if has_words else None, out, engine, source=source, **how)


def contents(out: S3Folder) -> dict[str, bytes]:
    return {file.name: out.read(file.name, 1 << 20) for file in out.list()}


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize(
    ("files", "has_words", "options"),
    [
        (FILES, True, ReadOptions()),
        (
            {"x.json": TEXTS, "a/y": TEXTS},
            False,
            ReadOptions(field=("body",), stop_words="english"),
        ),
        ({f"{n:02}.txt": b"wa wb " * n for n in range(1, 9)}, True, ReadOptions()),
    ],
)
def test_what_is_prepared_from_s3_in_s3_has_the_bytes_of_convert(
    cloud: Any,
    folder: S3Folder,
    tmp_path: Path,
    seed: int | None,
    files: Mapping[str, bytes],
    has_words: bool,
    options: ReadOptions,
) -> None:
    local = write_both(cloud, below(folder, "corpus"), files, tmp_path)
    how: dict[str, Any] = {"options": options, "seed": seed, "test_fraction": 0.2}
    vocabulary = write_vocabulary(tmp_path, 3) if has_words else None
    convert(local, vocabulary, tmp_path / "out", **how)
    out = below(folder, "out")
    manifest = run(below(folder, "corpus"), out, has_words=has_words, **how)
    assert contents(out) == {
        str(file.relative_to(tmp_path / "out")): file.read_bytes()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file()
    }
    assert len(manifest.train.files) > 1
    assert fetch(out, tmp_path / "fetched").parts == manifest.parts


def test_a_bad_line_is_told_with_its_address(cloud: Any, folder: S3Folder) -> None:
    write(cloud, below(folder, "corpus"), {"a": PAIRS, "b": PAIRS + b"4:1\n"})
    with pytest.raises(InputError, match=rf"^{folder}/corpus/b:16:1: word id '4'"):
        run(below(folder, "corpus"), below(folder, "out"))
    assert not below(folder, "out").has("manifest.json")


@pytest.mark.parametrize("content", [b"wa \xff", b"x" * ((1 << 24) + 1)])
def test_a_bad_text_is_told_with_its_address(cloud: Any, folder: S3Folder, content: bytes) -> None:
    write(cloud, below(folder, "corpus"), {"a.txt": b"wa", "b.txt": content})
    with pytest.raises(InputError, match=rf"^{folder}/corpus/b\.txt"):
        run(below(folder, "corpus"), below(folder, "out"))


def test_a_folder_without_files_is_told(folder: S3Folder) -> None:
    with pytest.raises(InputError, match=f"^{folder}/nothing: there is no file"):
        run(below(folder, "nothing"), below(folder, "out"))


def test_a_folder_with_a_prepared_corpus_gets_no_other(cloud: Any, folder: S3Folder) -> None:
    """A deployment may use it in place."""
    write(cloud, below(folder, "corpus"), FILES)
    run(below(folder, "corpus"), below(folder, "out"))
    before = contents(below(folder, "out"))
    with pytest.raises(InputError, match="a prepared corpus is here already"):
        run(below(folder, "corpus"), below(folder, "out"), seed=9)
    assert contents(below(folder, "out")) == before


def test_documents_that_another_run_left_are_refused_before_others_are_written(
    cloud: Any, folder: S3Folder
) -> None:
    """A job would train on them too; those that are written again do no harm."""
    write(cloud, below(folder, "corpus"), FILES)
    out = below(folder, "out")
    write(cloud, out, {"train/part-00000.recordio": b"old", "train/part-00099.recordio": b"old"})
    with pytest.raises(InputError, match=r"out/train/part-00099\.recordio: this file is left"):
        run(below(folder, "corpus"), out)
    assert len(out.list()) == 2
    cloud.client("s3").delete_object(
        Bucket=out.bucket, Key=f"{out.prefix}/train/part-00099.recordio"
    )
    run(below(folder, "corpus"), out)
    assert out.has("manifest.json")


def test_a_file_that_changes_between_the_passes_is_told(cloud: Any, folder: S3Folder) -> None:
    write(cloud, below(folder, "corpus"), FILES)

    class Changing(Pickling):
        def map(self, function: Any, items: Any) -> Any:
            if self.items:
                write(cloud, below(folder, "corpus"), {"c": PAIRS.replace(b"5", b"6")})
            return super().map(function, items)

    with pytest.raises(InputError, match="a file was changed while it was read"):
        run(below(folder, "corpus"), below(folder, "out"), engine=Changing())
    assert not below(folder, "out").has("manifest.json")
