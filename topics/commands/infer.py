"""`topics infer`: the topic mixtures of documents, under a model on this machine."""

import argparse
import json
from pathlib import Path

from cli.arguments import Commands
from topics.commands.common_arguments import add_documents, add_model, open_chosen
from topics.commands.outputs import output
from topics.lda.blocks import Blocks
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
    add_documents(command, uses="the held-out documents, or the training documents if there are no")
    command.add_argument("--out", type=Path, metavar="FILE", help="write a file instead")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Infer, and print or write."""
    model = archive.load(options.model)
    with open_chosen(options, held_out=True) as documents, output(options.out) as file:
        for mixtures in Blocks(documents.blocks).map(lambda counts: infer(model, counts)):
            for mixture in mixtures.tolist():
                print(json.dumps({"topic_mixture": mixture}), file=file)
