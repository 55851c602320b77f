"""The synthesis step's commands as they stand in its template, with a folder for S3."""

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from data_prep.manifest import Manifest
from tests.support.cloud import run

from .steps import BUCKET, COMMIT, PREFIX, Step, by_hand, checkout, execute, write_sample

AWS = """#!/bin/sh
# Stands in for `aws s3 cp --recursive --no-progress SOURCE TARGET`.
test "$1 $2 $3 $4" = "s3 cp --recursive --no-progress" || exit 2
mkdir -p "$6"
cp -R "$BUCKETS/${5#s3://}/." "$6"
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a corpus is fetched from, as the AWS CLI would."""
    aws = tmp_path / "bin/aws"
    aws.parent.mkdir()
    aws.write_text(AWS)
    aws.chmod(0o755)
    monkeypatch.setenv("PATH", str(aws.parent), prepend=os.pathsep)
    monkeypatch.setenv("BUCKETS", str(tmp_path))
    return write_sample(tmp_path / BUCKET / PREFIX)


def digests(folder: Path) -> set[str]:
    corpus = Manifest.load(folder)
    assert corpus.test is not None
    return {corpus.train.sha256, corpus.test.sha256}


def test_the_corpus_is_fetched_and_prepared_and_every_stage_synthesized_with_it(
    source: Path, tmp_path: Path
) -> None:
    project = checkout(tmp_path / "project")
    synth = Step(by_hand(project, tmp_path / "by-hand"), "Synth")
    done = execute(synth, project, {"COMMIT": COMMIT})
    assert done.returncode == 0, done.stdout
    apart = tmp_path / "apart"
    files = ["--corpus", f"{source}/corpus.txt", "--vocab", f"{source}/vocab.txt"]
    done = run(
        *(sys.executable, "-m", "data_prep", "convert", *files, "--out", str(apart)),
        environment={},
    )
    assert done.returncode == 0, done.stdout
    assert digests(project / "build/prepared") == digests(apart)  # which the smoke test reads
    assembly = project / "cdk.out"
    published = assembly.glob("asset.*.recordio")
    assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in published} == digests(apart)
    for env in ("dev", "prod"):
        stage = assembly / f"assembly-topic-model-pipeline-topic-model-{env}"
        (training,) = stage.glob("*training*.template.json")
        assert COMMIT in training.read_text()
    # The pipeline that comes out, and would deploy itself, has the step that made it.
    again = json.loads((assembly / "topic-model-pipeline.template.json").read_text())
    assert Step(again["Resources"], "Synth").commands == synth.commands


def test_a_corpus_that_is_not_there_fails_the_synthesis(source: Path, tmp_path: Path) -> None:
    """And makes no sample in its place, which would be deployed."""
    (source / "corpus.txt").unlink()
    project = checkout(tmp_path / "project")
    synth = Step(by_hand(project, tmp_path / "by-hand"), "Synth")
    done = execute(synth, project, {"COMMIT": COMMIT})
    assert done.returncode != 0
    assert "build/source/corpus.txt" in done.stdout
    assert not (project / "cdk.out").exists()
