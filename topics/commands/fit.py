"""`topics fit`: a model from documents."""

import argparse
import sys
import time
import warnings
from pathlib import Path

from cli.arguments import Commands, whole_from
from cli.progress import Progress
from data_prep.documents import Documents
from topics.commands.common_arguments import add_documents, add_json, open_chosen, positive
from topics.commands.outputs import print_json
from topics.lda.blocks import Blocks
from topics.lda.refine import SWEEPS, refine
from topics.lda.spectral import FewTopicsWarning, fit
from topics.model import archive
from topics.model.topic_model import Model


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "fit",
        help="fit a model to documents",
        description="Fit a model on this machine, with the method of SageMaker's LDA.",
    )
    command.add_argument("--num-topics", type=whole_from(1), required=True, metavar="N")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="model.tar.gz")
    command.add_argument(
        "--alpha0",
        type=positive,
        metavar="A",
        help="sum of the prior; a larger one gives more topics in a document (default: 1.0; with"
        " --refine it is fitted unless you give it)",
    )
    command.add_argument(
        "--refine",
        nargs="?",
        type=whole_from(0),
        const=SWEEPS,
        default=0,
        metavar="N",
        help="make up to N more sweeps over the documents and fit the prior; the model becomes"
        " better than the one of SageMaker's image (default: no sweeps; without N: %(const)s)",
    )
    add_documents(command, uses="the training documents")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Fit and save."""
    with open_chosen(options, check=False) as documents:
        start = time.perf_counter()
        model = _fit(documents, options)
        seconds = time.perf_counter() - start
    archive.save(model, options.out)
    if options.json:
        print_json(
            {
                "model": str(options.out),
                "num_topics": options.num_topics,
                "documents": documents.number,
                "seconds": seconds,
            }
        )
    else:
        print(
            f"{options.num_topics} topics of {documents.number:,} documents,"
            f" {seconds:.1f} s -> {options.out}"
        )


def _fit(documents: Documents, options: argparse.Namespace) -> Model:
    blocks = Blocks(documents.blocks)
    if sys.stderr.isatty():
        print(f"fitting {options.num_topics} topics ...", file=sys.stderr)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FewTopicsWarning)
        model = fit(blocks, options.num_topics, alpha0=options.alpha0 or 1.0)
    for warning in caught:
        print(f"topics: warning: {warning.message}", file=sys.stderr)
    with Progress("refining", options.refine) as progress:
        return refine(
            blocks,
            model,
            options.refine,
            fit_alpha=options.alpha0 is None,
            after_sweep=lambda: progress.advance(1),
        )
