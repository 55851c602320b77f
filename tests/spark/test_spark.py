"""The program for Spark: in one process, in several, and on a cluster of Java processes."""

import json
import subprocess
from pathlib import Path

import pytest

from .conftest import BUCKET, CASES, Bucket, Case, Spark, contents, run_convert

pytestmark = pytest.mark.spark

HERE = Path(__file__).parent
CLUSTER = "local-cluster[2,1,1024]"
S3 = f"s3://{BUCKET}"


def own_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the program says on stderr; spark-submit puts it into stdout."""
    told = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    return [line for line in told if line.startswith("data_prep")]


def in_folder(case: Case, corpora: Path, out: Path) -> list[str]:
    options = [str(corpora / word) if word == "vocab.txt" else word for word in case.options]
    return ["--corpus", str(corpora / case.corpus), *options, "--out", str(out / case.name)]


def in_s3(case: Case, prefix: str) -> list[str]:
    options = [f"{S3}/in/{word}" if word == "vocab.txt" else word for word in case.options]
    return ["--corpus", f"{S3}/in/{case.corpus}", *options, "--out", f"{S3}/{prefix}/{case.name}"]


@pytest.mark.parametrize("master", ["local[1]", "local[2]", CLUSTER])
def test_any_number_of_processes_writes_the_bytes_of_convert_to_folders_and_to_s3(
    spark: Spark,
    corpora: Path,
    wanted: Path,
    aws: dict[str, str],
    bucket: Bucket,
    tmp_path: Path,
    master: str,
) -> None:
    """Counts and raw text, with an ordered and a seeded split."""
    prefix = f"out/{master.translate(str.maketrans('[],', '---'))}"
    runs = [
        *(in_folder(case, corpora, tmp_path) for case in CASES),
        *(in_s3(case, prefix) for case in CASES),
    ]
    done = spark.submit(
        *map(json.dumps, runs),
        master=master,
        program=HERE / "several.py",
        archive=spark.small,
        environment=aws,
    )
    assert done.returncode == 0, done.stderr
    for case in CASES:
        expected = contents(wanted / case.name)
        assert "train/part-00002.recordio" in expected
        assert contents(tmp_path / case.name) == expected
        assert bucket.read(f"{prefix}/{case.name}") == expected


def test_two_jobs_of_convert_write_these_bytes_too(
    corpora: Path, wanted: Path, tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpora)
    for case in CASES:
        run_convert(case, tmp_path / case.name, jobs=2)
        assert contents(tmp_path / case.name) == contents(wanted / case.name)


@pytest.mark.parametrize("case", [CASES[1], CASES[2]], ids=["counts", "texts"])
def test_the_archive_that_is_deployed_has_all_that_workers_need(
    spark: Spark,
    corpora: Path,
    aws: dict[str, str],
    bucket: Bucket,
    tmp_path: Path,
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From S3 to S3, as AWS Glue runs it, which adds arguments of its own."""
    added = ["--JOB_NAME", "prepare", "--JOB_RUN_ID", "jr_1", "--TempDir", f"{S3}/tmp"]
    done = spark.submit(*added, *in_s3(case, "deployed"), master=CLUSTER, environment=aws)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(corpora)
    run_convert(case, tmp_path / "out")
    assert bucket.read(f"deployed/{case.name}") == contents(tmp_path / "out")
    assert own_lines(done) == []


@pytest.mark.parametrize(
    ("case", "passes"), [(CASES[0], 2), (CASES[3], 3)], ids=["counts", "texts"]
)
def test_workers_that_are_killed_in_each_pass_change_nothing(
    spark: Spark, corpora: Path, wanted: Path, tmp_path: Path, case: Case, passes: int
) -> None:
    """Their results are lost and made again."""
    (tmp_path / "killed").mkdir()
    done = spark.submit(
        str(tmp_path / "killed"),
        *in_folder(case, corpora, tmp_path),
        master=CLUSTER,
        program=HERE / "lose_workers.py",
        archive=spark.small,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "killed").iterdir())) == passes
    assert contents(tmp_path / case.name) == contents(wanted / case.name)


@pytest.mark.parametrize("master", ["local[2]", CLUSTER])
@pytest.mark.parametrize(
    ("name", "content", "options", "problem"),
    [
        ("b", b"1:1\n1:x\n", ("--vocab", "vocab.txt"), ":2:3: count 'x' must be a whole number"),
        ("b", b'{"text": 1}\n', ("--field", "body"), ":1: '{\"text\": 1}' must be an object with"),
    ],
    ids=["counts", "texts"],
)
def test_bad_input_is_told_in_one_line_with_its_place(
    spark: Spark,
    corpora: Path,
    tmp_path: Path,
    master: str,
    name: str,
    content: bytes,
    options: tuple[str, ...],
    problem: str,
) -> None:
    """An exception in a worker would come with pages of Java, after it was tried four times."""
    (tmp_path / "in").mkdir()
    good = b"1:1,2:2\n" if "--vocab" in options else b'{"body": "some text"}\n'
    (tmp_path / "in/a").write_bytes(good * 9)
    (tmp_path / f"in/{name}").write_bytes(content)
    case = Case("in", options)
    arguments = in_folder(case, corpora, tmp_path)
    arguments[1] = str(tmp_path / "in")
    done = spark.submit(*arguments, master=master)
    assert done.returncode == 2, done.stderr
    (line,) = own_lines(done)
    assert line.startswith(f"data_prep: {tmp_path / 'in' / name}{problem}")
    for trace in ("Traceback", "\tat ", "Exception"):
        assert trace not in done.stdout + done.stderr
    assert not (tmp_path / case.name).exists()


def test_counts_need_neither_scipy_nor_scikit_learn(
    spark: Spark, corpora: Path, wanted: Path, tmp_path: Path
) -> None:
    """AWS Glue has none."""
    for name in ("scipy", "sklearn"):
        (tmp_path / f"lacking/{name}").mkdir(parents=True)
        code = f"raise ModuleNotFoundError('no {name}', name={name!r})\n"
        (tmp_path / f"lacking/{name}/__init__.py").write_text(code)
    done = spark.submit(
        *in_folder(CASES[0], corpora, tmp_path),
        master="local[2]",
        archive=spark.small,
        environment={"PYTHONPATH": str(tmp_path / "lacking")},
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / CASES[0].name) == contents(wanted / CASES[0].name)


def test_raw_text_says_what_it_needs(spark: Spark, corpora: Path, tmp_path: Path) -> None:
    (tmp_path / "lacking/sklearn").mkdir(parents=True)
    (tmp_path / "lacking/sklearn/__init__.py").write_text("raise ImportError\n")
    done = spark.submit(
        *in_folder(CASES[2], corpora, tmp_path),
        master="local[2]",
        environment={"PYTHONPATH": str(tmp_path / "lacking")},
    )
    assert done.returncode == 2
    (line,) = own_lines(done)
    assert line.endswith("raw text needs scikit-learn: pip install scikit-learn")
