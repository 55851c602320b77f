"""The command line: `python -m topics`."""

import argparse
import os
import sys

from cli.arguments import Parser, run_command
from data_prep.errors import InputError
from topics.commands import (
    compare,
    fit,
    infer,
    predict,
    recover,
    report,
    score,
    show,
    sweep,
    transform,
)
from topics.endpoint.deployed import TransformError
from topics.endpoint.state import EndpointError

_COMMANDS = (fit, sweep, show, report, score, compare, recover, infer, predict, transform)
_EXAMPLES = """\
examples:
  python -m topics fit --prepared build/nyt --num-topics 10 --refine --out model.tar.gz
  python -m topics show model.tar.gz --vocab build/nyt/vocab.txt
  python -m topics report model.tar.gz --prepared build/nyt --html report.html
  python -m topics sweep --num-topics 5,10,20,40 --prepared build/nyt --plot sweep.png
  python -m topics compare model.tar.gz s3://BUCKET/KEY --prepared build/nyt
  python -m topics infer model.tar.gz articles.jsonl --field body --vocab build/nyt/vocab.txt
  python -m topics predict --endpoint lda-dev build/nyt/test.recordio --limit 3
  python -m topics transform --env lda/dev --prepared build/nyt --out predictions.jsonl

MODEL is a model.tar.gz: a file, or s3://BUCKET/KEY. Commands that ask AWS take credentials and
Region from the environment, as the AWS CLI does.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return 0 if it succeeded, 1 if it failed, 2 if its input is bad."""
    options = _parser().parse_args(arguments)
    if region := os.environ.get("AWS_REGION"):  # the CDK and the AWS CLI read it, boto3 does not
        os.environ["AWS_DEFAULT_REGION"] = region
    return run_command(
        "topics",
        lambda: options.run(options),
        bad_input=(InputError,),
        failures=(EndpointError, TransformError),
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m topics",
        description="Fit topic models, show them, judge them, and ask deployed ones.",
        epilog=_EXAMPLES,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
