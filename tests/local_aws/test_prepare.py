"""`python -m operations prepare` against Glue here; in the program's place are small scripts."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data_prep import s3
from data_prep.manifest import Manifest
from data_prep.s3 import S3Folder
from data_prep.stored import put
from local_aws import instance
from local_aws.glue import spark
from operations.__main__ import main
from operations.preparation import glue_run
from tests.support.archive import write_archive
from tests.support.spark_stub import write_environment
from tests.support.synthesis import write_corpus
from tests.support.waiting import wait_for

from .conftest import Cloud, allow

# Puts a corpus where it is told to, as the program does; a corpus that is prepared already.
PROGRAM = """
import json, sys
from pathlib import Path
sys.path.insert(0, {project!r})
from data_prep.s3 import S3Folder
from data_prep.stored import put
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("given " + json.dumps(given))
put(Path({prepared!r}), S3Folder.parse(given["--out"]))
"""
FAIL = """
import sys
print("26/01/01 INFO Spark", file=sys.stderr)
print("data_prep: s3://corpora/news/a: line 3: no count", file=sys.stderr)
sys.exit({code})
"""
SLEEP = "import time; print('asleep', flush=True); time.sleep(600)"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    environment = write_environment(tmp_path_factory.mktemp("spark") / "environment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(spark.VARIABLE, str(environment))
        with instance.running() as started:
            cloud = Cloud(started.environment())
            for bucket in ("scripts", "bucket"):
                cloud.client("s3").create_bucket(Bucket=bucket)
            role = cloud.make_role("Preparing", allow("s3:*", "logs:*"), service="glue")
            cloud.client("glue").create_job(
                Name="job",
                Role=role,
                Command={"Name": "glueetl", "ScriptLocation": "s3://scripts/script.py"},
                Timeout=60,
            )
            for name, value in (
                ("preparation-job", "job"),
                ("prepared-data", "s3://bucket/lda/data"),
            ):
                cloud.client("ssm").put_parameter(
                    Name=f"/topic-model/dev/{name}", Value=value, Type="String"
                )
            yield cloud


@pytest.fixture(autouse=True)
def at_hand(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line talks to this instance, and asks often."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(glue_run, "POLL_SECONDS", 0.1)
    s3._client.cache_clear()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("prepared"))


Program = Callable[[str], None]


@pytest.fixture
def program(cloud: Cloud) -> Program:
    """Sets the job's script."""

    def set_(script: str) -> None:
        cloud.client("s3").put_object(Bucket="scripts", Key="script.py", Body=script.encode())

    return set_


@pytest.fixture
def puts(program: Program, prepared: Path) -> None:
    """The job's script prepares a corpus."""
    program(PROGRAM.format(project=str(Path.cwd()), prepared=str(prepared)))


def runs(cloud: Cloud) -> list[dict[str, Any]]:
    return list(cloud.client("glue").get_job_runs(JobName="job")["JobRuns"])


def prepare(*arguments: str) -> int:
    """The exit code."""
    try:
        return main(["prepare", *arguments])
    except SystemExit as error:
        return int(str(error.code))


@pytest.mark.usefixtures("puts")
def test_a_corpus_is_prepared_and_what_a_deployment_needs_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prepared: Path
) -> None:
    out = tmp_path / "out"
    options = ["--format", "jsonl", "--field", "title", "--field", "full text"]
    assert prepare("--name", "news", "--out", str(out), "--", *options) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"8,713 + 459 documents, 3,012 words in s3://bucket/lda/data/news -> {out}",
        f"next: cdk deploy --all -c env=dev -c prepared={out}",
    ]
    (given,) = [line for line in said.err.splitlines() if "given" in line]
    arguments = json.loads(given.partition("given ")[2])
    assert arguments["--out"] == "s3://bucket/lda/data/news"
    assert arguments["--options"] == "--format jsonl --field title --field 'full text'"
    assert {file.name for file in out.iterdir()} == {"manifest.json", "vocab.txt", "golden.json"}


