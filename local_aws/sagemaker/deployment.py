"""Check a DeploymentConfig and turn it into a plan: how an update moves to the new fleet.

Source: "Deployment guardrails for updating models in production" in the SageMaker developer guide.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.api.errors import invalid


@dataclass(frozen=True)
class Plan:
    """The steps of an update.

    Attributes:
        shares: The new fleet's share of the traffic after each step; the last is 1.
        rolling: Whether the sizes of the fleets follow the shares. If not, both are complete.
        baking: Seconds on AWS after each step, in which an alarm rolls the update back.
        termination: Seconds on AWS that the old fleet stays after the last step.
        alarms: The names of the alarms that roll the update back.
    """

    shares: tuple[float, ...] = (1.0,)
    rolling: bool = False
    baking: int = 0
    termination: int = 0
    alarms: tuple[str, ...] = ()


def plan(config: Mapping[str, Any], instances: int | None) -> Plan:
    """Return the plan of a DeploymentConfig.

    Args:
        config: As in the request; an empty one moves all traffic at once, without baking.
        instances: The lowest instance count of a variant; None for a serverless variant.

    Raises:
        ApiError: The config contradicts itself or needs more instances.
    """
    alarms = tuple(
        alarm["AlarmName"]
        for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    )
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green is not None and rolling is not None:
        raise invalid(
            "DeploymentConfig can have one of BlueGreenUpdatePolicy and RollingUpdatePolicy."
        )
    if rolling is not None:
        size = rolling["MaximumBatchSize"]
        made = Plan(
            _steps("MaximumBatchSize", size, 5, instances),
            rolling=True,
            baking=rolling["WaitIntervalInSeconds"],
            alarms=alarms,
        )
        if "RollbackMaximumBatchSize" in rolling:
            _check_size("RollbackMaximumBatchSize", rolling["RollbackMaximumBatchSize"], 5, 100)
        _check_time(made, rolling)
        return made
    if blue_green is None:
        return Plan(alarms=alarms)
    routing = blue_green["TrafficRoutingConfiguration"]
    made = Plan(
        _shares(routing, instances),
        baking=routing["WaitIntervalInSeconds"],
        termination=blue_green.get("TerminationWaitInSeconds", 0),
        alarms=alarms,
    )
    _check_time(made, blue_green)
    return made


def _shares(routing: Mapping[str, Any], instances: int | None) -> tuple[float, ...]:
    kind = routing["Type"]
    member = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    for name in ("CanarySize", "LinearStepSize"):
        if (name in routing) != (name == member):
            verb = "needs" if name == member else "cannot have"
            raise invalid(f"TrafficRoutingConfiguration of Type {kind} {verb} {name}.")
    if kind == "CANARY":
        return (_steps("CanarySize", routing["CanarySize"], 1, instances)[0], 1.0)
    if kind == "LINEAR":
        return _steps("LinearStepSize", routing["LinearStepSize"], 10, instances)
    return (1.0,)


def _steps(
    name: str, size: Mapping[str, Any], least: int, instances: int | None
) -> tuple[float, ...]:
    """Return the shares of batches of `size`: `least` to 50 per cent of all instances."""
    if instances is None:
        raise invalid(f"{name} is not supported for serverless variants.")
    if instances < 2:
        raise invalid(
            f"{name} must be at most 50% of the variant's total instance count, which is "
            f"{instances}; at least 2 instances are needed."
        )
    value = size["Value"]
    if size["Type"] == "CAPACITY_PERCENT":
        _check_size(name, size, least, 50)
        value = max(1, instances * value // 100)
    elif not least * instances <= value * 100 <= 50 * instances:
        raise invalid(
            f"{name} of {value} instances must be {least}% to 50% of the variant's total instance "
            f"count, which is {instances}."
        )
    ends = itertools.takewhile(lambda end: end < instances, itertools.count(value, value))
    return (*(end / instances for end in ends), 1.0)


def _check_size(name: str, size: Mapping[str, Any], least: int, most: int) -> None:
    if size["Type"] == "CAPACITY_PERCENT" and not least <= size["Value"] <= most:
        raise invalid(f"{name} of {size['Value']}% must be {least}% to {most}%.")


def _check_time(plan: Plan, policy: Mapping[str, Any]) -> None:
    waiting = plan.baking * len(plan.shares) + plan.termination
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    if limit is not None and limit <= waiting:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds of {limit} must be larger than the total waiting "
            f"time of {waiting} seconds."
        )
