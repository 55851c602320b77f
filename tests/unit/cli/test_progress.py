import io
import time

import pytest

from cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the clock shows, to be set."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_bar_is_drawn_after_a_second_and_removed_at_the_end(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with Progress("reading", 10) as progress:
        clock[0] += 0.9
        progress.advance(4)
        assert terminal.getvalue() == ""
        clock[0] += 0.2
        progress.advance(1)
        assert terminal.getvalue() == f"\rreading [{'#' * 15}{'.' * 15}]  50 %"
    assert terminal.getvalue().endswith("\r\033[K")


def test_a_bar_is_drawn_ten_times_a_second_at_most(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with Progress("reading", 10_000) as progress:
        for _ in range(2000):
            clock[0] += 0.001
            progress.advance(1)
    assert terminal.getvalue().count("reading") <= 11


def test_nothing_is_drawn_when_stderr_is_no_terminal(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", stream := io.StringIO())
    with Progress("reading", 10) as progress:
        clock[0] += 5
        progress.advance(5)
    assert stream.getvalue() == ""


def test_nothing_is_drawn_for_work_of_less_than_a_second(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with Progress("reading", 10) as progress:
        progress.advance(10)
    assert terminal.getvalue() == ""


def test_without_a_known_total_the_amount_is_shown(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with Progress("reading") as progress:
        clock[0] += 2
        progress.advance(1234)
        assert terminal.getvalue() == "\rreading 1,234"
