"""Command line of the embedded AWS: run a command against it, or keep one up to work by hand."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from data_prep.arguments import whole_from
from local_aws import fault_route, instance
from local_aws.sagemaker.faults import FAULTS

FOLDER = Path(".local_aws")
EPILOG = """examples:
  python -m local_aws run -- cdk deploy --all     one command against a fresh instance
  python -m local_aws up                          keep one running, then
  eval "$(python -m local_aws env)"               point this shell at it, and
  python -m local_aws down                        stop it
  python -m local_aws fault add training.fail --reason "bad data"
                                                  let the next training job fail
"""
FAULT_EPILOG = "faults:\n" + "\n".join(f"  {name:26}{what}" for name, what in FAULTS.items())


def main(arguments: list[str] | None = None) -> int:
    """Parse `arguments` and do what they say; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local_aws",
        description="An AWS on this machine: real CDK CLI, IAM enforced, TLS on, no Docker.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start, run COMMAND against it, stop")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND...")
    commands.add_parser("up", help=f"start one that stays, in ./{FOLDER}")
    commands.add_parser("env", help="print the shell variables that point at it")
    commands.add_parser("down", help="stop it")
    _add_fault_command(
        commands.add_parser(
            "fault",
            help="let something go wrong in the running instance",
            epilog=FAULT_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "run":
            argv = chosen.argv[1:] if chosen.argv[:1] == ["--"] else chosen.argv
            if not argv:
                parser.error("run needs a command, for instance: run -- cdk deploy --all")
            return _run(argv)
        if chosen.command == "up":
            return _up()
        if chosen.command == "env":
            return _env()
        if chosen.command == "fault":
            return _fault(chosen)
        return _down()
    except instance.InstanceError as error:
        print(f"local_aws: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _add_fault_command(fault: argparse.ArgumentParser) -> None:
    actions = fault.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="arm a fault")
    add.add_argument("name", choices=FAULTS, metavar="NAME", help="see `fault --help`")
    add.add_argument("--reason", default="injected", help="what the fault says, where it says much")
    times = "how often it strikes (default: 1)"
    add.add_argument("--times", type=whole_from(1), default=1, help=times)
    seconds = "how long it takes, where that matters (default: 5)"
    add.add_argument("--seconds", type=whole_from(0), default=5, help=seconds)
    actions.add_parser("list", help="show the faults that are armed")
    actions.add_parser("clear", help="disarm all")


def _fault(chosen: argparse.Namespace) -> int:
    if chosen.action == "clear":
        fault_route.ask(FOLDER, "DELETE")
        return 0
    if chosen.action == "add":
        members = ("name", "reason", "times", "seconds")
        fault = {member: getattr(chosen, member) for member in members}
        fault_route.ask(FOLDER, "POST", fault)
        return 0
    for fault in fault_route.ask(FOLDER):
        print(f"{fault['name']}  times {fault['times']}  reason {fault['reason']!r}")
    return 0


def _run(argv: list[str]) -> int:
    with instance.running() as started:
        environment = instance.without_aws(dict(os.environ)) | started.environment()
        try:
            code = subprocess.run(argv, env=environment, check=False).returncode
        except OSError as error:
            raise instance.InstanceError(f"cannot run {argv[0]!r}: {error.strerror}") from None
    return code if code >= 0 else 128 - code  # as a shell reports a command killed by a signal


def _up() -> int:
    try:
        started = instance.find(FOLDER)
    except instance.InstanceError:
        started = instance.start(FOLDER)
    print(f"https://127.0.0.1:{started.port} (log: {started.log})")
    return 0


def _env() -> int:
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in instance.find(FOLDER).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _down() -> int:
    instance.stop(instance.find(FOLDER))
    return 0


if __name__ == "__main__":
    sys.exit(main())
