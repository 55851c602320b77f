"""The command line of the program for Spark; tests/spark runs it."""

import sys
from pathlib import Path

import pytest

from data_prep import spark
from data_prep.s3 import S3Folder

NEEDED = ["--corpus", "s3://corpora/news", "--out", "out"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        spark.parse([*NEEDED, *arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_folders_may_be_in_s3_or_not() -> None:
    options = spark.parse([*NEEDED, "--vocab", "s3://corpora/words/vocab.txt"])
    assert options.corpus == S3Folder("corpora", "news")
    assert options.vocab == S3Folder("corpora", "words/vocab.txt")
    assert options.out == Path("out")


def test_what_glue_adds_is_no_option_of_ours() -> None:
    added = ["--JOB_NAME", "prepare", "--TempDir=s3://x/y", "--job-bookmark-option", "disable"]
    added += ["--extra-py-files", "s3://x/y.zip", "--JOB_RUN_ID", "jr_1", "--enable-metrics", ""]
    options = spark.parse([*added[:3], *NEEDED, *added[3:], "--seed", "7"])
    assert vars(options) == vars(spark.parse([*NEEDED, "--seed", "7"]))


@pytest.mark.parametrize("unknown", [["--min-fd", "3"], ["--limit", "9"], ["--test", "x"], ["x"]])
def test_an_option_that_is_nobodys_is_refused(
    unknown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelled option would silently have no effect, in a run that costs money."""
    told = refused(["--JOB_NAME", "x", *unknown], capsys)
    assert f"unrecognized arguments: {' '.join(unknown)}" in told


def test_options_are_not_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unrecognized arguments: --see 7" in refused(["--see", "7"], capsys)


def test_several_options_may_be_in_one_text() -> None:
    text = "--field title --field 'full text' --seed 7"
    options = spark.parse([*NEEDED, "--options", text, "--min-df", "2"])
    assert (options.field, options.seed, options.min_df) == (["title", "full text"], 7, 2)
    assert spark.parse(["--options", " ".join(NEEDED)]).out == Path("out")


@pytest.mark.parametrize("text", ["--field 'x", "--min-fd 3"])
def test_a_text_of_bad_options_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "(--help explains)" in refused(["--options", text], capsys)


@pytest.mark.parametrize("address", ["s3:/corpora/news", "s3://corpora", "s3://Corpora/x y"])
def test_a_malformed_address_is_refused(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(["--vocab", address], capsys)
    assert f"argument --vocab: {address!r} must be s3://BUCKET/FOLDER" in told


def test_without_spark_the_error_says_what_runs_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "py4j", None)
    assert spark.main(["--corpus", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "data_prep: there is no Spark here; spark-submit runs" in capsys.readouterr().err


def test_of_an_error_of_java_two_lines_are_told() -> None:
    error = RuntimeError(
        "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed\n"
        "  File worker.py, line 1\n"
        "MemoryError: no room\n"
        "\n"
        "\tat org.apache.spark.api.python\n"
        "Driver stacktrace:\n"
    )
    assert spark._short(error) == (
        "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed "
        "MemoryError: no room"
    )
