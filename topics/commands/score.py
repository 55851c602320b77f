"""`topics score`: held-out log likelihood per word."""

import argparse
from pathlib import Path

from cli.arguments import Commands
from topics.commands.inputs import add_model, read_documents
from topics.model import archive
from topics.quality.likelihood import per_word_log_likelihoods, unigram


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "score",
        help="score a model on unseen documents",
        description="Print the held-out log likelihood per word of the model, and of the word"
        " frequencies alone. Half of each test document's words determine its topics; the other"
        " half is scored. Larger is better.",
    )
    add_model(command)
    for name, what in (("--test", "unseen documents"), ("--train", "for the word frequencies")):
        command.add_argument(
            name, type=Path, required=True, metavar="FILE", help=f"{what}: a .recordio file"
        )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print two scores."""
    model = archive.load(options.model)
    test = read_documents(options.test)
    frequencies = unigram(read_documents(options.train))
    scores = per_word_log_likelihoods([model, frequencies], test)
    print("held-out log likelihood per word")
    for name, score in zip(("model", "unigram"), scores, strict=True):
        print(f"{name:8s} {score:.4f}")
