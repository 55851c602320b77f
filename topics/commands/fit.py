"""`topics fit`: a model from documents."""

import argparse
import sys
import time
from pathlib import Path

from data_prep.arguments import Commands, whole_from
from topics import artifact, spectral
from topics.commands.inputs import positive, read_documents


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "fit",
        help="fit a model to documents",
        description="Fit a model on this machine, by the method of SageMaker's LDA.",
    )
    command.add_argument("train", type=Path, metavar="TRAIN", help="a .recordio file")
    command.add_argument("--num-topics", type=whole_from(1), required=True, metavar="N")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="model.tar.gz")
    command.add_argument(
        "--alpha0",
        type=positive,
        default=1.0,
        metavar="A",
        help="sum of the prior; more means more topics in a document (default: %(default)s)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Fit and save."""
    counts = read_documents(options.train)
    start = time.perf_counter()
    if sys.stderr.isatty():
        print(f"fitting {options.num_topics} topics ...", file=sys.stderr)
    model = spectral.fit(counts, options.num_topics, alpha0=options.alpha0)
    artifact.save(model, options.out)
    print(
        f"{options.num_topics} topics of {counts.shape[0]:,} documents,"
        f" {time.perf_counter() - start:.1f} s -> {options.out}"
    )
