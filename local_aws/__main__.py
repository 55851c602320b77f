"""Command line of the embedded AWS: run a command against it, or keep one up to work by hand."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from cli.arguments import Parser, command_after, run_command, shell_code, whole_from
from local_aws import fault_route, instance
from local_aws.faults import FAULTS
from local_aws.switches import SWITCHES

FOLDER = Path(".local_aws")
EPILOG = """examples:
  python -m local_aws run -- cdk deploy --all     one command against a fresh instance
  python -m local_aws up                          keep one running, then
  eval "$(python -m local_aws env)"               point this shell at it, and
  python -m local_aws down                        stop it
  python -m local_aws fault add training.fail --reason "bad data"
                                                  let the next training job fail
"""
SWITCH_EPILOG = "switches:\n" + "\n".join(
    f"  {name:20}{one.what}\n{'':22}({one.source})" for name, one in SWITCHES.items()
)
FAULT_EPILOG = "faults:\n" + "\n".join(f"  {name:26}{what}" for name, what in FAULTS.items())


class UsageError(ValueError):
    """Arguments that do not fit the command."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name and return the exit code."""
    options = _parser().parse_args(arguments)
    return run_command(
        "local_aws",
        lambda: options.run(options),
        bad_input=(UsageError,),
        failures=(instance.InstanceError,),
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m local_aws",
        description="Run an AWS on this machine, for the real CDK CLI and boto3. It enforces IAM,"
        " uses TLS and needs no Docker.",
        epilog=EPILOG,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("run", help="start an instance, run COMMAND against it, stop it")
    command.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND...")
    command.set_defaults(run=_run)
    for name, do, what in (
        ("up", _up, f"start an instance that stays, in ./{FOLDER}"),
        ("env", _env, "print the shell variables that point at the instance"),
        ("down", _down, "stop the instance"),
    ):
        commands.add_parser(name, help=what).set_defaults(run=do)
    _add_fault_commands(
        commands.add_parser(
            "fault",
            help="make something go wrong in the running instance",
            epilog=FAULT_EPILOG,
        )
    )
    switch = commands.add_parser(
        "switch",
        help="show or set delays and rules of AWS in the running instance",
        epilog=SWITCH_EPILOG,
    )
    switch.add_argument(
        "name", nargs="?", choices=SWITCHES, metavar="NAME", help="one of the switches below"
    )
    seconds = "the delay; 0 is off; where there is no delay, 1 is on"
    switch.add_argument("seconds", nargs="?", type=whole_from(0), metavar="SECONDS", help=seconds)
    _add_json(switch)
    switch.set_defaults(run=_switch)
    return parser


def _add_fault_commands(fault: argparse.ArgumentParser) -> None:
    actions = fault.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="arm a fault")
    add.add_argument("name", choices=FAULTS, metavar="NAME", help="see `fault --help`")
    add.add_argument(
        "--reason", default="injected", help="the fault's error message, if it has one"
    )
    times = "how often the fault happens (default: 1)"
    add.add_argument("--times", type=whole_from(1), default=1, help=times)
    seconds = "how long the fault takes, if it takes time (default: 5)"
    add.add_argument("--seconds", type=whole_from(0), default=5, help=seconds)
    add.set_defaults(run=_arm)
    listing = actions.add_parser("list", help="show the faults that are armed")
    _add_json(listing)
    listing.set_defaults(run=_list)
    clear = actions.add_parser("clear", help="disarm all faults and end those that take time")
    clear.set_defaults(run=_disarm)


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, not lines")


def _arm(options: argparse.Namespace) -> None:
    members = ("name", "reason", "times", "seconds")
    fault_route.ask(FOLDER, "POST", {member: getattr(options, member) for member in members})


def _list(options: argparse.Namespace) -> None:
    armed = fault_route.ask(FOLDER)
    if options.json:
        print(json.dumps(armed, indent=2))
        return
    for fault in armed:
        print(f"{fault['name']}  times {fault['times']}  reason {fault['reason']!r}")


def _disarm(_: argparse.Namespace) -> None:
    fault_route.ask(FOLDER, "DELETE")


def _switch(options: argparse.Namespace) -> None:
    path = fault_route.SWITCHES
    if options.name is None:
        found = fault_route.ask(FOLDER, path=path)
    elif options.seconds is None:
        raise UsageError(f"switch {options.name} needs SECONDS; 0 switches it off")
    else:
        content = {"name": options.name, "seconds": options.seconds}
        found = fault_route.ask(FOLDER, "POST", content, path)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, seconds in found.items():
        print(f"{name:20}{f'{seconds:g} s' if seconds else 'off'}")


def _run(options: argparse.Namespace) -> int:
    argv = command_after(options.argv)
    if not argv:
        raise UsageError("run needs a command, for instance: run -- cdk deploy --all")
    with instance.running() as started:
        environment = instance.without_aws(dict(os.environ)) | started.environment()
        try:
            code = subprocess.run(argv, env=environment, check=False).returncode
        except OSError as error:
            raise instance.InstanceError(f"cannot run {argv[0]!r}: {error.strerror}") from None
    return shell_code(code)


def _up(_: argparse.Namespace) -> None:
    try:
        started = instance.find(FOLDER)
    except instance.InstanceError:
        started = instance.start(FOLDER)
    print(f"https://127.0.0.1:{started.port} (log: {started.log})")


def _env(_: argparse.Namespace) -> None:
    variables = instance.find(FOLDER).environment()
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


def _down(_: argparse.Namespace) -> None:
    instance.stop(instance.find(FOLDER))


if __name__ == "__main__":
    sys.exit(main())
