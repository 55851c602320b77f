"""What several commands take."""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

from scipy import sparse

from data_prep.errors import InputError
from data_prep.recordio import RecordIOError, read_blocks
from topics.lda.blocks import Blocks, CountsError, check_counts


def add_model(command: argparse.ArgumentParser) -> None:
    """Add the argument `model`, an address for `archive.load`."""
    command.add_argument("model", metavar="MODEL", help="model.tar.gz: a file, or s3://BUCKET/KEY")


def add_corpus(command: argparse.ArgumentParser) -> None:
    """Add the option `--corpus`, a folder for `prepared.load`."""
    command.add_argument(
        "--corpus",
        type=Path,
        default=Path("build/corpus"),
        metavar="FOLDER",
        help="what `python -m data_prep convert` wrote (default: %(default)s)",
    )


def add_json(command: argparse.ArgumentParser) -> None:
    """Add the option `--json`."""
    command.add_argument("--json", action="store_true", help="print JSON")


def positive(text: str) -> float:
    """Read a positive number; a type of argument."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a positive number")
    return number


def read_documents(file: Path) -> sparse.csr_array:
    """Read a whole RecordIO file.

    Raises:
        InputError: There is no such file, or it is malformed.
    """
    counts: sparse.csr_array = sparse.vstack(list(_read_blocks(file)), format="csr")
    return counts


def open_documents(file: Path) -> Blocks:
    """Return the documents of a RecordIO file, in blocks.

    Passing through it raises as `read_documents` does.
    """
    return Blocks(lambda: _read_blocks(file))


def _read_blocks(file: Path) -> Iterator[sparse.csr_array]:
    empty = True
    try:
        with file.open("rb") as stream:
            for block in read_blocks(stream):
                check_counts(block)
                empty = False
                yield block
    except (RecordIOError, CountsError) as error:
        raise InputError(f"{file}: {error}") from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    if empty:
        raise InputError(f"{file}: there is no record")
