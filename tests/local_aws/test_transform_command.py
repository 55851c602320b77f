"""`topics transform` against the embedded AWS, with a model that no deployment has made."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from scipy.sparse import csr_array

from data_prep.recordio import encode
from topics.__main__ import main
from topics.endpoint import batches, transform_job
from topics.lda.mixtures import infer
from topics.model import archive

from .conftest import WORDS, Cloud
from .test_hosting import make_model

PREFIX = "sagemaker/lda-model"
ENV = "topic-model/dev"
rng = np.random.default_rng(0)
MODEL = archive.Model(np.array([0.5, 0.25, 0.25]), rng.dirichlet(np.ones(WORDS), 3))
COUNTS = csr_array(rng.poisson(0.05, (60, WORDS)).astype(np.float32))
FILLED = np.diff(COUNTS.indptr) > 0


@pytest.fixture(scope="session")
def deployed(cloud: Cloud, role: str, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a deployment leaves: a model and its parameters; the bucket's name."""
    path = tmp_path_factory.mktemp("model") / "model.tar.gz"
    archive.save(MODEL, path)
    key = f"{PREFIX}/models/0123/model.tar.gz"
    cloud.client("s3").upload_file(str(path), bucket, key)
    make_model(cloud, "Transformed", role, f"s3://{bucket}/{key}")
    values = {"model-name": "Transformed", "model-artifact": f"s3://{bucket}/{key}"}
    for name, value in values.items():
        cloud.client("ssm").put_parameter(Name=f"/{ENV}/{name}", Value=value, Type="String")
    return bucket


@pytest.fixture(autouse=True)
def here(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process asks the embedded AWS; the working folder has documents, some without words."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(transform_job, "POLL_SECONDS", 0.05)
    monkeypatch.chdir(tmp_path)
    Path("vocab.txt").write_text("".join(f"word{n}\n" for n in range(WORDS)), encoding="utf-8")
    rows = [np.repeat(np.arange(WORDS), row).tolist() for row in COUNTS.toarray().astype(int)]
    texts = [" ".join(f"word{n}" for n in row) or "nothing" for row in rows]
    Path("texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")


def transform(*arguments: str) -> int:
    return main(["transform", "--env", ENV, *arguments])


def objects(cloud: Cloud, bucket: str) -> list[str]:
    """What is below the folders of jobs."""
    listed = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{PREFIX}/")["Contents"]
    return [entry["Key"] for entry in listed if "/models/" not in entry["Key"]]


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], str]:
    captured = capsys.readouterr()
    return [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_predictions_are_those_of_the_model_in_the_order_of_the_documents(
    cloud: Cloud,
    deployed: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_DOCUMENTS", 7)
    assert transform("texts.txt", "--vocab", "vocab.txt", "--instances", "2") == 0
    lines, told = printed(capsys)
    assert not FILLED.all()
    assert [line["topic_mixture"] is not None for line in lines] == FILLED.tolist()
    found = [line["topic_mixture"] for line in lines if line["topic_mixture"] is not None]
    np.testing.assert_allclose(found, infer(MODEL, COUNTS[FILLED]), rtol=0, atol=1e-6)
    best = MODEL.beta[lines[0]["topics"][0]["topic"]].argmax()
    assert lines[0]["topics"][0]["words"][0] == f"word{best}"
    assert "objects to read: 8\n" in told
    assert told.splitlines()[-1].startswith("60 predictions in ")
    assert objects(cloud, deployed) == []


def put_shards(cloud: Cloud, bucket: str, folder: str) -> None:
    """The documents with words, as two objects in a folder."""
    filled = COUNTS[FILLED]
    for number, rows in enumerate([filled[:20], filled[20:]]):
        body = b"".join(encode(rows))
        key = f"{folder}/part-{number}.recordio"
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def test_recordio_in_s3_is_used_in_place_and_stays(
    cloud: Cloud, deployed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put_shards(cloud, deployed, "corpora/news/test")
    assert transform(f"s3://{deployed}/corpora/news/test/", "--vocab", "vocab.txt") == 0
    lines, told = printed(capsys)
    found = [line["topic_mixture"] for line in lines]
    np.testing.assert_allclose(found, infer(MODEL, COUNTS[FILLED]), rtol=0, atol=1e-6)
    assert "words" in lines[0]["topics"][0]
    assert "objects to read: 2\n" in told
    assert objects(cloud, deployed) == []
    listed = cloud.client("s3").list_objects_v2(Bucket=deployed, Prefix="corpora/news/test/")
    assert len(listed["Contents"]) == 2
    assert transform(f"s3://{deployed}/corpora/news/test/part-1.recordio", "--out", "out") == 0
    assert len(Path("out").read_text(encoding="utf-8").splitlines()) == FILLED.sum() - 20


def jobs(cloud: Cloud) -> list[str]:
    """The names of all transform jobs, some of which may still end."""
    found = cloud.client("sagemaker").list_transform_jobs()["TransformJobSummaries"]
    return [job["TransformJobName"] for job in found]


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("s3://data/corpora/bad/other/", "there is no object"),
        ("s3://data/corpora/bad/te", "s3://data/corpora/bad/test/a begins so too; name a folder"),
        ("s3://data/corpora/bad/", "corpora/bad/test/a and corpora/bad/train/a have the same name"),
        ("s3://data/corpora/bad/train/", "s3://data/corpora/bad/train/a: byte 0: magic is 0x"),
        ("s3://data/corpora/bad/test", "s3://data/corpora/bad/test/a: there is no document"),
        ("s3://data", "an address in S3 has the form s3://BUCKET/FOLDER/"),
    ],
)
def test_an_address_that_is_no_input_is_refused_before_a_job_starts(
    cloud: Cloud,
    deployed: str,
    capsys: pytest.CaptureFixture[str],
    address: str,
    problem: str,
) -> None:
    for key, body in {"test/a": b"", "train/a": b"no recordio"}.items():
        cloud.client("s3").put_object(Bucket=deployed, Key=f"corpora/bad/{key}", Body=body)
    before = jobs(cloud)
    assert transform(address) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert told.count("\n") == 1
    assert jobs(cloud) == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--limit", "3"], "of the options that say how to read, give only --vocab"),
        (["--text", "word1"], "give either DOCUMENTS, or --prepared, or --text and --file"),
        (["--prepared", "."], "give either DOCUMENTS, or --prepared, or --text and --file"),
        (["--vocab", "short.txt"], "short.txt has 1 words, the documents of"),
    ],
)
def test_options_that_an_address_in_s3_does_not_take_are_refused(
    cloud: Cloud,
    deployed: str,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    problem: str,
) -> None:
    Path("short.txt").write_text("word\n", encoding="utf-8")
    put_shards(cloud, deployed, "corpora/options")
    assert transform(f"s3://{deployed}/corpora/options/", *options) == 2
    assert problem in capsys.readouterr().err


