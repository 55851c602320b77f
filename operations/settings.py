"""The command line: `python -m operations.settings`."""

import argparse
import json
import sys
from dataclasses import asdict

from cli.arguments import Parser, run_command
from operations.options import add_environment_options
from stacks.settings.context import SettingsError, read_sources
from stacks.settings.load import Effective, effective
from stacks.settings.schema import schema

_EXAMPLES = """\
examples:
  python -m operations.settings
  python -m operations.settings --env prod --json
  python -m operations.settings --env prod -c num_topics=20
  python -m operations.settings --schema > stacks/settings/cdk.schema.json

The last one is the JSON Schema that "$schema" in cdk.json names: editors complete and check
environments by it.
"""


def main(arguments: list[str] | None = None) -> int:
    """Print the settings in effect, or the schema; 0 when it is done, 2 when the input is bad."""
    options = _parser().parse_args(arguments)
    return run_command("operations.settings", lambda: _print(options), bad_input=(SettingsError,))


def _print(options: argparse.Namespace) -> None:
    if options.schema:
        print(json.dumps(schema(), indent=2))
        return
    found = effective(read_sources(options.env, options.context))
    print(json.dumps([asdict(one) for one in found], indent=2) if options.json else _table(found))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m operations.settings",
        description="Print the settings of an environment, and where each value comes from.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_environment_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument("--schema", action="store_true", help="print the schema of cdk.json")
    return parser


def _table(found: list[Effective]) -> str:
    rows = [(one.key, _shown(one.value), one.origin) for one in found]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{key:<{wide[0]}}  {value:<{wide[1]}}  {of}" for key, value, of in rows)


def _shown(value: object) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    sys.exit(main())
