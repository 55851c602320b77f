"""How commands write files and JSON."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from data_prep.files import replacing


@contextmanager
def output(path: Path | None) -> Iterator[TextIO]:
    """Yield standard output, or a file that appears once it is whole, as in `files.replacing`."""
    if path is None:
        yield sys.stdout
        return
    with replacing(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8")
        try:
            yield text
        finally:
            text.detach()  # flushes it, and leaves `stream` open


def print_json(value: Any) -> None:
    """Print JSON as all commands do: indented, with words as they are."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
