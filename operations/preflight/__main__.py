"""The command line: `python -m operations.preflight`."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import cache
from itertools import chain

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from cli.arguments import Parser, run_command
from operations.options import add_environment_options
from operations.preflight import offline, online
from operations.preflight.findings import Finding, Status, Target, failed, warned
from operations.region import region_of
from stacks.settings import Settings, SettingsError, load, read_context

OFFLINE = (offline.image, offline.instance_types, offline.data)
ONLINE = (
    online.separation,
    online.bootstrap,
    online.stacks,
    online.changes,
    online.bucket,
    online.role,
    online.endpoint,
    online.logs,
    online.quotas,
)
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

_EXAMPLES = """\
examples:
  python -m operations.preflight
  python -m operations.preflight --env prod && cdk deploy --all -c env=prod
  python -m operations.preflight --env prod --json

Each line passes, warns or fails; a line that does not pass says what to do. The exit code is 0
when nothing fails, 1 when something does, 2 for wrong use. Nothing is changed, nothing is spent.
"""


def main(arguments: list[str] | None = None) -> int:
    """Print what the checks find; 0 when none fails, 1 when one does, 2 when the input is bad."""
    options = _parser().parse_args(arguments)
    return run_command(
        "operations.preflight", lambda: _check(options), bad_input=(SettingsError, BotoCoreError)
    )


def _check(options: argparse.Namespace) -> int:
    context = read_context(options.env, options.context)
    settings = load(context)
    others = [load(context | {"env": env}) for env in context["environments"]]
    target = _target(settings, tuple(other for other in others if other.env != settings.env))
    found = _shown(run(target)) if not options.json else list(run(target))
    if options.json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    return int(any(finding.status is Status.FAIL for finding in found))


def run(target: Target) -> Iterator[Finding]:
    """What the checks find, in their order; in a wrong account AWS is asked no further."""
    for check in OFFLINE:
        yield from check(target)
    try:
        first = list(online.identity(target))
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        yield failed("identity", f"AWS does not know the caller: {error}", "sign in, and try again")
        return
    yield from first
    if any(finding.status is Status.FAIL for finding in first):
        return
    yield from chain.from_iterable(_asked(check.__name__, check(target)) for check in ONLINE)


def _asked(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            yield failed(name, f"not known: {error}", "try again")
        else:
            yield warned(name, f"not known: {error}", "have the caller be allowed to look")
    except (BotoCoreError, ResponseParserError) as error:
        yield failed(name, f"not known: {error}", "try again")


def _target(settings: Settings, others: tuple[Settings, ...]) -> Target:
    region = region_of(settings)
    session = boto3.Session(region_name=region)
    config = Config(retries={"mode": "standard", "max_attempts": 3})

    @cache
    def client(service: str) -> object:
        return session.client(service, config=config)  # type: ignore[call-overload]

    return Target(settings, region, client, others)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m operations.preflight",
        description="Check what would stop a deployment, before it spends anything.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_environment_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, not lines")
    return parser


def _shown(findings: Iterable[Finding]) -> list[Finding]:
    """Print each as soon as it is there."""
    found = []
    for finding in findings:
        found.append(finding)
        print(f"{finding.status}  {finding.check}: {finding.text}", flush=True)
        if finding.advice:
            print(f"      -> {finding.advice}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
