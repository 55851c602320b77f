"""Faults that can be armed by name; each happens a given number of times.

The one place in a service where a fault happens asks for it with `strike`.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

# What can go wrong, as a user sees it.
FAULTS = {
    "training.fail": "the algorithm fails with --reason",
    "training.no-model": "the job completes and leaves no model",
    "training.hang": "the job trains until it is stopped, its time is up, or faults are cleared",
    "training.time-limit": "the job reaches its time limit at once",
    "training.stop": "somebody stops the job",
    "training.no-data": "the training data is gone when the job reads it",
    "training.capacity": "no instance is free for the job",
    "transform.fail": "the model fails on an object of a transform job, and logs --reason",
    "transform.payload": "a payload of a transform job is refused as too large",
    "transform.capacity": "no instance is free for the transform job",
    "create.quota": "CreateTrainingJob: the account's quota is 0",
    "quota.zero": "Service Quotas: the quota named by --reason is 0",
    "create.role-race": "CreateTrainingJob: SageMaker does not know the role yet",
    "create.throttle": "CreateTrainingJob: Rate exceeded",
    "describe.throttle": "DescribeTrainingJob: Rate exceeded",
    "event.lose": "the event of a job's end is never delivered",
    "event.duplicate": "the event of a job's end is delivered twice",
    "endpoint.no-ping": "an endpoint's new container does not answer pings",
    "endpoint.slow-start": "an endpoint's new container answers pings --seconds later",
    "endpoint.silent-rollback": "an update is rolled back, and CloudFormation reports success",
    "glue.memory": "a run of a Glue job: the driver has not enough memory",
    "glue.timeout": "a run of a Glue job reaches its time limit at once",
    "invoke.model-error": "InvokeEndpoint: the container answers 500 with --reason",
    "invoke.slow": "InvokeEndpoint: the container answers --seconds later",
    "invoke.throttle": "InvokeEndpoint: Rate exceeded",
    "invoke.not-ready": "InvokeEndpoint: the model is not ready",
}


@dataclass
class Fault:
    """An armed fault.

    Attributes:
        name: A key of `FAULTS`.
        reason: Its error message, if it has one.
        times: How often it will still happen.
        seconds: How long it takes, if it takes time.
        over: Set when faults are cleared, which ends a fault that takes time.
    """

    name: str
    reason: str
    times: int
    seconds: float
    over: threading.Event = field(default_factory=threading.Event)


_armed: list[Fault] = []
_struck: list[Fault] = []  # those that take time may not be over
_lock = threading.Lock()


def arm(name: str, reason: str = "injected", times: int = 1, seconds: float = 5) -> None:
    """Let a fault happen the next `times` times that it can.

    Raises:
        ValueError: There is no fault of that name.
    """
    if name not in FAULTS:
        raise ValueError(f"{name!r} is not a fault; the faults are {', '.join(FAULTS)}")
    with _lock:
        _armed.append(Fault(name, reason, times, seconds))


def armed() -> list[dict[str, Any]]:
    """Return the faults that will still happen."""
    members = ("name", "reason", "times", "seconds")
    with _lock:
        return [{member: getattr(fault, member) for member in members} for fault in _armed]


def clear() -> None:
    """Disarm all faults and end those that take time."""
    with _lock:
        for fault in _struck:
            fault.over.set()
        _armed.clear()
        _struck.clear()


def strike(name: str) -> Fault | None:
    """Use an armed fault once and return it; return None if it is not armed."""
    with _lock:
        fault = next((fault for fault in _armed if fault.name == name), None)
        if fault is None:
            return None
        _struck.append(fault)
        fault.times -= 1
        if fault.times == 0:
            _armed.remove(fault)
        return fault
