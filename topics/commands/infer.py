"""`topics infer`: the topic mixtures of documents, under a model at hand."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from cli.arguments import Commands
from topics.commands.inputs import add_model, open_documents
from topics.commands.outputs import output
from topics.lda.mixtures import infer
from topics.model import archive


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "infer",
        help="compute the topic mixtures of documents",
        description="Compute the topic mixtures of documents on this machine, as an endpoint with"
        " the same model answers them. Prints a JSON object a line, in the order of the documents.",
    )
    add_model(command)
    command.add_argument("documents", type=Path, metavar="DOCUMENTS", help="a .recordio file")
    command.add_argument("--out", type=Path, metavar="FILE", help="instead of printing")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Infer, and print or write."""
    with output(options.out) as file:
        for line in _lines(options):
            print(line, file=file)


def _lines(options: argparse.Namespace) -> Iterator[str]:
    model = archive.load(options.model)
    for mixtures in open_documents(options.documents).map(lambda counts: infer(model, counts)):
        for mixture in mixtures.tolist():
            yield json.dumps({"topic_mixture": mixture})
