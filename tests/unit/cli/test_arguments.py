"""How command lines end, whatever happens to them."""

import os
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import NoReturn

import pytest

from cli.arguments import run_command, whole_from

ROOT = Path(__file__).parents[3]


def ended(error: BaseException) -> int:
    def command() -> NoReturn:
        raise error

    return run_command("name", command, bad_input=(KeyError,), failures=(RuntimeError,))


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyError("key"), 2, "name: 'key'\n"),
        (RuntimeError("one\n two  words"), 1, "name: one\nname: two words\n"),
        (FileExistsError(17, "File exists", "x"), 1, "name: x: File exists\n"),
        (OSError("no errno"), 1, "name: no errno\n"),
        (MemoryError("Unable to allocate"), 1, "name: there is not enough memory. Unable to"),
        (KeyboardInterrupt(), 1, "name: interrupted\n"),
    ],
)
def test_what_goes_wrong_is_told_in_lines(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error) == code
    assert capsys.readouterr().err.startswith(told)


def test_a_fault_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="a fault"):
        ended(ValueError("a fault"))


@pytest.mark.parametrize("code", [None, 0, 1])
def test_a_command_may_say_its_exit_code(code: int | None) -> None:
    assert run_command("name", lambda: code, bad_input=()) == (code or 0)


SPEAKING = """
import sys
from cli.arguments import run_command
sys.exit(run_command("name", lambda: print("x" * {length}), bad_input=()))
"""


@pytest.mark.parametrize(
    "command",
    [
        ["-c", SPEAKING.format(length=1)],  # less than is held back, and more
        ["-c", SPEAKING.format(length=100_000)],
        ["-m", "data_prep", "sample", "--out=out"],
        ["-m", "operations", "settings"],
    ],
)
def test_a_reader_that_has_seen_enough_is_no_error(command: list[str], tmp_path: Path) -> None:
    """As `head` has: nothing is told."""
    (tmp_path / "cdk.json").write_bytes((ROOT / "cdk.json").read_bytes())
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as closed:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            stdout=closed,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("text", ["2", "6", "-3", "3.5", "²", "", "9" * 40])
def test_a_whole_number_out_of_its_bounds_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="must be a whole number from 3 to 5"):
        whole_from(3, 5)(text)
