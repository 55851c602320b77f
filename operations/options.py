"""The options by which command lines choose an environment, as `cdk` has them."""

import argparse


def add_environment_options(parser: argparse.ArgumentParser) -> None:
    """Add `--env NAME` and `-c KEY=VALUE`; `read_context` takes what they hold."""
    parser.add_argument("--env", metavar="NAME", help="the environment (default: dev)")
    parser.add_argument(
        "-c",
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value of a setting, as cdk takes it",
    )
