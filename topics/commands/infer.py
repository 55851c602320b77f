"""`topics infer`: the topic mixtures of documents, under a model at hand."""

import argparse
import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from data_prep.arguments import Commands
from topics import artifact, inference
from topics.commands.inputs import add_model, open_documents


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
    lines = _lines(options)
    first = next(lines)  # if the input is bad there is no file
    with options.out.open("w", encoding="utf-8") if options.out else nullcontext() as file:
        print(first, file=file)
        for line in lines:
            print(line, file=file)


def _lines(options: argparse.Namespace) -> Iterator[str]:
    model = artifact.load(options.model)
    for mixtures in open_documents(options.documents).map(
        lambda counts: inference.infer(model, counts)
    ):
        for mixture in mixtures.tolist():
            yield json.dumps({"topic_mixture": mixture})
