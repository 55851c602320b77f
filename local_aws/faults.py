"""Faults that the service commits on request: armed by name, each used up by what it strikes.

One place in the service asks for each, by `strike`.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

# What can go wrong, and how it looks from outside.
FAULTS = {
    "training.fail": "the algorithm fails, with the reason given",
    "training.no-model": "the job completes and leaves no model",
    "training.hang": "the job trains until it is stopped, its time is up or faults are cleared",
    "training.time-limit": "the job's time is up at once",
    "training.stop": "somebody stops the job",
    "training.no-data": "the training data is gone when the job looks for it",
    "training.capacity": "there is no instance for the job",
    "create.quota": "CreateTrainingJob: the account's quota is 0",
    "quota.zero": "Service Quotas: the quota that the reason names is 0",
    "create.role-race": "CreateTrainingJob: the role is not known yet",
    "create.throttle": "CreateTrainingJob: Rate exceeded",
    "describe.throttle": "DescribeTrainingJob: Rate exceeded",
    "event.lose": "the event of a job's end is never delivered",
    "event.duplicate": "the event of a job's end is delivered twice",
    "endpoint.no-ping": "an endpoint's new container does not answer pings",
    "endpoint.slow-start": "an endpoint's new container answers pings --seconds later",
    "endpoint.silent-rollback": "an update is rolled back and CloudFormation takes it for done",
    "invoke.model-error": "InvokeEndpoint: the container answers 500, with the reason given",
    "invoke.slow": "InvokeEndpoint: the container answers --seconds later",
    "invoke.throttle": "InvokeEndpoint: Rate exceeded",
    "invoke.not-ready": "InvokeEndpoint: the model is not ready",
}


@dataclass
class Fault:
    """An armed fault.

    Attributes:
        name: A key of `FAULTS`.
        reason: What it says, where it says much.
        times: How often it is still to strike.
        seconds: How long it takes, where it takes long.
        over: Set when the faults are cleared, which ends one that takes long.
    """

    name: str
    reason: str
    times: int
    seconds: float
    over: threading.Event = field(default_factory=threading.Event)


_armed: list[Fault] = []
_struck: list[Fault] = []  # and perhaps not over
_lock = threading.Lock()


def arm(name: str, reason: str = "injected", times: int = 1, seconds: float = 5) -> None:
    """Let the fault strike the next `times` times that it can.

    Raises:
        ValueError: There is no such fault.
    """
    if name not in FAULTS:
        raise ValueError(f"{name!r} is no fault")
    with _lock:
        _armed.append(Fault(name, reason, times, seconds))


def armed() -> list[dict[str, Any]]:
    """The faults that are still to strike."""
    members = ("name", "reason", "times", "seconds")
    with _lock:
        return [{member: getattr(fault, member) for member in members} for fault in _armed]


def clear() -> None:
    """Disarm all, and end those that take long."""
    with _lock:
        for fault in _struck:
            fault.over.set()
        _armed.clear()
        _struck.clear()


def strike(name: str) -> Fault | None:
    """An armed fault, which is so used once; None when there is none."""
    with _lock:
        fault = next((fault for fault in _armed if fault.name == name), None)
        if fault is None:
            return None
        _struck.append(fault)
        fault.times -= 1
        if fault.times == 0:
            _armed.remove(fault)
        return fault
