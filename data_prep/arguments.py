"""What the command lines share: wrong use in one line, and whole numbers that say their bound."""

import argparse
from collections.abc import Callable
from typing import NoReturn, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What `ArgumentParser.add_subparsers` returns, which argparse has no public name for."""


class Parser(argparse.ArgumentParser):
    """Reports wrong use in one line."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and `message`."""
        self.exit(2, f"{self.prog}: {message} (--help explains)\n")


def whole_from(least: int) -> Callable[[str], int]:
    """Return a type of argument: a whole number that is no less than `least`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {least} on")
        return int(text)

    return parse
