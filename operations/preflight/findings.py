"""What a check takes, and what it returns."""

from dataclasses import dataclass
from enum import StrEnum

from operations.environment import Clients
from stacks.settings import Settings


class Status(StrEnum):
    """The result of a check; a warning does not make preflight fail."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """A line of the report; if the check did not pass, `advice` says what to do."""

    check: str
    status: Status
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Target:
    """Where a deployment would go.

    Attributes:
        settings: The environment's settings.
        region: The Region of the settings, or the caller's.
        client: Makes a client of a service in that Region, with the caller's credentials.
        others: The settings of the other environments of `cdk.json`.
    """

    settings: Settings
    region: str
    client: Clients
    others: tuple[Settings, ...] = ()


def passed(check: str, text: str) -> Finding:
    """Report that a deployment can succeed."""
    return Finding(check, Status.PASS, text)


def warned(check: str, text: str, advice: str) -> Finding:
    """Report something to know that does not stop a deployment."""
    return Finding(check, Status.WARN, text, advice)


def failed(check: str, text: str, advice: str) -> Finding:
    """Report that a deployment would fail, or do harm."""
    return Finding(check, Status.FAIL, text, advice)
