"""The tables of "How CloudWatch alarms evaluate missing data", and bounds."""

from typing import Any

import pytest

from local_aws.ministack import alarm_states

BREACH, FINE, GONE = 9.0, 0.0, None


def alarm(periods: int, needed: int | None = None, treat: str = "missing") -> dict[str, Any]:
    return {
        "Period": 60,
        "EvaluationPeriods": periods,
        **({} if needed is None else {"DatapointsToAlarm": needed}),
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": treat,
        "StateValue": "RETAINED",
    }


@pytest.mark.parametrize(
    ("values", "missing", "ignore", "breaching", "not_breaching"),
    [
        ([FINE, BREACH, BREACH], "OK", "OK", "OK", "OK"),
        ([BREACH, BREACH, BREACH], "ALARM", "ALARM", "ALARM", "ALARM"),
        ([FINE, GONE, GONE], "OK", "OK", "OK", "OK"),
        ([GONE, GONE, GONE], "INSUFFICIENT_DATA", "RETAINED", "ALARM", "OK"),
        ([GONE, BREACH, GONE], "ALARM", "RETAINED", "ALARM", "OK"),
    ],
)
def test_three_of_three(
    values: list[float | None], missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    treatments = ("missing", "ignore", "breaching", "notBreaching")
    states = [alarm_states.state(alarm(3, treat=treat), values) for treat in treatments]
    assert states == [missing, ignore, breaching, not_breaching]


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([FINE, BREACH, BREACH], "ALARM"),
        ([FINE, FINE, BREACH], "OK"),
        ([FINE, BREACH, GONE], "OK"),
        ([BREACH, GONE, GONE], "ALARM"),
    ],
)
def test_two_of_three(values: list[float | None], state: str) -> None:
    assert alarm_states.state(alarm(3, 2), values) == state


@pytest.mark.parametrize(
    ("operator", "states"),
    [
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
    ],
)
def test_the_threshold_itself_belongs_to_or_equal_alone(operator: str, states: list[str]) -> None:
    definition = alarm(1) | {"ComparisonOperator": operator}
    assert [alarm_states.state(definition, [value]) for value in (4.0, 5.0, 6.0)] == states


def test_periods_end_now_and_do_not_overlap() -> None:
    assert alarm_states.periods(alarm(3), 1000.0) == [
        (940.0, 1000.0),
        (880.0, 940.0),
        (820.0, 880.0),
    ]
