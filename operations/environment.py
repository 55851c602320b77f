"""The options that choose an environment, its Region, and clients of AWS there."""

import argparse
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from cli.region import callers_region
from stacks.settings import Settings, SettingsError

Clients = Callable[[str], Any]


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


def clients(region: str | None, *, retries: int) -> Clients:
    """Return a function that makes a client of a service, only once for each service.

    Args:
        region: The clients' Region; if None, the caller's.
        retries: How often a client tries a request again.
    """
    session: Any = boto3.Session(region_name=region)
    config = Config(retries={"mode": "standard", "max_attempts": retries})

    @cache
    def client(service: str) -> Any:
        return session.client(service, config=config)

    return client


def pages(client: Any, operation: str, member: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Yield the entries of all pages of a list.

    Args:
        client: The client of a service.
        operation: Its method, which may answer all at once.
        member: The member of an answer with the entries; S3 leaves it out where there are none.
        **arguments: The request.
    """
    if not client.can_paginate(operation):
        yield from getattr(client, operation)(**arguments)[member]
        return
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(member, [])
