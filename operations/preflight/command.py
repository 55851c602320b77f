"""`python -m operations preflight`: check what would stop a deployment."""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict

from cli.arguments import Commands
from operations.environment import clients, region_of
from operations.preflight.findings import Finding, Status, Target
from stacks.settings import Settings, load, read_context

_EXAMPLES = """\
examples:
  python -m operations preflight
  python -m operations preflight --env prod && cdk deploy --all -c env=prod
  python -m operations preflight --env prod --json

Each line passes, warns or fails; a line that does not pass says what to do. The exit code is 0
when nothing fails, 1 when something does, 2 for wrong use. Preflight changes nothing and costs
nothing.
"""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    return commands.add_parser(
        "preflight",
        help="check what would stop a deployment",
        description="Check what would stop a deployment, before it costs anything.",
        epilog=_EXAMPLES,
    )


def run(options: argparse.Namespace) -> int:
    """Print what the checks find; 0 when none fails, 1 when one does."""
    from operations.preflight.checks import check  # the CDK takes a second to import

    context = read_context(options.env, options.context)
    settings = load(context)
    others = [load(context | {"env": env}) for env in context["environments"]]
    target = _target(settings, tuple(other for other in others if other.env != settings.env))
    found = list(check(target)) if options.json else _print_each(check(target))
    if options.json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    return int(any(finding.status is Status.FAIL for finding in found))


def _target(settings: Settings, others: tuple[Settings, ...]) -> Target:
    region = region_of(settings)
    return Target(settings, region, clients(region, retries=3), others)


def _print_each(findings: Iterable[Finding]) -> list[Finding]:
    """Print each finding as soon as it is known; return them all."""
    found = []
    for finding in findings:
        found.append(finding)
        print(f"{finding.status}  {finding.check}: {finding.text}", flush=True)
        if finding.advice:
            print(f"      -> {finding.advice}", flush=True)
    return found
