"""`topics report`: show a model on a page, and in pictures."""

import argparse
import sys
from pathlib import Path

from cli.arguments import PICTURES, Commands, picture
from topics.commands.common_arguments import (
    add_documents,
    add_model,
    add_titles,
    chosen_titles,
    read_chosen,
)
from topics.model import archive
from topics.report.model_page import write_report
from topics.report.overview import summarize
from topics.report.pictures import save_report, words_in_boxes


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "report",
        help="show a model on a page",
        description="Write a page that shows alpha, beta, the words, size and documents of each"
        " topic, how similar the topics are, and how good the model is: coherence, and held-out log"
        " likelihood per word. Topics that are too large, repeat another or are incoherent get a"
        " warning. In a browser one can ask its map, its topics and its words. The page is one file"
        " that needs no other.",
    )
    add_model(command)
    add_documents(command, uses="the training and the held-out documents", test=True)
    command.add_argument(
        "--html",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page (default: %(default)s)",
    )
    add_titles(command)
    command.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help=f"write the pictures as well, in one file that ends in {', '.join(PICTURES)}",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the page and the pictures."""
    model = archive.load(options.model)
    corpus = read_chosen(options)
    titles = chosen_titles(options, corpus)
    if sys.stderr.isatty():
        print("inferring the topics of the documents ...", file=sys.stderr)
    overview = summarize(model, options.model, corpus)
    write_report(options.html, overview, titles)
    suspect = sum(topic.suspect for topic in overview.topics)
    warned = f" ({suspect} with a warning)" if suspect else ""
    print(f"{len(overview.topics)} topics{warned} -> {options.html}")
    if options.plot:
        save_report(options.plot, overview)
        print(f"-> {options.plot}")
        if options.plot.suffix != ".svg" and (boxed := words_in_boxes(overview)):
            print(
                f"topics: {options.plot} has boxes for letters that the font lacks, as in "
                f"'{boxed[0]}' ({len(boxed):,} of the words); the page and .svg show them",
                file=sys.stderr,
            )
