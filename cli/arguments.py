"""What the command lines share: how they print and end, wrong use in one line, and arguments."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from cli.printable import PrintableStream, printable

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What `ArgumentParser.add_subparsers` returns, which argparse has no public name for."""

Errors: TypeAlias = tuple[type[Exception], ...]

PICTURES = (".png", ".svg", ".pdf")


class Parser(argparse.ArgumentParser):
    """Reports wrong use in one line, takes whole names alone, and keeps an epilog's lines."""

    def __init__(self, **options: Any) -> None:
        """Take what `ArgumentParser` takes, by name."""
        if "epilog" in options:
            options["formatter_class"] = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and `message`."""
        told = " ".join(printable(message).split())  # names of files may be in it
        self.exit(2, f"{self.prog}: {told} (--help explains)\n")


def run_command(
    name: str, command: Callable[[], int | None], *, bad_input: Errors, failures: Errors = ()
) -> int:
    """Run a command and return its exit code; what goes wrong is told on stderr.

    What it prints is escaped where a terminal would obey it: words, names of files and answers
    come from anywhere.

    Args:
        name: What stands before each line on stderr.
        command: Returns an exit code, or None if it is 0.
        bad_input: What it raises for an input that its caller has to mend; the exit code is 2.
        failures: What it raises beside `OSError` when it fails; the exit code is 1.
    """
    if sys.stderr is None:  # as after `2>&-`
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        return _fail(name, 1, "standard output is closed; nothing was done")
    streams: Any = PrintableStream(sys.stdout), PrintableStream(sys.stderr)
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        return _run(name, command, bad_input, failures)


def _run(name: str, command: Callable[[], int | None], bad_input: Errors, failures: Errors) -> int:
    try:
        code = command() or 0
        sys.stdout.flush()
    except bad_input as error:
        return _fail(name, 2, str(error))
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        # Python flushes stdout once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except failures as error:
        return _fail(name, 1, str(error))
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        return _fail(name, 1, f"{place}{error.strerror or error}")
    except MemoryError as error:
        return _fail(name, 1, f"there is not enough memory. {error}")
    except KeyboardInterrupt:
        return _fail(name, 1, "interrupted")
    return code


def _fail(name: str, code: int, message: str) -> int:
    for line in message.splitlines():
        sys.stderr.write(f"{name}: {' '.join(line.split())}\n")
    return code


def whole_from(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a type of argument: a whole number from `least` on, or to `most`."""
    allowed = f"from {least} on" if most is None else f"from {least} to {most}"

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number {allowed}")
        return number

    return parse


def picture(text: str) -> Path:
    """Read the name of a picture to write; a type of argument."""
    if Path(text).suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(PICTURES)}")
    return Path(text)
