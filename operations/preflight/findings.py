"""What a check is given, and what it says."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stacks.settings import Settings


class Status(StrEnum):
    """How a check came out; a warning alone stops nothing."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """A line of the report; `advice` is what to do, of all that do not pass."""

    check: str
    status: Status
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Target:
    """Where a deployment would go.

    Attributes:
        settings: The environment's.
        region: The Region of the settings, or the caller's.
        client: Makes a client of a service there, with the caller's credentials.
        others: The settings of the other environments of `cdk.json`.
    """

    settings: Settings
    region: str
    client: Callable[[str], Any]
    others: tuple[Settings, ...] = ()


def passed(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, Status.PASS, text)


def warned(check: str, text: str, advice: str) -> Finding:
    """A deployment can succeed, and something is to be known."""
    return Finding(check, Status.WARN, text, advice)


def failed(check: str, text: str, advice: str) -> Finding:
    """A deployment would fail, or do harm."""
    return Finding(check, Status.FAIL, text, advice)
