"""The archive of packages that the workers of a Spark cluster import from."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from stacks.preparation import PACKAGES

PROJECT = Path(__file__).parents[2]


def write_archive(path: Path, change: Callable[[str, str], str] = lambda _, text: text) -> Path:
    """Write the archive; `change` gets the name and the text of each module."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in PACKAGES:
            for file in sorted((PROJECT / package).rglob("*.py")):
                name = file.relative_to(PROJECT).as_posix()
                archive.writestr(name, change(name, file.read_text(encoding="utf-8")))
    return path
