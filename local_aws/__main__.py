"""Command line of the embedded AWS: run a command against it, or keep one up to work by hand."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from local_aws import instance

FOLDER = Path(".local_aws")
EPILOG = """examples:
  python -m local_aws run -- cdk deploy --all     one command against a fresh instance
  python -m local_aws up                          keep one running, then
  eval "$(python -m local_aws env)"               point this shell at it, and
  python -m local_aws down                        stop it
"""


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
        return _down()
    except instance.InstanceError as error:
        print(f"local_aws: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


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
