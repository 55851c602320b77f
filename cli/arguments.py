"""What the command lines share: the parser, types of arguments, output and exit codes."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from cli.printable import PrintableStream, printable

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The type that `ArgumentParser.add_subparsers` returns; argparse has no public name for it."""

Errors: TypeAlias = tuple[type[Exception], ...]

PICTURES = (".png", ".svg", ".pdf")


class Parser(argparse.ArgumentParser):
    """A parser that reports wrong use in one line, and allows no shortened options."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `ArgumentParser`, by name; the lines of an epilog are kept."""
        if "epilog" in options:
            options["formatter_class"] = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and `message`."""
        line = " ".join(printable(message).split())  # the message may hold names of files
        self.exit(2, f"{self.prog}: {line} (--help explains)\n")


def run_command(
    name: str, command: Callable[[], int | None], *, bad_input: Errors, failures: Errors = ()
) -> int:
    """Run a command and return its exit code; print its errors on stderr.

    Control characters in the command's output are escaped: words, names of files and answers of
    servers may hold some that a terminal obeys.

    Args:
        name: The text before each line on stderr.
        command: Returns an exit code, or None for 0.
        bad_input: The errors of `command` that mean bad input; the exit code is 2.
        failures: Its other errors beside `OSError`; the exit code is 1.
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
    except BrokenPipeError:  # the reader has ended, as `head` does
        # Python flushes stdout once more when it ends, and that must not fail again.
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


def command_after(words: list[str]) -> list[str]:
    """Return a command and its arguments, which may stand after `--`."""
    return words[1:] if words[:1] == ["--"] else words


def shell_code(code: int) -> int:
    """Return the exit code that a shell gives a process, also one that a signal ended."""
    return code if code >= 0 else 128 - code


def whole_from(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a type of argument: a whole number from `least`, up to `most` if that is given."""
    allowed = f"from {least} on" if most is None else f"from {least} to {most}"

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number {allowed}")
        return number

    return parse


def picture(text: str) -> Path:
    """Check the name of a picture to write; a type of argument."""
    if Path(text).suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(PICTURES)}")
    return Path(text)