def test_documents_without_any_word_need_no_job(
    deployed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert transform("--text", "unknown", "--vocab", "vocab.txt", "--top", "0") == 0
    captured = capsys.readouterr()
    assert captured.out == '{"topic_mixture": null, "topics": []}\n'
    assert "transform job" not in captured.err


def test_a_job_that_fails_is_told_with_its_log_and_its_objects_stay(
    cloud: Cloud,
    deployed: str,
    capsys: pytest.CaptureFixture[str],
    arm: Callable[..., None],
) -> None:
    arm("transform.fail", reason="\x1b[31mno memory " + "x" * 999)
    assert transform("texts.txt", "--vocab", "vocab.txt") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is Failed: AlgorithmError: See job logs for more information\n" in captured.err
    assert "part-00000.recordio: Unable to get response from algorithm\n" in captured.err
    assert "log: \\u001b[31mno memory xxx" in captured.err
    assert max(map(len, captured.err.splitlines())) < 400
    kept = objects(cloud, deployed)
    assert [key.rpartition("/")[2] for key in kept] == ["part-00000.recordio"]
    folder = kept[0].rpartition("/")[0]
    assert f"the job's objects stay at s3://{deployed}/{folder}/\n" in captured.err
    cloud.client("s3").delete_object(Bucket=deployed, Key=kept[0])


def test_an_interrupt_stops_the_job_and_says_so(
    cloud: Cloud,
    deployed: str,
    capsys: pytest.CaptureFixture[str],
    arm: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    arm("invoke.slow", seconds=60)
    monkeypatch.setattr(time, "sleep", interrupt)
    assert transform("texts.txt", "--vocab", "vocab.txt") == 1
    told = capsys.readouterr().err
    (job,) = (
        one
        for one in cloud.client("sagemaker").list_transform_jobs()["TransformJobSummaries"]
        if one["TransformJobName"] in told
    )
    assert job["TransformJobStatus"] in ("Stopping", "Stopped")
    assert f"the transform job {job['TransformJobName']} is being stopped\n" in told
    assert told.endswith("topics: interrupted\n")
    for key in objects(cloud, deployed):
        cloud.client("s3").delete_object(Bucket=deployed, Key=key)


def test_an_environment_that_is_not_deployed_is_told(
    deployed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transform", "--env", "topic-model/prod", "--text", "x", "--vocab", "v"]) == 1
    assert capsys.readouterr().err.startswith(
        "topics: there is no parameter /topic-model/prod/model-name in us-east-1: deploy the"
        " environment 'prod' of 'topic-model' first"
    )


@pytest.mark.parametrize("env", ["dev", "/dev", "topic-model/", "a/b/c"])
def test_an_environment_is_named_by_project_and_env(
    env: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["transform", "--env", env])
    assert ended.value.code == 2
    assert "must be PROJECT/ENV" in capsys.readouterr().err
