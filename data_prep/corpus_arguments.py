"""The command-line options that say how to read a corpus, written once for all commands."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from cli.arguments import whole_from
from data_prep.errors import InputError
from data_prep.formats.known import DESCRIPTION, FORMATS
from data_prep.formats.read_options import DEFAULTS, ReadOptions
from data_prep.s3 import S3Folder


def add_read_options(
    command: argparse.ArgumentParser,
    *,
    vocabulary: Callable[[str], Path | S3Folder] = Path,
    limit: bool = True,
) -> None:
    """Add `--vocab`, and the options that `read_options` reads, with `--limit` or without."""
    group = command.add_argument_group("how to read")
    group.add_argument(
        "--vocab",
        type=vocabulary,
        metavar="FILE",
        help="the vocabulary: one word a line, UTF-8. Prepared corpora have theirs. Without it, "
        "the words of recordio, npz and npy are numbers from 0",
    )
    group.add_argument(
        "--format", choices=FORMATS, help=f"{DESCRIPTION} (default: detected from the content)"
    )
    group.add_argument(
        "--first-id",
        type=int,
        choices=(0, 1),
        help="id of the first word in svmlight (default: detected from the ids)",
    )
    if limit:
        group.add_argument(
            "--limit", type=whole_from(1), metavar="N", help="read only the first N documents"
        )
    group.add_argument(
        "--skip-bad",
        type=whole_from(0),
        default=DEFAULTS.skip_bad,
        metavar="N",
        help="leave out up to N bad lines and report them (default: %(default)s)",
    )
    text = command.add_argument_group(
        "raw text",
        "A word has two or more letters, digits, underscores or accents. Words are compared in "
        "lower case and in Unicode's form NFC.",
    )
    text.add_argument(
        "--field",
        action="append",
        metavar="NAME",
        help="the field of JSON Lines with the text; may be repeated: texts are joined in order",
    )
    text.add_argument(
        "--column",
        action="append",
        metavar="NAME",
        help="the column of CSV with the text; may be repeated: texts are joined in order",
    )
    text.add_argument(
        "--stop-words",
        metavar="WORDS",
        help="words to leave out: english, or a file with one word a line",
    )


def add_vocabulary_options(command: argparse.ArgumentParser) -> None:
    """Add the options that choose the words of raw text, where there is no `--vocab`."""
    group = command.add_argument_group("the vocabulary of raw text, without --vocab")
    group.add_argument(
        "--min-df",
        type=_document_frequency,
        default=DEFAULTS.min_df,
        metavar="N",
        help="keep words that are in at least N documents; with a point, N is a share of the "
        "documents (default: %(default)s)",
    )
    group.add_argument(
        "--max-df",
        type=_document_frequency,
        default=DEFAULTS.max_df,
        metavar="N",
        help="keep words that are in at most N documents; with a point, N is a share of the "
        "documents (default: %(default)s)",
    )
    group.add_argument(
        "--max-words",
        type=whole_from(1),
        metavar="N",
        help="keep only the N words that occur most often",
    )


def add_split_options(
    command: argparse.ArgumentParser, held_out: argparse._MutuallyExclusiveGroup | None = None
) -> None:
    """Add the options that choose documents; `--test-fraction` to a group, if there is one."""
    (held_out or command).add_argument(
        "--test-fraction",
        type=_fraction,
        default=0.05,
        metavar="F",
        help="share of the documents to hold out, at least 0 and below 1 (default: 0.05)",
    )
    command.add_argument(
        "--seed",
        type=whole_from(0),
        metavar="N",
        help="hold out random documents, chosen with this seed (default: the last documents)",
    )
    command.add_argument(
        "--min-words",
        type=whole_from(1),
        default=1,
        metavar="N",
        help="leave out documents with fewer than N words; repeated words count (default: 1)",
    )


def read_options(options: argparse.Namespace) -> ReadOptions:
    """Return the options that were given; others have their defaults."""
    given = {field.name: getattr(options, field.name, None) for field in fields(ReadOptions)}
    given |= {name: tuple(given[name] or ()) for name in ("field", "column")}
    return ReadOptions(**{name: value for name, value in given.items() if value is not None})


def _document_frequency(text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if "." in text and 0 <= number <= 1:
        return number
    if text.isascii() and text.isdigit() and number >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} must be a whole number from 1 on, or a share from 0.0 to 1.0"
    )


def _fraction(text: str) -> float:
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1
    if not 0 <= fraction < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of 0 or more and below 1")
    return fraction


def place(text: str) -> Path | S3Folder:
    """Read the name of a folder, which may be in S3; a type of argument."""
    return address(text) if text.startswith("s3:") else Path(text)


def address(text: str) -> S3Folder:
    """Read the address of a folder in S3; a type of argument."""
    try:
        return S3Folder.parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
