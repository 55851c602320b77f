"""`topics predict`: the topic mixtures of documents, from an endpoint."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scipy import sparse

from data_prep.arguments import Commands, whole_from
from data_prep.progress import Progress
from topics import client
from topics.commands.inputs import read_documents


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "predict",
        help="ask an endpoint for the topic mixtures of documents",
        description="Ask an endpoint for the topic mixtures of documents. Prints a JSON object a"
        " line, in the order of the documents.",
    )
    command.add_argument("documents", type=Path, metavar="DOCUMENTS", help="a .recordio file")
    command.add_argument("--endpoint", required=True, metavar="NAME")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="written when all have been answered"
    )
    command.add_argument(
        "--limit", type=whole_from(1), metavar="N", help="only the first N documents"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Ask, and write JSON Lines."""
    counts = read_documents(options.documents)[: options.limit]
    start = time.perf_counter()
    lines = _prediction_lines(options.endpoint, counts)
    if options.out:
        options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    else:
        for line in lines:
            print(line)
    print(
        f"{counts.shape[0]:,} predictions in {time.perf_counter() - start:.1f} s", file=sys.stderr
    )


def _prediction_lines(endpoint: str, counts: sparse.csr_array) -> Iterator[str]:
    with Progress("predicting", counts.shape[0]) as progress:
        for mixtures in client.predict(endpoint, counts):
            progress.advance(len(mixtures))
            for mixture in mixtures.tolist():
                yield json.dumps({"topic_mixture": mixture})
