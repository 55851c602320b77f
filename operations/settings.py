"""`python -m operations settings`: print the settings, and where each value comes from."""

import argparse
import json
from dataclasses import asdict

from cli.arguments import Commands
from cli.tables import table
from stacks.settings.context import read_sources
from stacks.settings.load import effective
from stacks.settings.reference import reference
from stacks.settings.schema import schema

_EXAMPLES = """\
examples:
  python -m operations settings
  python -m operations settings --env prod --json
  python -m operations settings --env prod -c model.num_topics=20
  python -m operations settings --describe > docs/settings.md
  python -m operations settings --schema > stacks/settings/cdk.schema.json

The last one prints the JSON Schema that "$schema" in cdk.json names: with it editors complete,
check and explain settings.
"""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    parser = commands.add_parser(
        "settings",
        help="print the settings in effect, and where each comes from",
        description="Print the settings of an environment, and where each value comes from.",
        epilog=_EXAMPLES,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--describe", action="store_true", help="print what each setting is and what it may be"
    )
    form.add_argument("--schema", action="store_true", help="print the schema of cdk.json")
    return parser


def run(options: argparse.Namespace) -> None:
    """Print the settings in effect, or what all settings are."""
    if options.schema:
        print(json.dumps(schema(), indent=2))
        return
    if options.describe:
        print(reference(), end="")
        return
    found = effective(read_sources(options.env, options.context))
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        print(table([(one.key, _shown(one.value), one.origin) for one in found]))


def _shown(value: object) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)
