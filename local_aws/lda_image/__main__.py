"""The entry points of the image: `train` and `serve`."""

import argparse
import secrets
import sys
from pathlib import Path

from cli.arguments import Parser, run_command, whole_from


def main(arguments: list[str] | None = None) -> int:
    """Run an entry point and return its exit code."""
    options = _parser().parse_args(arguments)
    return run_command("lda_image", lambda: _enter(options), bad_input=())


def _enter(options: argparse.Namespace) -> int:
    # Imported here: each needs libraries that the other does not, and both should start fast.
    if options.entry == "train":
        from local_aws.lda_image.train import train

        return train(options.ml_root)
    from local_aws.lda_image.serve import serve

    prefix = f"/{secrets.token_urlsafe(20)}" if options.private else ""
    return serve(options.ml_root, options.port, prefix)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m local_aws.lda_image",
        description="Run as SageMaker runs its LDA image, with a folder in place of /opt/ml."
        " Both entry points end at once on SIGTERM.",
        epilog="example: python -m local_aws.lda_image serve --ml-root /tmp/ml --port 8080",
    )
    entries = parser.add_subparsers(dest="entry", metavar="ENTRY", required=True)
    train = entries.add_parser(
        "train",
        help="fit a model",
        description="Read input/config/hyperparameters.json, input/config/inputdataconfig.json and"
        " the channels in input/data; write model/model_algo-1, or the reason to output/failure.",
    )
    serve = entries.add_parser(
        "serve",
        help="answer requests with a model",
        description="Load model/model_algo-1, print the address, and answer /ping and"
        " /invocations.",
    )
    for entry in (train, serve):
        entry.add_argument(
            "--ml-root",
            type=Path,
            required=True,
            metavar="FOLDER",
            help="the folder that stands for /opt/ml",
        )
    serve.add_argument(
        "--port",
        type=whole_from(0, 65535),
        default=8080,
        help="0 takes a free one (default: %(default)s)",
    )
    serve.add_argument(
        "--private",
        action="store_true",
        help="answer below a path that nobody can guess, and print it with the address, since every"
        " user of the machine can reach its ports",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
