"""The options that choose an environment, and its Region."""

import argparse

from cli.region import callers_region
from stacks.settings import Settings, SettingsError


def add_environment_options(parser: argparse.ArgumentParser) -> None:
    """Add `--env NAME` and `-c KEY=VALUE`; `read_context` takes what they hold."""
    parser.add_argument("--env", metavar="NAME", help="the environment (default: dev)")
    parser.add_argument(
        "-c",
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting, as in cdk; may be repeated",
    )


def region_of(settings: Settings) -> str:
    """Return the Region of the settings, or else the caller's.

    Raises:
        SettingsError: There is none.
        BotoCoreError: `AWS_PROFILE` names a profile that does not exist.
    """
    region = settings.region or callers_region()
    if region is None:
        raise SettingsError("no Region: set AWS_REGION, or region in cdk.json")
    return region
