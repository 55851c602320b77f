"""Evaluate an alarm on its own metric, period by period, as CloudWatch does.

MiniStack mixes all dimensions of a metric, takes all periods for one, and ignores missing data.
What follows a change of state (history, actions, composite alarms) is left to MiniStack.
"""

import time
from typing import Any

from ministack.services import cloudwatch

from local_aws.ministack import alarm_states


def apply() -> None:
    """Change MiniStack."""
    cloudwatch._evaluate_alarm = _evaluate


def _evaluate(alarm: dict[str, Any]) -> None:
    if not alarm.get("MetricName") or alarm["ComparisonOperator"] not in alarm_states.COMPARISONS:
        return
    dimensions = {d["Name"]: d["Value"] for d in alarm.get("Dimensions", [])}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points = cloudwatch._metrics.get(key) or []
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    values = [
        _statistic([p for p in points if start < p["Timestamp"] <= end], statistic)
        for start, end in alarm_states.periods(alarm, time.time())
    ]
    old, new = alarm["StateValue"], alarm_states.state(alarm, values)
    if new == old:
        return
    reason = (
        f"Threshold Crossed: {statistic} of the last periods, newest first: {values}; "
        f"{alarm['ComparisonOperator']} {alarm['Threshold']} is an alarm."
    )
    alarm |= {
        "StateValue": new,
        "StateReason": reason,
        "StateUpdatedTimestamp": int(time.time()),
    }
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _statistic(points: list[dict[str, Any]], statistic: str) -> float | None:
    if not points:
        return None
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    return None if value is None else float(value)