@pytest.mark.usefixtures("puts")
def test_as_json_it_says_what_was_run_and_where_the_corpus_is(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare("--name", "as-json", "--out", str(tmp_path / "out"), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["run"] == runs(cloud)[0]["Id"]
    assert said["location"] == "s3://bucket/lda/data/as-json"
    assert said["documents"] == {"train": 8713, "test": 459}


def test_the_programs_very_bytes_prepare_what_is_in_s3(
    cloud: Cloud, tmp_path: Path, program: Program
) -> None:
    """With plain Python in the place of Spark, which calls the same functions in many processes."""
    s3_ = cloud.client("s3")
    s3_.create_bucket(Bucket="corpora")
    for number, texts in enumerate([["a cat", "a dog"], ["the cat", "the dog and a cat"]]):
        content = "".join(json.dumps({"body": text}) + "\n" for text in texts)
        s3_.put_object(Bucket="corpora", Key=f"news/{number}.jsonl", Body=content.encode())
    archive = write_archive(tmp_path / "packages.zip").read_bytes()
    s3_.put_object(Bucket="scripts", Key="packages.zip", Body=archive)
    program(Path("data_prep/spark.py").read_text())
    glue = cloud.client("glue")
    job = glue.get_job(JobName="job")["Job"]
    given = {"--extra-py-files": "s3://scripts/packages.zip", "--corpus": "s3://corpora/news"}
    changed = {"Role": job["Role"], "Command": job["Command"], "Timeout": 60}
    glue.update_job(JobName="job", JobUpdate=changed | {"DefaultArguments": given})
    options = ["--field", "body", "--test-fraction", "0.25"]
    out = tmp_path / "out"
    try:
        assert prepare("--name", "very", "--out", str(out), "--", *options) == 0
    finally:
        glue.update_job(JobName="job", JobUpdate=changed | {"DefaultArguments": {}})
    assert (out / "vocab.txt").read_text().split() == ["and", "cat", "dog", "the"]
    manifest = Manifest.load(out)
    assert (manifest.train.documents, manifest.location) == (3, "s3://bucket/lda/data/very")


@pytest.mark.parametrize("code", [1, 2])
def test_a_failure_is_told_once_with_the_programs_exit_code(
    program: Program, capsys: pytest.CaptureFixture[str], tmp_path: Path, code: int
) -> None:
    program(FAIL.format(code=code))
    out = tmp_path / "out"
    assert prepare("--name", "failing", "--out", str(out)) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("s3://corpora/news/a: line 3: no count") == 1
    assert "INFO" not in said.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--name", "x", "--", "--format", "ods"], "invalid choice: 'ods'"),
        (["--name", "x", "--", "--min-df", "none"], "--min-df"),
        (["--name", "x", "--", "--out", "s3://corpora/out"], "--name says where it writes"),
        (["--name", "../x"], "must be up to 100 letters"),
        (["--name", "x", "--min-df", "5"], "unrecognized arguments"),
        (
            [
                "-c",
                "preparation.source=s3://corpora/news",
                "--name",
                "x",
                "--",
                "--corpus",
                "s3://corpora/news-2",
            ],
            "the job reads only what is below preparation.source, s3://corpora/news",
        ),
        (
            [
                "-c",
                "preparation.source=s3://corpora/news",
                "--name",
                "x",
                "--",
                "--vocab",
                "vocab.txt",
            ],
            "--vocab is vocab.txt; the job reads only what is",
        ),
        (["--name", "x", "--", "--stop-words", "w.txt"], "--stop-words is w.txt; the job reads"),
        (["--name", "x", "--", "--options", "--seed 1"], "--options are not for the job"),
        (["-c", "project=none", "--name", "x"], "none-dev has no preparation job; set prep"),
    ],
)
def test_wrong_use_is_told_before_anything_is_started(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    before = len(runs(cloud))
    assert prepare(*arguments) == 2
    assert told in capsys.readouterr().err
    assert len(runs(cloud)) == before


def test_a_name_that_is_used_starts_nothing(
    cloud: Cloud, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(prepared, S3Folder.parse("s3://bucket/lda/data/used"))
    before = len(runs(cloud))
    assert prepare("--name", "used") == 2
    assert "a prepared corpus is here already" in capsys.readouterr().err
    assert len(runs(cloud)) == before


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A process that was started in the background ignores interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_stops_the_run(
    cloud: Cloud, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    program(SLEEP)
    before = len(runs(cloud))

    def interrupt() -> None:
        wait_for(lambda: len(runs(cloud)) > before and runs(cloud)[0]["JobRunState"] == "RUNNING")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert prepare("--name", "interrupted") == 1
    thread.join()
    run = runs(cloud)[0]["Id"]
    assert f"interrupted; run {run} is being stopped" in capsys.readouterr().err
    wait_for(lambda: runs(cloud)[0]["JobRunState"] == "STOPPED")


def test_while_a_run_goes_on_no_other_is_started(
    cloud: Cloud, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    program(SLEEP)
    glue = cloud.client("glue")
    run = glue.start_job_run(JobName="job")["JobRunId"]
    assert prepare("--name", "second") == 1
    assert "a run of job is going on" in capsys.readouterr().err
    glue.batch_stop_job_run(JobName="job", JobRunIds=[run])
    wait_for(lambda: runs(cloud)[0]["JobRunState"] == "STOPPED")
