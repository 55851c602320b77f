"""The state of a CloudWatch alarm, computed from its metric.

Source: "How CloudWatch alarms evaluate missing data" in the Amazon CloudWatch user guide. On AWS a
period ends with a minute of the clock. Here it ends now, so an alarm fires as soon as its threshold
is crossed and no test waits for a minute to pass.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def periods(alarm: Mapping[str, Any], now: float) -> list[tuple[float, float]]:
    """Return the (start, end) of each period that counts, newest first, in seconds since 1970."""
    length, count = alarm["Period"], alarm["EvaluationPeriods"]
    return [(now - (n + 1) * length, now - n * length) for n in range(count)]


def state(alarm: Mapping[str, Any], values: Sequence[float | None]) -> str:
    """Return `OK`, `ALARM` or `INSUFFICIENT_DATA`.

    Args:
        alarm: As DescribeAlarms answers; it compares with a fixed threshold.
        values: The statistic of each period that counts; None if there is no data.
    """
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    known = [breaches(value, alarm["Threshold"]) for value in values if value is not None]
    missing = len(values) - len(known)
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    treat = alarm.get("TreatMissingData", "missing")
    if treat in ("breaching", "notBreaching"):
        known += [treat == "breaching"] * missing
    if treat == "missing":
        if not known:
            return "INSUFFICIENT_DATA"
        needed = min(needed, len(known))
    if known.count(True) >= needed:
        return "ALARM"
    if treat == "ignore" and known.count(True) + missing >= needed:
        return str(alarm["StateValue"])
    return "OK"
