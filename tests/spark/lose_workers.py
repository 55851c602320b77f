"""Prepare a corpus, and kill a worker's Java process in each pass.

Usage: lose_workers.py FOLDER OPTIONS, where FOLDER is for a note of each process that was killed.
"""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from data_prep import spark


class Deadly:
    """A function that first kills the Java process it runs under, unless there is a note of it."""

    def __init__(self, function: Callable[..., Any], note: Path) -> None:
        self.function = function
        self.note = note

    def __call__(self, *arguments: Any) -> Any:
        if not self.note.exists():
            self.note.touch()
            process = os.getpid()
            while b"java" not in Path(f"/proc/{process}/cmdline").read_bytes().partition(b"\0")[0]:
                status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
                process = int(status.split()[1])
            os.kill(process, signal.SIGKILL)
        return self.function(*arguments)


NOTES = Path(sys.argv[1])
numbers = count(1)


def make_deadly(owner: type, name: str) -> None:
    """Let the functions that a method is given be deadly."""
    method = getattr(owner, name)
    setattr(
        owner,
        name,
        lambda self, function, items: method(
            self, Deadly(function, NOTES / f"pass {next(numbers)}"), items
        ),
    )


make_deadly(spark.SparkEngine, "map")
make_deadly(spark.SparkEngine, "keep")
make_deadly(spark.SparkResults, "map_with")
code = spark.main(sys.argv[2:])
if code:
    sys.exit(code)
