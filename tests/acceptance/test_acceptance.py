"""The acceptance on the embedded AWS: the whole life, and interrupted."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

PROJECT = Path(__file__).parents[2]
REPORT = PROJECT / "build/acceptance.md"
SECONDS = 1200  # of a whole run


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Take SIGINT, which a shell lets be ignored of what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started() -> subprocess.Popen[str]:
    """The acceptance, beside the test and in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "acceptance", "--local", "--canary"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(run: subprocess.Popen[str], step: str, line: str) -> None:
    """Read what a run prints until `line` matches one of the step."""
    assert run.stdout is not None
    began = False
    deadline = time.monotonic() + SECONDS
    for told in run.stdout:
        began = began or told == f"== {step}\n"
        if began and re.search(line, told):
            return
        assert time.monotonic() < deadline
    raise AssertionError(f"the run ended before {step}")


def test_the_whole_life_is_as_expected_and_leaves_nothing() -> None:
    with started() as run:
        output, _ = run.communicate(timeout=SECONDS)
    assert run.returncode == 0, output[-5000:]
    report = REPORT.read_text()
    assert re.search(r"^(\d+) of \1 steps went as expected; nothing is left\.$", report, re.M)
    assert "not answered" not in report
    assert "not asked" not in report


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("deploy", r"-training \|.* CREATE_IN_PROGRESS .* AWS::"),
        ("model.num_topics 3", r"-training \|.* UPDATE_IN_PROGRESS .* AWS::"),
        ("destroy", r"-serving: destroying"),
    ],
)
def test_interrupted_in_the_middle_of_a_step_it_leaves_nothing(step: str, line: str) -> None:
    with started() as run:
        read_until(run, step, line)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=SECONDS)
    assert run.returncode == 1
    report = REPORT.read_text()
    assert f"| {step} |" in report
    assert re.search(r"steps went as expected; nothing is left\.$", report, re.M), output
    assert report.count("| interrupted |") == 1
