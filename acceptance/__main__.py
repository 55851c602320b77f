"""The command line: `python -m acceptance`."""

import argparse
import contextlib
import datetime
import os
import platform
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from acceptance import estimate
from acceptance.cleanup import clean_up
from acceptance.interruptions import Interruptions
from acceptance.life import Step, steps
from acceptance.report import AS_EXPECTED, INTERRUPTED, NOT_REACHED, OTHERWISE, Outcome, Report
from acceptance.stage import PROJECT, Stage, Unexpected, make_stage
from cli.arguments import Parser, run_command
from data_prep.manifest import Manifest
from operations.cost.prices import find_prices
from operations.cost.quantities import items
from operations.environment import region_of
from stacks.settings import SettingsError, load, read_context
from topics.endpoint.state import EndpointError

BUILD = PROJECT / "build"
FOLDER = BUILD / "acceptance"
REPORT = BUILD / "acceptance.md"
EMBEDDED = "the embedded AWS"
CANARY = {
    "endpoint": {"instance_count": 2},
    "updates": {"strategy": "canary", "step_percent": 50, "wait_seconds": 180},
}
# Settings that the embedded AWS does not support.
NOT_LOCAL = ("account", "region", "permissions_boundary", "bootstrap_qualifier")
SUBNETS = re.compile(r"subnet-[0-9a-f]+(,subnet-[0-9a-f]+)+")
# The errors of a step's calls when AWS does something else than expected.
STEP_ERRORS = (Unexpected, EndpointError, ClientError, BotoCoreError, OSError)

_EXAMPLES = """\
examples:
  python -m acceptance --local                      on the embedded AWS, which costs nothing
  python -m acceptance --env dev                    on the account of the environment dev
  python -m acceptance --env dev --canary --notices me@example.com --yes

It needs a bootstrapped account and credentials that may deploy. First it prints what it costs and
how long it takes, and asks whether to go on. It creates an environment with a new name and destroys
it at the end, also after a failure, Ctrl-C or SIGTERM. The exit code is 0 if all went as expected
and nothing is left, 1 if not, 2 for wrong use.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the whole life of an environment; return the exit code."""
    options = _parser().parse_args(arguments)
    return run_command(
        "acceptance",
        lambda: _run(options),
        bad_input=(SettingsError, BotoCoreError, ClientError),
        failures=(Unexpected, *([_instance_error()] if options.local else [])),
    )


def _run(options: argparse.Namespace) -> int:
    with Interruptions() as interruptions, contextlib.ExitStack() as running:
        if options.local:
            running.enter_context(_embedded())
        stage = _make_stage(options)
        identity = stage.client("sts").get_caller_identity()
        life = steps(canary=options.canary)
        report = Report(
            stage.settings.name,
            f"{stage.settings.region} of {EMBEDDED if options.local else 'AWS'}",
            identity["Account"],
            _facts(options),
            stage.answers,
        )
        print(f"\n{identity['Arn']}, in {stage.settings.region}")
        print("\n".join(_estimate(stage, life)))
        print(
            f"{stage.settings.name} is destroyed at the end: your credentials must last until then."
        )
        print(f"The report goes to {REPORT}.")
        if not (options.yes or options.local or _agrees()):
            print("acceptance: nothing was done")
            return 1
        play(stage, life, report, interruptions)
    return int(not report.is_good)


def play(stage: Stage, life: Sequence[Step], report: Report, interruptions: Interruptions) -> None:
    """Run the steps, and then destroy everything, whatever happens."""
    try:
        try:
            live(stage, life, report)
        finally:
            interruptions.hold()
    finally:
        try:
            print(f"\n== Destroy what is left of {stage.settings.name}", flush=True)
            report.left = [f"{thing.kind} {thing.name}" for thing in clean_up(stage)]
        finally:
            REPORT.write_text(report.text(), encoding="utf-8")
            print(f"\n{report.text()}", flush=True)


