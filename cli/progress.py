"""A progress bar for work that takes more than a second."""

import sys
import time
from typing import Self

from cli.printable import raw

_WIDTH = 30
_PERIOD = 0.1  # seconds between two drawings


class Progress:
    """Draw how much work is done, on stderr, only if that is a terminal.

    Args:
        label: The name of the work.
        total: The whole amount, in any unit; None if it is not known.
    """

    def __init__(self, label: str, total: int | None = None) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self._shown = False
        self._next = time.monotonic() + 1 if sys.stderr.isatty() else float("inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._draw("\r\033[K")

    def advance(self, amount: int) -> None:
        """Add `amount` to the work that is done."""
        self.reach(self._done + amount)

    def reach(self, done: int) -> None:
        """Set the amount of the work that is done."""
        self._done = done
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PERIOD
            self._shown = True
            self._draw(f"\r{self._label} {self._amount()}")

    def _draw(self, text: str) -> None:
        stream = raw(sys.stderr)  # the bar moves the cursor
        stream.write(text)
        stream.flush()

    def _amount(self) -> str:
        if self._total is None:
            return f"{self._done:,}"
        filled = _WIDTH * self._done // self._total
        bar = "#" * filled + "." * (_WIDTH - filled)
        return f"[{bar}] {100 * self._done // self._total:3d} %"
