"""What the commands that predict share: texts as documents, and how predictions are printed."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cli.arguments import whole_from
from cli.progress import Progress
from data_prep.documents import Documents, count_documents, read_text
from data_prep.errors import InputError
from topics.commands.common_arguments import open_chosen
from topics.commands.outputs import output
from topics.endpoint.answers import Mixture
from topics.model import archive
from topics.model.top_words import check_words, top_words

_TABLE_HEAD = "document  topic  share  words"


def add_texts(command: argparse.ArgumentParser) -> None:
    """Add `--text` and `--file`, which are documents beside those of `add_documents`."""
    group = command.add_argument_group("or texts, with --vocab")
    group.add_argument(
        "--text", action="append", metavar="TEXT", help="a document; may be repeated"
    )
    group.add_argument(
        "--file",
        action="append",
        type=Path,
        metavar="FILE",
        help="a file that is one document; may be repeated",
    )


def add_printing(command: argparse.ArgumentParser, *, model: str) -> None:
    """Add the options that say what to print; `model` is where the words come from by default."""
    group = command.add_argument_group("what to print")
    group.add_argument("--table", action="store_true", help="print a table instead of JSON Lines")
    group.add_argument(
        "--top",
        type=whole_from(0),
        default=3,
        metavar="N",
        help="number of topics of each document (default: %(default)s)",
    )
    group.add_argument(
        "--words",
        type=whole_from(1),
        default=5,
        metavar="N",
        help="number of words of each topic (default: %(default)s)",
    )
    group.add_argument(
        "--model",
        metavar="MODEL",
        help=f"the model with the words of the topics (default: {model})",
    )
    group.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write a file instead, once all documents are answered",
    )


@contextmanager
def open_documents_or_texts(options: argparse.Namespace) -> Iterator[Documents]:
    """Open the documents that `add_documents` or `add_texts` name.

    Raises:
        InputError: Both are named, or neither, or they can't be read.
    """
    texts = [*(options.text or []), *map(read_text, options.file or [])]
    named = options.documents is not None or options.prepared is not None
    if bool(texts) == named:
        raise InputError("give either DOCUMENTS, or --text and --file")
    if named:
        with open_chosen(options, held_out=True) as documents:
            yield documents
    elif options.vocab is None:
        raise InputError("--text and --file need --vocab")
    else:
        yield count_documents(texts, options.vocab)


def topic_words(
    vocabulary: Sequence[str], options: argparse.Namespace, deployed: Callable[[], str]
) -> list[list[str]] | None:
    """Return the most probable words of each topic; None if they are not asked for.

    Args:
        vocabulary: The words of the documents.
        options: Those of `add_printing`, and `--vocab`.
        deployed: Returns the address of the deployed model.

    Raises:
        InputError: The model has another number of words.
    """
    if not options.top or (options.vocab is None and options.model is None):
        return None
    model = archive.load(options.model or deployed())
    check_words(len(vocabulary), model)
    return top_words(model, vocabulary, options.words)


def print_predictions(
    mixtures: Iterable[Mixture | None],
    number: int,
    words: list[list[str]] | None,
    options: argparse.Namespace,
    start: float,
) -> None:
    """Print a prediction for each document as it comes, and at the end how many there were.

    Args:
        mixtures: (K,) of each document; None for one without words.
        number: How many documents there are.
        words: The words of each topic, if they are to be printed.
        options: Those of `add_printing`.
        start: The time of `time.perf_counter` when the command began.
    """
    wordless = 0
    with Progress("predicting", number) as progress, output(options.out) as file:
        if options.table:
            print(_TABLE_HEAD, file=file)
        for position, mixture in enumerate(mixtures, 1):
            wordless += mixture is None
            largest = _largest(mixture, words, options.top)
            line = _rows(position, largest) if options.table else _json(mixture, largest)
            print(line, file=file)
            progress.advance(1)
    note = f", {wordless:,} of them without any word of the vocabulary" if wordless else ""
    print(f"{number:,} predictions in {time.perf_counter() - start:.1f} s{note}", file=sys.stderr)


def _largest(
    mixture: Mixture | None, words: list[list[str]] | None, number: int
) -> list[dict[str, Any]]:
    """Return the topics with the largest shares, and their words if they are known."""
    if mixture is None:
        return []
    if words is not None and len(words) != len(mixture):
        raise InputError(
            f"the answers have {len(mixture)} topics, the model has {len(words)}: name the model"
            " that answers"
        )
    return [
        {"topic": topic, "share": float(mixture[topic])}
        | ({"words": words[topic]} if words else {})
        for topic in np.argsort(-mixture, kind="stable")[:number].tolist()
    ]


def _json(mixture: Mixture | None, largest: list[dict[str, Any]]) -> str:
    shares = None if mixture is None else mixture.tolist()
    return json.dumps({"topic_mixture": shares, "topics": largest}, ensure_ascii=False)


def _rows(number: int, largest: list[dict[str, Any]]) -> str:
    """Return a line for each topic; the first line has the number of the document."""
    rows = [
        f"{topic['topic']:5d}  {topic['share']:.3f}  {', '.join(topic.get('words', []))}".rstrip()
        for topic in largest
    ]
    return f"{number:8d}  " + f"\n{'':10s}".join(rows or ["    -      -"])