def live(stage: Stage, life: Sequence[Step], report: Report) -> None:
    """Run the steps in their order, up to the first that does not go as expected."""
    for number, step in enumerate(life):
        print(f"\n== {step.title}", flush=True)
        started = time.monotonic()
        state, happened = INTERRUPTED, "the run was interrupted"
        try:
            state, happened = AS_EXPECTED, step.do(stage)
        except STEP_ERRORS as error:
            state, happened = OTHERWISE, str(error)
        except Exception as error:
            state, happened = OTHERWISE, f"{type(error).__name__}: {error}"
            raise
        finally:
            seconds = time.monotonic() - started
            report.outcomes.append(Outcome(step.title, step.expected, happened, state, seconds))
            if state != AS_EXPECTED:
                report.outcomes += [
                    Outcome(later.title, later.expected, "", NOT_REACHED)
                    for later in life[number + 1 :]
                ]
        print(f"-> {happened}", flush=True)
        if state != AS_EXPECTED:
            return


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m acceptance",
        description="Run the whole life of an environment on AWS, and report what AWS did.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--env",
        metavar="NAME",
        help="the environment whose account and tags to use (default: dev)",
    )
    parser.add_argument("--local", action="store_true", help="run on a new embedded AWS")
    parser.add_argument("--yes", action="store_true", help="do not ask before it costs money")
    costs_more = parser.add_argument_group("options that cost more")
    costs_more.add_argument(
        "--canary",
        action="store_true",
        help="two instances, updates in steps, and one update that an alarm rolls back",
    )
    costs_more.add_argument(
        "--vpc",
        type=_subnets,
        metavar="SUBNET,SUBNET",
        help="use these subnets of a VPC; they must reach S3 and CloudWatch Logs",
    )
    costs_more.add_argument(
        "--notices", metavar="MAIL", help="send a mail at the end of each job; this needs a KMS key"
    )
    return parser


def _subnets(text: str) -> list[str]:
    if not SUBNETS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} must be two subnets or more: subnet-1,subnet-2")
    return text.split(",")


@contextlib.contextmanager
def _embedded() -> Iterator[None]:
    """Start an embedded AWS, and point this process and its children at it."""
    from local_aws import instance

    with instance.running() as started:
        environment = instance.without_aws(dict(os.environ)) | started.environment()
        os.environ.clear()
        os.environ.update(environment)
        print(f"{EMBEDDED}: https://127.0.0.1:{started.port}", flush=True)
        yield


def _instance_error() -> type[Exception]:
    from local_aws.instance import InstanceError

    return InstanceError


def _make_stage(options: argparse.Namespace) -> Stage:
    base = load(read_context(options.env, []))
    if options.local:
        base = base.model_copy(update=dict.fromkeys(NOT_LOCAL))
    region = region_of(base)
    # The second is for boto3, which does not read the first.
    os.environ |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    extra: dict[str, Any] = dict(CANARY) if options.canary else {}
    if options.notices:
        extra["notices"] = options.notices
    if options.vpc:
        subnets = boto3.client("ec2").describe_subnets(SubnetIds=options.vpc)["Subnets"]
        extra["network"] = {"vpc": subnets[0]["VpcId"], "subnets": options.vpc}
    stage = make_stage(FOLDER, base, region, f"acc-{secrets.token_hex(3)}", extra)
    if options.local:
        account = stage.client("sts").get_caller_identity()["Account"]
        done = stage.run("cdk", "bootstrap", f"aws://{account}/{region}")
        if done.code:
            raise Unexpected(f"the embedded AWS could not be bootstrapped:\n{done.last()}")
    return stage


def _estimate(stage: Stage, life: Sequence[Step]) -> Iterator[str]:
    corpus = Manifest.load(stage.settings.prepared)
    billed = list(items(stage.settings, corpus, requests=0, request_ms=1))
    region = str(stage.settings.region)
    products = [item.product for item in billed]
    price_list, problem = find_prices(products, region, BUILD / f"prices-{region}.json")
    if problem:
        print(f"acceptance: AWS gave no prices: {problem}", file=sys.stderr)
    yield from estimate.lines(billed, price_list, life)


def _agrees() -> bool:
    print("Go on? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _facts(options: argparse.Namespace) -> dict[str, str]:
    chosen = [f"--{name}" for name in ("canary", "vpc", "notices") if getattr(options, name)]
    return {
        "begun": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _output("git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"),
        "options": " ".join(chosen) or "none",
        "Python": platform.python_version(),
        "CDK": _output(str(PROJECT / "node_modules/.bin/cdk"), "--version"),
        "boto3": boto3.__version__,
    }


def _output(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not known"
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
