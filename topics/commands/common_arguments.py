"""Arguments that several commands take, and the documents that they name."""

import argparse
import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from data_prep.corpus_arguments import add_read_options, read_options
from data_prep.documents import Documents, TrainTest, is_prepared, open_documents, read_train_test
from data_prep.errors import InputError
from topics.report.titles import read_titles

_PREPARED = Path("build/prepared")


def add_model(command: argparse.ArgumentParser) -> None:
    """Add the argument `model`, an address for `archive.load`."""
    command.add_argument("model", metavar="MODEL", help="model.tar.gz: a file, or s3://BUCKET/KEY")


def add_documents(
    command: argparse.ArgumentParser,
    *,
    uses: str,
    test: bool = False,
    place: Callable[[str], Path | str] = Path,
    places: str = "",
) -> None:
    """Add the argument that names documents, and the options that say how to read them.

    Args:
        command: Gets the arguments.
        uses: The documents of a prepared corpus that the command uses.
        test: Add `--test` as well.
        place: Reads the argument.
        places: What it may name that other commands do not take.
    """
    group = command.add_argument_group("documents")
    documents = group.add_argument(
        "documents",
        type=place,
        metavar="DOCUMENTS",
        help=f"a corpus of any format, a RecordIO file, or a prepared corpus{places}; - is standard"
        " input",
    )
    # With nargs="?", argparse of Python 3.11 takes it for missing when an option stands before it.
    documents.required = False
    group.add_argument(
        "--prepared",
        type=Path,
        metavar="FOLDER",
        help=f"instead of DOCUMENTS: the folder that `python -m data_prep convert` wrote, of which"
        f" {uses} are used (default: {_PREPARED})",
    )
    if test:
        group.add_argument(
            "--test",
            type=Path,
            metavar="DOCUMENTS",
            help="held-out documents, read in the same way (default: those of a prepared corpus)",
        )
    add_read_options(command)


def add_json(command: argparse.ArgumentParser) -> None:
    """Add the option `--json`."""
    command.add_argument("--json", action="store_true", help="print JSON")


def add_titles(command: argparse.ArgumentParser) -> None:
    """Add the option `--titles`."""
    command.add_argument(
        "--titles",
        type=Path,
        metavar="FILE",
        help="titles that the page names documents by: a line for each document of the source",
    )


def chosen_titles(options: argparse.Namespace, corpus: TrainTest) -> list[str] | None:
    """Read the titles that `add_titles` names; None if it names none.

    Raises:
        InputError: The file can't be read, or has too few lines.
    """
    if options.titles is None:
        return None
    return read_titles(options.titles, int(corpus.numbers.max()))


def open_chosen(
    options: argparse.Namespace, *, held_out: bool = False, check: bool = True
) -> AbstractContextManager[Documents]:
    """Open the documents that `add_documents` names, as `documents.open_documents` does."""
    return open_documents(
        _chosen(options),
        options.vocab,
        read_options(options),
        held_out=held_out,
        check=check,
        report=_report,
    )


def read_chosen(options: argparse.Namespace) -> TrainTest:
    """Read the documents that `add_documents` names, as `documents.read_train_test` does."""
    return read_train_test(
        _chosen(options),
        options.vocab,
        read_options(options),
        test=vars(options).get("test"),
        report=_report,
    )


def _chosen(options: argparse.Namespace) -> Path:
    if options.documents is not None:
        if options.prepared is not None:
            raise InputError("give either DOCUMENTS or --prepared, not both")
        chosen: Path = options.documents
        return chosen
    folder: Path = _PREPARED if options.prepared is None else options.prepared
    if not is_prepared(folder):
        raise InputError(
            f"{folder}: there is no manifest.json; `python -m data_prep convert` writes one"
        )
    return folder


def _report(error: InputError) -> None:
    print(f"topics: left out: {error}", file=sys.stderr)


def positive(text: str) -> float:
    """Read a positive number; a type of argument."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a positive number")
    return number
