from typing import Any

import pytest

from local_aws.api.errors import ApiError
from local_aws.sagemaker.deployment import Plan, plan


def blue_green(kind: str, wait: int = 60, **more: Any) -> dict[str, Any]:
    policy = {name: more.pop(name) for name in list(more) if name.endswith("Seconds")}
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **more}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **policy}}


def rolling(size: dict[str, Any], **more: Any) -> dict[str, Any]:
    policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": 60, **more}
    return {"RollingUpdatePolicy": policy}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def count(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def test_without_a_policy_all_traffic_moves_at_once_and_nothing_bakes() -> None:
    assert plan({}, 1) == Plan(shares=(1.0,), baking=0, termination=0)


def test_all_at_once_bakes_and_keeps_the_old_fleet() -> None:
    config = blue_green("ALL_AT_ONCE", 300, TerminationWaitInSeconds=120)
    assert plan(config, 1) == Plan(shares=(1.0,), baking=300, termination=120)


@pytest.mark.parametrize(
    ("size", "instances", "first"),
    [(percent(50), 2, 0.5), (percent(25), 4, 0.25), (percent(1), 4, 0.25), (count(2), 4, 0.5)],
)
def test_a_canary_is_whole_instances_and_then_comes_the_rest(
    size: dict[str, Any], instances: int, first: float
) -> None:
    assert plan(blue_green("CANARY", CanarySize=size), instances).shares == (first, 1.0)


@pytest.mark.parametrize(
    ("size", "instances", "shares"),
    [
        (percent(50), 2, (0.5, 1.0)),
        (percent(33), 3, (1 / 3, 2 / 3, 1.0)),
        (count(2), 5, (0.4, 0.8, 1.0)),
    ],
)
def test_linear_goes_on_in_steps_to_the_end(
    size: dict[str, Any], instances: int, shares: tuple[float, ...]
) -> None:
    made = plan(blue_green("LINEAR", LinearStepSize=size), instances)
    assert made.shares == pytest.approx(shares)
    assert not made.rolling


def test_rolling_replaces_batch_by_batch() -> None:
    made = plan(rolling(count(1)), 3)
    assert made.rolling
    assert made.shares == pytest.approx((1 / 3, 2 / 3, 1.0))


def test_alarms_are_those_of_the_automatic_rollback() -> None:
    config = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}}
    assert plan(config, 1).alarms == ("a", "b")


@pytest.mark.parametrize(
    ("config", "instances", "reason"),
    [
        (blue_green("CANARY", CanarySize=percent(50)), 1, "at least 2 instances are needed"),
        (rolling(percent(50)), 1, "at least 2 instances are needed"),
        (blue_green("CANARY", CanarySize=percent(51)), 4, "CanarySize of 51% must be 1% to 50%"),
        (blue_green("CANARY", CanarySize=count(3)), 4, "3 instances must be 1% to 50%"),
        (blue_green("LINEAR", LinearStepSize=percent(9)), 4, "of 9% must be 10% to 50%"),
        (rolling(percent(4)), 4, "MaximumBatchSize of 4% must be 5% to 50%"),
        (rolling(count(1), RollbackMaximumBatchSize=percent(4)), 4, "4% must be 5% to 100%"),
        (blue_green("CANARY"), 2, "Type CANARY needs CanarySize"),
        (blue_green("ALL_AT_ONCE", CanarySize=percent(10)), 2, "cannot have CanarySize"),
        (blue_green("CANARY", CanarySize=percent(10)), None, "not supported for serverless"),
        (blue_green("ALL_AT_ONCE") | rolling(percent(10)), 2, "can have one of"),
        (
            blue_green("CANARY", 300, CanarySize=percent(50), MaximumExecutionTimeoutInSeconds=600),
            2,
            "must be larger than the total waiting time of 600 seconds",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(
    config: dict[str, Any], instances: int | None, reason: str
) -> None:
    with pytest.raises(ApiError, match=reason):
        plan(config, instances)
