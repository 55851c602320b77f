"""`topics predict`: the topic mixtures of documents, from an endpoint."""

import argparse
import json
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from cli.arguments import Commands, whole_from
from cli.progress import Progress
from data_prep.documents import Documents, count_documents, read_text
from data_prep.errors import InputError
from topics.commands.common_arguments import add_documents, open_chosen
from topics.commands.outputs import output
from topics.endpoint import client
from topics.endpoint.payload import CONTENT_TYPES
from topics.endpoint.state import is_changing, model_address
from topics.model import archive
from topics.model.top_words import check_words, top_words

_DESCRIPTION = """\
Ask an endpoint for the topic mixtures of documents. Prints a JSON object a line, in the order of
the documents: the mixture, and the topics with the largest shares. With --vocab these topics have
their words, from the model that the endpoint runs. A document without any word of the vocabulary
has the mixture null.
"""
_EXAMPLES = """\
examples:
  python -m topics predict --endpoint topic-model-dev build/prepared/test.recordio
  python -m topics predict --endpoint topic-model-dev --vocab build/prepared/vocab.txt --table \\
      --text "The court heard the case on Monday"
  python -m topics predict --endpoint topic-model-dev --vocab build/prepared/vocab.txt \\
      articles.jsonl --field body --content-type recordio --out predictions.jsonl
"""
_TABLE_HEAD = "document  topic  share  words"


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "predict",
        help="ask an endpoint for the topic mixtures of documents",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    command.add_argument("--endpoint", required=True, metavar="NAME")
    add_documents(command, uses="the held-out documents, or the training documents if there are no")
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
    group = command.add_argument_group("how to ask")
    group.add_argument(
        "--content-type",
        choices=tuple(CONTENT_TYPES),
        default="csv",
        help="format of the requests; the answers are the same (default: %(default)s)",
    )
    group.add_argument(
        "--parallel",
        type=whole_from(1),
        default=client.PARALLEL,
        metavar="N",
        help="number of parallel requests (default: %(default)s)",
    )
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
        help="the model with the words of the topics (default: the one that the endpoint runs)",
    )
    group.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write a file instead, once all documents are answered",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Ask, and write the answers as they arrive."""
    texts = [*(options.text or []), *map(read_text, options.file or [])]
    named = options.documents is not None or options.prepared is not None
    if bool(texts) == named:
        raise InputError("give either DOCUMENTS, or --text and --file")
    if named:
        with open_chosen(options, held_out=True) as documents:
            _ask(documents, options)
    elif options.vocab is None:
        raise InputError("--text and --file need --vocab")
    else:
        _ask(count_documents(texts, options.vocab), options)


def _ask(documents: Documents, options: argparse.Namespace) -> None:
    start = time.perf_counter()
    words = _topic_words(documents, options)
    if is_changing(options.endpoint):
        print(
            f"the endpoint {options.endpoint!r} is being updated: answers may come from its old"
            " model or from its new one",
            file=sys.stderr,
        )
    mixtures = client.predict(
        options.endpoint,
        documents.blocks(),
        content_type=options.content_type,
        parallel=options.parallel,
    )
    wordless = 0
    with (
        closing(mixtures),
        Progress("predicting", documents.number) as progress,
        output(options.out) as file,
    ):
        if options.table:
            print(_TABLE_HEAD, file=file)
        for number, mixture in enumerate(mixtures, 1):
            wordless += mixture is None
            largest = _largest(mixture, words, options.top)
            line = _rows(number, largest) if options.table else _json(mixture, largest)
            print(line, file=file)
            progress.advance(1)
    note = f", {wordless:,} of them without any word of the vocabulary" if wordless else ""
    print(
        f"{documents.number:,} predictions in {time.perf_counter() - start:.1f} s{note}",
        file=sys.stderr,
    )


def _topic_words(documents: Documents, options: argparse.Namespace) -> list[list[str]] | None:
    """Return the most probable words of each topic; None if they are not asked for."""
    if not options.top or (options.vocab is None and options.model is None):
        return None
    model = archive.load(options.model or model_address(options.endpoint))
    check_words(len(documents.words), model)
    return top_words(model, documents.words, options.words)


def _largest(
    mixture: client.Mixture | None, words: list[list[str]] | None, number: int
) -> list[dict[str, Any]]:
    """Return the topics with the largest shares, and their words if they are known."""
    if mixture is None:
        return []
    if words is not None and len(words) != len(mixture):
        raise InputError(
            f"the endpoint answers with {len(mixture)} topics, the model has {len(words)}: name the"
            " model that the endpoint runs"
        )
    return [
        {"topic": topic, "share": float(mixture[topic])}
        | ({"words": words[topic]} if words else {})
        for topic in np.argsort(-mixture, kind="stable")[:number].tolist()
    ]


def _json(mixture: client.Mixture | None, largest: list[dict[str, Any]]) -> str:
    shares = None if mixture is None else mixture.tolist()
    return json.dumps({"topic_mixture": shares, "topics": largest}, ensure_ascii=False)


def _rows(number: int, largest: list[dict[str, Any]]) -> str:
    """Return a line for each topic; the first line has the number of the document."""
    rows = [
        f"{topic['topic']:5d}  {topic['share']:.3f}  {', '.join(topic.get('words', []))}".rstrip()
        for topic in largest
    ]
    return f"{number:8d}  " + f"\n{'':10s}".join(rows or ["    -      -"])
