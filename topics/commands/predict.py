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
from data_prep.errors import InputError
from data_prep.formats.known import FORMATS
from data_prep.formats.read_options import ReadOptions
from topics.commands.outputs import output
from topics.documents import Documents, from_texts, read_text, with_documents
from topics.endpoint import client
from topics.endpoint.payload import CONTENT_TYPES
from topics.endpoint.state import is_changing, model_address
from topics.model import archive, top_words

_DESCRIPTION = """\
Ask an endpoint for the topic mixtures of documents. Prints a JSON object a line, in the order of
the documents: the mixture, and the topics with the largest shares. With --vocab these have their
words, out of the model that the endpoint runs. A document without any word of the vocabulary has
the mixture null.
"""
_EXAMPLES = """\
examples:
  python -m topics predict --endpoint topic-model-dev build/corpus/test.recordio
  python -m topics predict --endpoint topic-model-dev --vocab build/corpus/vocab.txt --table \\
      --text "The court heard the case on Monday"
  python -m topics predict --endpoint topic-model-dev --vocab build/corpus/vocab.txt \\
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
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--endpoint", required=True, metavar="NAME")
    group = command.add_argument_group("what to ask about")
    group.add_argument(
        "documents",
        nargs="?",
        type=Path,
        metavar="DOCUMENTS",
        help="whatever data_prep reads: a .recordio file; or with --vocab id:count lines, raw text"
        " with a document a line, a folder of .txt files, ... or - for standard input",
    )
    group.add_argument(
        "--text", action="append", metavar="TEXT", help="a document; may be repeated"
    )
    group.add_argument(
        "--file", action="append", type=Path, metavar="FILE", help="the same, from a file"
    )
    group.add_argument("--vocab", type=Path, metavar="FILE", help="vocab.txt, a word a line")
    group.add_argument("--format", choices=FORMATS, help="(default: told from the content)")
    group.add_argument(
        "--first-id",
        type=int,
        choices=(0, 1),
        help="id of the first word in svmlight (default: told from the ids)",
    )
    group.add_argument(
        "--field",
        action="append",
        metavar="NAME",
        help="the text's field in JSON Lines; may be repeated",
    )
    group.add_argument(
        "--column", action="append", metavar="NAME", help="the text's column in CSV; as --field"
    )
    group.add_argument(
        "--limit", type=whole_from(1), metavar="N", help="only the first N documents"
    )
    group = command.add_argument_group("how to ask")
    group.add_argument(
        "--content-type",
        choices=tuple(CONTENT_TYPES),
        default="csv",
        help="of the requests; the answers are the same (default: %(default)s)",
    )
    group.add_argument(
        "--parallel",
        type=whole_from(1),
        default=client.PARALLEL,
        metavar="N",
        help="requests under way at once (default: %(default)s)",
    )
    group = command.add_argument_group("what to print")
    group.add_argument("--table", action="store_true", help="a table, not JSON Lines")
    group.add_argument(
        "--top",
        type=whole_from(0),
        default=3,
        metavar="N",
        help="topics of a document (default: %(default)s)",
    )
    group.add_argument(
        "--words",
        type=whole_from(1),
        default=5,
        metavar="N",
        help="words of a topic (default: %(default)s)",
    )
    group.add_argument(
        "--model",
        metavar="MODEL",
        help="where the words of the topics come from (default: what the endpoint runs)",
    )
    group.add_argument(
        "--out", type=Path, metavar="FILE", help="written when all have been answered"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Ask, and write the answers as they come."""
    texts = [*(options.text or []), *map(read_text, options.file or [])]
    if bool(texts) == (options.documents is not None):
        raise InputError("give either DOCUMENTS, or --text and --file")
    if not texts:
        read_options = ReadOptions(
            options.format,
            options.limit,
            first_id=options.first_id,
            field=tuple(options.field or ()),
            column=tuple(options.column or ()),
        )
        with_documents(
            options.documents, options.vocab, read_options, lambda read: _ask(read, options)
        )
    elif options.vocab is None:
        raise InputError("--text and --file need --vocab")
    else:
        _ask(from_texts(texts, options.vocab), options)


def _ask(documents: Documents, options: argparse.Namespace) -> None:
    start = time.perf_counter()
    words = _topic_words(options)
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


def _topic_words(options: argparse.Namespace) -> list[list[str]] | None:
    """Return the most probable words of each topic; None when nothing says what they are."""
    if not options.top or (options.vocab is None and options.model is None):
        return None
    model = archive.load(options.model or model_address(options.endpoint))
    words = top_words.load(options.vocab, model.beta.shape[1])
    return top_words.top_words(model, words, options.words)


def _largest(
    mixture: client.Mixture | None, words: list[list[str]] | None, number: int
) -> list[dict[str, Any]]:
    """Return the topics with the largest shares, and their words if these are known."""
    if mixture is None:
        return []
    if words is not None and len(words) != len(mixture):
        raise InputError(
            f"the endpoint answers with {len(mixture)} topics, the model has {len(words)}"
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
    """Return a line for each topic, the document's number in the first."""
    rows = [
        f"{topic['topic']:5d}  {topic['share']:.3f}  {', '.join(topic.get('words', []))}".rstrip()
        for topic in largest
    ]
    return f"{number:8d}  " + f"\n{'':10s}".join(rows or ["    -      -"])
