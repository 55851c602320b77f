"""`topics score`: held-out log likelihood per word."""

import argparse

from cli.arguments import Commands
from data_prep.errors import InputError
from topics.commands.common_arguments import add_documents, add_json, add_model, read_chosen
from topics.commands.outputs import print_json
from topics.model import archive
from topics.quality.likelihood import per_word_log_likelihoods, unigram


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "score",
        help="score a model on documents it has not seen",
        description="Print the held-out log likelihood per word of the model, and that of the word"
        " frequencies in the training documents. Half of the words of each held-out document"
        " determine its topics; the other half is scored. Larger is better.",
    )
    add_model(command)
    add_documents(command, uses="the training and the held-out documents", test=True)
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print two scores."""
    model = archive.load(options.model)
    corpus = read_chosen(options)
    if corpus.test is None:
        raise InputError(
            "there are no held-out documents to score: give some with --test, or name a prepared"
            " corpus that has some"
        )
    scores = per_word_log_likelihoods([model, unigram(corpus.train)], corpus.test)
    if options.json:
        names = ("model", "word_frequencies")
        print_json({n: {"log_likelihood": s} for n, s in zip(names, scores, strict=True)})
        return
    print("held-out log likelihood per word")
    for name, score in zip(("model", "unigram"), scores, strict=True):
        print(f"{name:8s} {score:.4f}")
