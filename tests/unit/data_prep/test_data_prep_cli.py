"""The command line `python -m data_prep`."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.__main__ import main
from data_prep.manifest import Manifest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    assert main(["sample", "--out", str(tmp_path), "--documents", "40"]) == 0
    return tmp_path


def convert(folder: Path, *options: str) -> int:
    files = ["--corpus", str(folder / "corpus.txt"), "--vocab", str(folder / "vocab.txt")]
    return main(["convert", *files, "--out", str(folder / "out"), *options])


def test_sample_and_convert_work_as_commands(tmp_path: Path) -> None:
    """As a user calls them: in a process of their own, in an empty environment."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "data_prep", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True)

    drawn = run("sample", "--out", tmp_path, "--documents", "40", "--seed", "2")
    assert (drawn.returncode, drawn.stderr) == (0, "")
    corpus, vocabulary = tmp_path / "corpus.txt", tmp_path / "vocab.txt"
    done = run("convert", "--corpus", corpus, "--vocab", vocabulary, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("38 + 2 documents (0 without words dropped), 1,000 words, ")
    assert Manifest.load(tmp_path / "out").train.documents == 38


def test_the_options_of_convert_reach_the_manifest(sample: Path) -> None:
    assert convert(sample, "--test-fraction", "0.5", "--seed", "0", "--limit", "30") == 0
    manifest = Manifest.load(sample / "out")
    assert (manifest.split.test_fraction, manifest.split.seed) == (0.5, 0)
    assert (manifest.source.limit, manifest.train.documents) == (30, 15)


def test_the_closing_line_counts_documents_that_are_too_short(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sample / "corpus.txt").write_text("1:10\n2:9\n\n3:1\n4:5,5:5\n", encoding="utf-8")
    capsys.readouterr()
    assert convert(sample, "--min-words", "10", "--test-fraction", "0") == 0
    assert capsys.readouterr().out.startswith(
        "2 documents (1 without words and 2 of fewer than 10 words dropped), 1,000 words, "
    )
    assert convert(sample, "--min-words", "11") == 2
    assert capsys.readouterr().err == (
        f"data_prep: {sample / 'corpus.txt'}: no document is left to train on: of 5, 1 have no "
        "words of the vocabulary, 4 have fewer than 11 words and 0 are held out\n"
    )


def test_json_prints_the_manifest_and_nothing_else(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert convert(sample, "--json") == 0
    printed = capsys.readouterr().out
    assert printed == (sample / "out" / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(printed)["train"]["documents"] == 38


def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = sample / "corpus.txt"
    corpus.write_text("1:1\n1001:1\n", encoding="utf-8")
    capsys.readouterr()
    assert convert(sample) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"data_prep: {corpus}:2:1: word id '1001' must be a whole number from 1 to 1000\n"
    )
    assert not (sample / "out").exists()


def test_an_output_that_cannot_be_written_is_one_line_and_exit_code_1(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sample / "out").write_text("a file", encoding="utf-8")
    assert convert(sample) == 1
    error = capsys.readouterr().err
    assert str(sample / "out") in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "required: COMMAND"),
        (["convert"], "--corpus, --out"),
        (["inspect"], "--corpus"),
        (["convert", "--test", "x", "--test-fraction", "0.1"], "not allowed with argument --test"),
        (["sample", "--out", "x", "--num-topics", "13"], "--num-topics"),
        (["sample", "--out", "x", "--words", "10"], "from 120 to 1000000"),
        (["sample", "--out", "x", "--words", "9" * 30], "from 120 to 1000000"),
        (["inspect", "--corpus", "x", "--plot", "x.docx"], "must end in .png, .svg, .pdf"),
        (["inspect", "--corpus", "x", "--plot", "x"], "must end in .png, .svg, .pdf"),
    ],
)
def test_wrong_use_is_one_line_on_stderr_and_exit_code_2(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert problem in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--test-fraction", "1"),
        ("--test-fraction", "-0.1"),
        ("--test-fraction", "nan"),
        ("--test-fraction", "five"),
        ("--jobs", "0"),
        ("--min-words", "0"),
        ("--skip-bad", "-1"),
        ("--min-df", "0"),
        ("--min-df", "2.0"),
        ("--max-df", "x"),
        ("--limit", "0"),
        ("--limit", "1.5"),
        ("--seed", "-1"),
        ("--seed", "\u0663"),
    ],
)
def test_option_values_out_of_range_are_refused_with_the_value(
    sample: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        convert(sample, f"{option}={value}")
    assert caught.value.code == 2
    assert f"argument {option}: '{value}' must be a" in capsys.readouterr().err
    assert not (sample / "out").exists()


def test_help_teaches_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "python -m data_prep sample --out" in capsys.readouterr().out


def test_inspect_prints_what_is_in_a_corpus_and_draws_it(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    files = ["--corpus", str(sample / "corpus.txt"), "--vocab", str(sample / "vocab.txt")]
    picture = sample / "plot.png"
    assert main(["inspect", *files, "--document", "3", "--plot", str(picture)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "documents    40 (0 without words)"
    assert printed[-2].startswith("document 3: ")
    assert printed[-1] == f"-> {picture}"
    assert picture.is_file()


def test_inspect_prints_json_and_nothing_else(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    files = ["--corpus", str(sample / "corpus.txt"), "--vocab", str(sample / "vocab.txt")]
    picture = sample / "plot.png"
    assert main(["inspect", *files, "--json", "--plot", str(picture)]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["documents"] == 40
    assert printed.err == f"-> {picture}\n"


def test_bad_lines_that_are_left_out_are_reported_on_stderr(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (sample / "corpus.txt").open("a", encoding="utf-8") as stream:
        stream.write("nonsense\n")
    capsys.readouterr()
    assert convert(sample, "--skip-bad", "1") == 0
    assert capsys.readouterr().err == (
        f"data_prep: left out: {sample / 'corpus.txt'}:41:1: "
        "'nonsense' must be of the form id:count\n"
    )


def test_standard_input_and_raw_text_work_as_commands(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "data_prep", "convert", "--corpus=-", f"--out={tmp_path / 'out'}"],
        cwd=ROOT,
        input=b"the cat\nthe dog\n" * 20,
        capture_output=True,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"38 + 2 documents (0 without words dropped), 3 words, ")


# Converts, but for ever waits for an interrupt when the first shard is done and others are not.
CONVERSION_THAT_WAITS = """
import signal, sys
from data_prep.__main__ import main
from data_prep.parallel import Workers

def wait_after_the_first(*arguments, results=Workers.map):
    for result in results(*arguments):
        yield result
        print("under way", flush=True)
        while True:
            signal.pause()

Workers.map = wait_after_the_first
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
sys.exit(main(sys.argv[1:]))
"""


def test_an_interrupted_conversion_says_so_in_one_line(tmp_path: Path) -> None:
    """The signal goes to all its processes, as from a terminal; nothing is left."""
    corpus = tmp_path / "corpus.txt"
    line = ",".join(f"{word}:1" for word in range(1, 1001)) + "\n"
    corpus.write_text(line * 20_000, encoding="utf-8")
    words = "".join(f"word{word}\n" for word in range(1, 1001))
    (tmp_path / "vocab.txt").write_text(words, encoding="utf-8")
    files = [f"--corpus={corpus}", f"--vocab={tmp_path / 'vocab.txt'}", f"--out={tmp_path / 'out'}"]
    process = subprocess.Popen(
        [sys.executable, "-c", CONVERSION_THAT_WAITS, "convert", *files, "--jobs=2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"under way\n"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (1, b"data_prep: interrupted\n")
    assert not (tmp_path / "out").exists()


def test_a_seed_for_a_corpus_with_a_test_file_is_refused(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(sample, "--test", str(sample / "corpus.txt"), "--seed", "1") == 2
    assert "--seed and --test both choose the held-out documents" in capsys.readouterr().err


def test_several_columns_can_be_given(sample: Path) -> None:
    (sample / "corpus.txt").write_text("a,b\ncat,dog\n", encoding="utf-8")
    (sample / "vocab.txt").write_text("cat\ndog\n", encoding="utf-8")
    assert convert(sample, "--column", "b", "--column", "a", "--test-fraction", "0") == 0
    assert Manifest.load(sample / "out").train.tokens == 2


@pytest.mark.parametrize(
    ("closed", "code", "said"),
    [
        ("<&-", 2, "data_prep: standard input is closed; name a file, or give it a corpus\n"),
        (">&-", 1, "data_prep: standard output is closed; nothing was done\n"),
        ("2>&-", 2, ""),
        ("<&- >&- 2>&-", 1, ""),
    ],
)
def test_a_closed_stream_is_told_where_it_can_be(
    tmp_path: Path, closed: str, code: int, said: str
) -> None:
    (tmp_path / "vocab.txt").write_text("one\n", encoding="utf-8")
    command = f'{shlex.quote(sys.executable)} -m data_prep inspect --corpus - --vocab "$0" {closed}'
    result = subprocess.run(
        ["bash", "-c", command, tmp_path / "vocab.txt"],
        cwd=ROOT,
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (code, said)
