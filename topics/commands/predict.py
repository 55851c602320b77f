"""`topics predict`: the topic mixtures of documents, from an endpoint."""

import argparse
import sys
import time
from contextlib import closing

from cli.arguments import Commands, whole_from
from topics.commands.common_arguments import add_documents
from topics.commands.prediction_lines import (
    add_printing,
    add_texts,
    open_documents_or_texts,
    print_predictions,
    topic_words,
)
from topics.endpoint import client
from topics.endpoint.payload import CONTENT_TYPES
from topics.endpoint.state import is_changing, model_address

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
    add_texts(command)
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
    add_printing(command, model="the one that the endpoint runs")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Ask, and write the answers as they arrive."""
    with open_documents_or_texts(options) as documents:
        start = time.perf_counter()
        words = topic_words(documents.words, options, lambda: model_address(options.endpoint))
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
        with closing(mixtures):
            print_predictions(mixtures, documents.number, words, options, start)
