"""Prepared corpora in S3: written there, fetched, and refused."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from data_prep import s3, stored
from data_prep.__main__ import main
from data_prep.errors import InputError
from data_prep.manifest import Manifest
from data_prep.s3 import S3Folder
from tests.support.synthesis import write_corpus

from .conftest import Cloud, allow


@pytest.fixture(scope="module")
def corpora(cloud: Cloud) -> str:
    cloud.client("s3").create_bucket(Bucket="corpora")
    return "corpora"


@pytest.fixture(autouse=True)
def caller(cloud: Cloud, corpora: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    forget_clients(monkeypatch)
    yield
    s3._client.cache_clear()


def forget_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next client take credentials and endpoint from the environment as it is now."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    s3._client.cache_clear()


@pytest.fixture
def source(tmp_path: Path, request: pytest.FixtureRequest) -> S3Folder:
    """A prepared corpus of several files in S3, in a folder of its own."""
    folder = S3Folder("corpora", f"data/{hashlib.sha256(request.node.name.encode()).hexdigest()}")
    stored.put(write_corpus(tmp_path / "prepared", train=[b"one", b"two"]), folder)
    return folder


def keys(cloud: Cloud, folder: S3Folder) -> set[str]:
    return {file.name for file in folder.list()}


def test_a_corpus_in_s3_has_the_bytes_of_one_on_the_disk(
    cloud: Cloud, source: S3Folder, tmp_path: Path
) -> None:
    prepared = tmp_path / "prepared"
    local = {
        str(file.relative_to(prepared)): file.read_bytes()
        for file in prepared.rglob("*")
        if file.is_file()
    }
    assert {name: source.read(name, 1 << 20) for name in keys(cloud, source)} == local


def test_s3_keeps_the_digest_of_each_file_as_a_checksum(cloud: Cloud, source: S3Folder) -> None:
    for name in keys(cloud, source):
        head = cloud.client("s3").head_object(
            Bucket="corpora", Key=f"{source.prefix}/{name}", ChecksumMode="ENABLED"
        )
        digest = hashlib.sha256(source.read(name, 1 << 20)).digest()
        assert head["ChecksumSHA256"] == base64.b64encode(digest).decode()


def test_what_is_fetched_is_all_but_the_documents_with_their_place(
    source: S3Folder, tmp_path: Path
) -> None:
    out = tmp_path / "fetched"
    stored.fetch(source, out)
    assert sorted(file.name for file in out.rglob("*")) == [
        "golden.json",
        "manifest.json",
        "vocab.txt",
    ]
    manifest, original = Manifest.load(out), Manifest.load(tmp_path / "prepared")
    assert manifest.location == str(source)
    assert manifest.parts == original.parts
    assert manifest.damaged(out) == []


def test_a_corpus_on_the_disk_makes_place_for_one_that_is_fetched(
    source: S3Folder, tmp_path: Path
) -> None:
    out = write_corpus(tmp_path / "out", train=[b"1", b"2", b"3"])
    stored.fetch(source, out)
    assert not list(out.rglob("*.recordio"))
    assert Manifest.load(out).location == str(source)


def test_a_folder_with_a_corpus_gets_no_other(
    source: S3Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corpus.txt").write_text("1:2\n", encoding="utf-8")
    (tmp_path / "words.txt").write_text("a\n", encoding="utf-8")
    files = ["--corpus", str(tmp_path / "corpus.txt"), "--vocab", str(tmp_path / "words.txt")]
    assert main(["convert", *files, "--out", str(source)]) == 2
    expected = f"data_prep: {source}: a prepared corpus is here already; name another folder\n"
    assert capsys.readouterr().err == expected


def test_convert_writes_to_s3_and_fetch_brings_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corpus.txt").write_text("1:2\n2:1\n", encoding="utf-8")
    (tmp_path / "words.txt").write_text("a\nb\n", encoding="utf-8")
    files = ["--corpus", str(tmp_path / "corpus.txt"), "--vocab", str(tmp_path / "words.txt")]
    assert main(["convert", *files, "--out", "s3://corpora/converted/"]) == 0
    assert main(["convert", *files, "--out", str(tmp_path / "local")]) == 0
    assert main(["fetch", "s3://corpora/converted", "--out", str(tmp_path / "fetched")]) == 0
    told = capsys.readouterr().out
    assert f"bytes in s3://corpora/converted -> {tmp_path / 'fetched'}\n" in told
    local, fetched = (
        json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("local", "fetched")
    )
    assert fetched == local | {"location": "s3://corpora/converted"}
    manifest = S3Folder("corpora", "converted").read("manifest.json", 1 << 20)
    assert manifest == (tmp_path / "local" / "manifest.json").read_bytes()


def put(cloud: Cloud, source: S3Folder, name: str, content: bytes) -> None:
    cloud.client("s3").put_object(Bucket=source.bucket, Key=f"{source.prefix}/{name}", Body=content)


def test_a_corpus_without_one_of_its_files_is_not_fetched(
    cloud: Cloud, source: S3Folder, tmp_path: Path
) -> None:
    cloud.client("s3").delete_object(
        Bucket=source.bucket, Key=f"{source.prefix}/train/part-00001.recordio"
    )
    with pytest.raises(InputError, match=r"part-00001\.recordio: is missing, the manifest says 3"):
        stored.fetch(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_corpus_with_a_cut_file_is_not_fetched(
    cloud: Cloud, source: S3Folder, tmp_path: Path
) -> None:
    put(cloud, source, "train/part-00001.recordio", b"tw")
    with pytest.raises(InputError, match=r"part-00001\.recordio: has 2 bytes, the manifest says 3"):
        stored.fetch(source, tmp_path / "out")


def test_a_vocabulary_of_other_content_is_not_fetched(
    cloud: Cloud, source: S3Folder, tmp_path: Path
) -> None:
    put(cloud, source, "vocab.txt", b"b\na\n")
    with pytest.raises(InputError, match=r"vocab\.txt: its content is not what the manifest says"):
        stored.fetch(source, tmp_path / "out")


def test_a_manifest_that_leads_elsewhere_is_not_followed(
    cloud: Cloud, source: S3Folder, tmp_path: Path
) -> None:
    stored.fetch(source, tmp_path / "out")
    put(cloud, source, "manifest.json", (tmp_path / "out" / "manifest.json").read_bytes())
    with pytest.raises(
        InputError, match=r"its documents are in s3://.*; fetch that corpus instead"
    ):
        stored.fetch(source, tmp_path / "again")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        (
            "s3://corpora/nothing",
            "s3://corpora/nothing: there is no manifest.json; `python -m data_prep convert",
        ),
        ("s3://no-such-bucket/x", "s3://no-such-bucket/x/manifest.json: .*NoSuchBucket"),
    ],
)
def test_an_address_without_a_corpus_is_bad_input(
    address: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=problem):
        stored.fetch(S3Folder.parse(address), tmp_path / "out")


def test_a_folder_that_may_not_be_read_is_named(
    cloud: Cloud, source: S3Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = cloud.assume(cloud.make_role("ListsAlone", allow("s3:ListBucket")))
    for name, value in keys.items():
        monkeypatch.setenv(name.upper(), value)
    forget_clients(monkeypatch)
    with pytest.raises(InputError, match=rf"{source}/manifest.json: .*AccessDenied"):
        stored.fetch(source, tmp_path / "out")


def test_an_s3_that_does_not_answer_is_a_failure_and_no_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.setenv(name, "https://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget_clients(monkeypatch)
    assert main(["fetch", "s3://corpora/x", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("data_prep: s3://corpora/x/manifest.json: Could not")
