"""`python -m operations follow`: show what a deployment does while one waits for it."""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from cli.arguments import Commands, command_after, shell_code
from cli.printable import printable, raw
from operations.environment import clients, region_of
from operations.follow.watchers import Endpoint, Job, Stacks, short
from stacks.settings import Settings, SettingsError, load, read_context

PERIOD = 2.0  # seconds between two looks
QUIET = 60.0  # seconds without a change after which nothing more is awaited
_RETRIES = 2
_REASON_CHARACTERS = 4000

_EXAMPLES = """\
examples:
  python -m operations follow --env prod -- cdk deploy --all -c env=prod
  python -m operations follow --env prod

With a COMMAND it runs the command, and its exit code is the command's. Without, it follows the
deployment that is under way, or the next one, until it ends: its exit code is then 0, or 1 if the
deployment failed. What it may not see it says once; it never stops a deployment.
"""


class Watcher(Protocol):
    """Tells what is new."""

    def look(self) -> Iterator[str]:
        """Yield a line for each thing that is new."""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    parser = commands.add_parser(
        "follow",
        help="show what a deployment does while it runs",
        description="Show what happens during a deployment: in its stacks, in the training job and "
        "its log, at the endpoint; and in the end why it failed.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "argv", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the deployment to run"
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """Follow a deployment; return the exit code of the command, or 1 if the deployment failed."""
    if options.json:
        raise SettingsError("follow prints no JSON")
    settings = load(read_context(options.env, options.context))
    following = Following(settings, region_of(settings))
    argv = command_after(options.argv)
    code = _run(argv, following) if argv else _wait(following)
    following.tell_reason(failed=code != 0)
    return code


class Following:
    """All watchers of an environment, and where their lines go."""

    def __init__(self, settings: Settings, region: str) -> None:
        client = clients(region, retries=_RETRIES)
        self.name = settings.name
        self.stacks = Stacks(settings, client)
        self._job = Job(settings, client)
        self._endpoint = Endpoint(settings, client)
        self._watchers: dict[str, Watcher] = {
            "stacks": self.stacks,
            "training jobs": self._job,
            "endpoint": self._endpoint,
        }
        self._unseen: set[str] = set()

    def look(self) -> bool:
        """Tell what is new; return whether there was anything."""
        told = False
        for what, watcher in self._watchers.items():
            try:
                for line in watcher.look():
                    _print(short(line))
                    told = True
            except (ClientError, BotoCoreError) as error:
                if what not in self._unseen:
                    self._unseen.add(what)
                    _print(short(f"the {what} can't be seen: {error}"))
            else:
                self._unseen.discard(what)
        return told

    def draw(self) -> None:
        """Draw what is under way, and for how long, in the last line of a terminal."""
        if not sys.stderr.isatty():
            return
        now = datetime.now(UTC)
        states = [(f"stack {stack}", since) for stack, since in self.stacks.under_way.items()]
        states += [each.state for each in (self._job, self._endpoint) if each.state]
        text = ", ".join(f"{what} {_time(now - since)}" for what, since in states)
        _write(f"\r\033[K{printable(short(text))}")

    def tell_reason(self, *, failed: bool) -> None:
        """Print why the deployment failed, once."""
        if failed and self.stacks.reason:
            _print(f"the deployment failed. {self.stacks.reason[:_REASON_CHARACTERS]}")


def _print(line: str) -> None:
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    _write(f"{clear}{datetime.now():%H:%M:%S} {printable(line)}\n")


def _write(text: str) -> None:
    stream = raw(sys.stderr)  # the text is safe already
    stream.write(text)
    stream.flush()


def _time(elapsed: timedelta) -> str:
    seconds = max(0, int(elapsed.total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"


def _run(argv: list[str], following: Following) -> int:
    """Run a command, and follow what it does; return its exit code."""
    following.look()  # what was there before is no news
    try:
        process = subprocess.Popen(argv)
    except OSError as error:
        raise SettingsError(f"{argv[0]}: {error.strerror}") from None
    with _signals_for(process):
        while True:
            try:
                code = process.wait(PERIOD)
                break
            except subprocess.TimeoutExpired:
                following.look()
    following.look()
    return shell_code(code)


@contextmanager
def _signals_for(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Leave interrupts to the command, which a terminal interrupts too; pass on other signals."""
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, end)


def _wait(following: Following) -> int:
    """Follow the deployment that is under way, or the next one, until it ends."""
    quiet = time.monotonic()
    looked = 0.0
    while True:
        if time.monotonic() - looked >= PERIOD:
            looked = time.monotonic()
            if following.look() or following.stacks.under_way:
                quiet = time.monotonic()
            elif following.stacks.has_failed:
                return 1
            elif time.monotonic() - quiet > QUIET:
                if not following.stacks.ended:
                    print(f"{following.name}: nothing is deployed at present", file=sys.stderr)
                return 0
        following.draw()
        time.sleep(0.5)
