"""The command line: `python -m operations`."""

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from cli.arguments import Parser, run_command
from data_prep.errors import InputError
from operations import leftovers, settings
from operations.cost import command as cost
from operations.environment import add_environment_options
from operations.follow import command as follow
from operations.models import command as models
from operations.preflight import command as preflight
from operations.preparation import command as preparation
from stacks.settings import SettingsError

_COMMANDS = (preflight, cost, settings, preparation, follow, models, leftovers)
_EXAMPLES = """\
examples:
  python -m operations preflight --env prod && cdk deploy --all -c env=prod
  python -m operations cost -c endpoint.instance_type=ml.m5.large -c endpoint.instance_count=2
  python -m operations settings --env prod
  python -m operations prepare --name news -- --format jsonl --field body --min-df 5
  python -m operations follow --env prod -- cdk deploy --all -c env=prod
  python -m operations models --env prod
  cdk destroy --all -c env=prod && python -m operations leftovers --env prod

`models prune` changes something, and `prepare` also costs money; no other command does. The
environments are those of cdk.json. Credentials and Region are the caller's, as in the AWS CLI.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0 if all is well, 1 if it found a problem, 2 if it could not run."""
    options = _parser().parse_args(arguments)
    return run_command(
        f"operations {options.command}",
        lambda: options.run(options),
        bad_input=(SettingsError, InputError, BotoCoreError, ClientError, ResponseParserError),
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m operations",
        description="Ask about an environment: before a deployment, while it runs, and after it.",
        epilog=_EXAMPLES,
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in _COMMANDS:
        added = command.add(commands)
        add_environment_options(added)
        added.add_argument("--json", action="store_true", help="print JSON")
        added.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
