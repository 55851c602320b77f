"""`topics report`: a model on one page, and as pictures."""

import argparse
import sys
from pathlib import Path

from cli.arguments import Commands
from topics import prepared
from topics.commands.inputs import add_corpus, add_model
from topics.model import archive
from topics.report.model_page import write_report
from topics.report.overview import summarize
from topics.report.pictures import save_report_pictures


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "report",
        help="draw a model: one page, and pictures",
        description="Write a page that shows alpha, beta, the words, size and documents of each"
        " topic, how alike the topics are, and how good the model is: coherence, and held-out log"
        " likelihood per word. Topics that hold too much, repeat another or are incoherent have a"
        " warning. It holds all that it shows and opens from the disk.",
    )
    add_model(command)
    add_corpus(command)
    command.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="(default: %(default)s)",
    )
    command.add_argument("--png", type=Path, metavar="FOLDER", help="write the pictures as well")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the page and the pictures."""
    model = archive.load(options.model)
    corpus = prepared.load(options.corpus)
    if sys.stderr.isatty():
        print("inferring the topics of the documents ...", file=sys.stderr)
    overview = summarize(model, options.model, corpus)
    write_report(options.out, overview)
    suspect = sum(topic.suspect for topic in overview.topics)
    warned = f" ({suspect} with a warning)" if suspect else ""
    print(f"{len(overview.topics)} topics{warned} -> {options.out}")
    if options.png:
        for file in save_report_pictures(options.png, overview):
            print(f"-> {file}")
