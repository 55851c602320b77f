"""Where several commands write."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def output(path: Path | None) -> Iterator[TextIO]:
    """Yield standard output, or a file that is there once it is whole."""
    if path is None:
        yield sys.stdout
        return
    if path.exists() and not path.is_file():  # a pipe or a device
        with path.open("w", encoding="utf-8") as stream:
            yield stream
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            yield stream
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
