"""`topics fit`: a model from documents."""

import argparse
import sys
import time
import warnings
from pathlib import Path

from cli.arguments import Commands, whole_from
from cli.progress import Progress
from topics.commands.inputs import open_documents, positive
from topics.lda.refine import SWEEPS, refine
from topics.lda.spectral import FewTopicsWarning, fit
from topics.model import archive


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
        metavar="A",
        help="sum of the prior; more means more topics in a document (default: 1.0; with --refine,"
        " it is fitted unless you give it)",
    )
    command.add_argument(
        "--refine",
        nargs="?",
        type=whole_from(0),
        const=SWEEPS,
        default=0,
        metavar="N",
        help="go on with up to N sweeps over the documents, which make a better model than"
        " the image's, and fit the prior (default: none; without N: %(const)s)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Fit and save."""
    corpus = open_documents(options.train)
    start = time.perf_counter()
    if sys.stderr.isatty():
        print(f"fitting {options.num_topics} topics ...", file=sys.stderr)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FewTopicsWarning)
        model = fit(corpus, options.num_topics, alpha0=options.alpha0 or 1.0)
    for warning in caught:
        print(f"topics: warning: {warning.message}", file=sys.stderr)
    with Progress("refining", options.refine) as progress:
        model = refine(
            corpus,
            model,
            options.refine,
            fit_alpha=options.alpha0 is None,
            after_sweep=lambda: progress.advance(1),
        )
    archive.save(model, options.out)
    documents = sum(block.shape[0] for block in corpus)
    print(
        f"{options.num_topics} topics of {documents:,} documents,"
        f" {time.perf_counter() - start:.1f} s -> {options.out}"
    )
