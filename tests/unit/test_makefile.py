"""The Makefile: what a caller gives reaches programs as it stands, whatever is in it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# Prints its arguments, each in brackets.
PROGRAM = '#!/bin/bash\nprintf \'[%s]\' "${0##*/}" "$@"; echo\n'
HOSTILE = [
    "my corpus.txt",
    "$(shell touch made)",
    "$$(touch made)",
    "a; touch made",
    "`touch made`",
    "it's",
    'a "b" c',
    "*",
    "a,b) c",
    "-n",
]


NOTHING: Mapping[str, str] = {}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that is set up, with programs that say how they were called."""
    folder = tmp_path / "checkout"
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    shutil.copy(PROJECT / "Makefile", folder)
    (folder / "locks").mkdir()
    for name in ("locks/deploy.txt", "locks/dev.txt", "package.json", "package-lock.json"):
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    for number, name in enumerate(("ready", "ready-dev"), 1):
        (folder / ".venv" / name).touch()
        os.utime(folder / ".venv" / name, (number, number))
    for made in ("locks/notebook.txt", ".venv-notebook/ready"):
        (folder / made).parent.mkdir(exist_ok=True)
        (folder / made).touch()
    for name in ("python", "cdk", "aws"):
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    (folder / "build/prepared").mkdir(parents=True)
    for name in ("manifest.json", "train.recordio"):
        (folder / "build/prepared" / name).touch()
    return folder


def make(
    checkout: Path, target: str, environment: Mapping[str, str] = NOTHING, /, **given: str
) -> list[str]:
    """The programs that a target calls, with their arguments."""
    done = subprocess.run(
        ["make", "--silent", target, *(f"{name}={value}" for name, value in given.items())],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    ("target", "name", "called"),
    [
        ("demo", "CORPUS", "[python][demo.py][--corpus][%s]"),
        ("demo", "VOCAB", "[python][demo.py][--vocab][%s]"),
        ("notebook", "CORPUS", "[python][demo.py][--notebook][--corpus][%s]"),
        ("notebook", "VOCAB", "[python][demo.py][--notebook][--vocab][%s]"),
        ("notebook", "ENV", "[python][-m][notebooks][--env][%s]"),
        (
            "prepare",
            "CORPUS",
            "[python][-m][data_prep][convert][--corpus][%s][--out][build/prepared]",
        ),
        ("preflight", "ENV", "[python][-m][operations][preflight][--env][%s]"),
        ("acceptance", "ENV", "[python][-m][acceptance][--env][%s]"),
        ("diff", "ENV", "[cdk][diff][-c][env=%s][--method][template]"),
        (
            "deploy",
            "ENV",
            "[python][-m][operations][follow][--env][%s][--][cdk][deploy][--all][-c][env=%s]",
        ),
        ("destroy", "ENV", "[cdk][destroy][--all][-c][env=%s]"),
        ("fetch", "SOURCE", "[aws][s3][cp][--recursive][--no-progress][%s][build/source]"),
        (
            "smoke",
            "ENDPOINT",
            "[python][-m][topics][predict][--endpoint][%s][--limit][5][build/prepared/train.recordio]",
        ),
    ],
)
def test_a_value_is_one_argument_whatever_is_in_it(
    checkout: Path, target: str, name: str, called: str, value: str
) -> None:
    assert make(checkout, target, **{name: value})[0] == called.replace("%s", value)
    assert not (checkout / "made").exists()


def test_the_endpoint_is_asked_for_documents_of_several_files_too(checkout: Path) -> None:
    (checkout / "build/prepared/train.recordio").unlink()
    (checkout / "build/prepared/train").mkdir()
    assert make(checkout, "smoke", ENDPOINT="e")[0].endswith("[--limit][5][build/prepared/train]")


@pytest.mark.parametrize("value", HOSTILE)
def test_the_endpoint_is_asked_for_words_if_the_documents_are_in_s3(
    checkout: Path, value: str
) -> None:
    (checkout / "build/prepared/train.recordio").unlink()
    (checkout / "build/prepared/vocab.txt").write_text(f"-a\n{value}\n" + "b\n" * 9)
    called = "\n".join(make(checkout, "smoke", ENDPOINT="e"))
    assert called.endswith(f"[build/prepared/vocab.txt][--text=-a\n{value}\nb\nb\nb]")
    assert not (checkout / "made").exists()


@pytest.mark.parametrize("value", HOSTILE)
def test_a_vocabulary_is_one_argument_too(checkout: Path, value: str) -> None:
    (called,) = make(checkout, "prepare", CORPUS="a b", VOCAB=value)
    assert called.endswith(f"[--corpus][a b][--vocab][{value}][--out][build/prepared]")


@pytest.mark.parametrize("target", ["diff", "deploy", "pipeline"])
def test_the_options_of_the_cdk_are_separated_at_blanks_and_nothing_else(
    checkout: Path, target: str
) -> None:
    options = "-c a=1 * $(touch made) `touch made`; x"
    (called,) = make(checkout, target, CDK_OPTIONS=options)
    assert called.endswith("[-c][a=1][*][$(touch][made)][`touch][made`;][x]")
    assert not (checkout / "made").exists()


def test_the_options_of_the_acceptance_are_separated_at_blanks_and_nothing_else(
    checkout: Path,
) -> None:
    options = "--vpc * $(touch made) `touch made`; x"
    (called,) = make(checkout, "acceptance", LOCAL="1", YES="1", OPTIONS=options)
    assert called == (
        "[python][-m][acceptance][--env][dev][--local][--yes]"
        "[--vpc][*][$(touch][made)][`touch][made`;][x]"
    )
    assert not (checkout / "made").exists()


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(("name", "option"), [("LOCAL", "--local"), ("YES", "--yes")])
def test_of_a_switch_it_counts_that_it_has_a_value(
    checkout: Path, name: str, option: str, value: str
) -> None:
    (called,) = make(checkout, "acceptance", **{name: value})
    assert called == f"[python][-m][acceptance][--env][dev][{option}]"
    assert not (checkout / "made").exists()


def test_a_signal_for_make_ends_the_acceptance_and_not_its_shell_alone(checkout: Path) -> None:
    """Or it would go on unseen, and what it made would stay."""
    program = checkout / ".venv/bin/python"
    program.write_text("#!/bin/bash\ntrap 'echo ended; exit 0' TERM\necho begun\nread\n")
    with subprocess.Popen(
        ["make", "--silent", "acceptance"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        running.terminate()
        assert running.stdout.readline() == "ended\n"


def test_values_of_the_environment_are_taken_as_they_stand_too(checkout: Path) -> None:
    called = make(checkout, "preflight", {"ENV": "$(shell touch made) x"})
    assert called == ["[python][-m][operations][preflight][--env][$(shell touch made) x]"]
    assert not (checkout / "made").exists()


def test_a_variable_of_the_shell_does_not_send_the_notebook_to_an_account(checkout: Path) -> None:
    """It costs money there; shells have a variable ENV of their own."""
    called = make(checkout, "notebook", {"ENV": "prod"})
    assert called == ["[python][demo.py][--notebook]"]


def test_a_corpus_in_s3_is_fetched_and_not_converted(checkout: Path) -> None:
    (called,) = make(checkout, "prepare", CORPUS="s3://bucket/a b")
    assert called == "[python][-m][data_prep][fetch][s3://bucket/a b][--out][build/prepared]"
