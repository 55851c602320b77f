from typing import Any

import pytest

from local_aws.autoscaling.tracking import decide
from local_aws.ministack.bridge import Scope
from local_aws.scalable_targets import Policy, Target

LONG = 3600.0  # seconds without a change


def wanted(
    current: int,
    out: float,
    inwards: float | None = None,
    quiet: float = LONG,
    suspended: dict[str, bool] | None = None,
    changed: bool = True,
    **config: Any,
) -> int:
    """What a policy with a target of 100 wants, of 2 to 6 instances."""
    target = Target(Scope("1", "r"), "endpoint/e/variant/v", 2, 6, suspended or {})
    if changed:
        target.activities.append({})
    request = {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 100.0, **config}}
    rates = (out, out if inwards is None else inwards)
    return decide(target, Policy("arn", request), current, rates, quiet)


@pytest.mark.parametrize(
    ("current", "rate", "count"),
    [
        (2, 100, 2),
        (2, 101, 3),
        (2, 300, 6),
        (2, 5000, 6),
        (4, 95, 4),
        (4, 89, 4),
        (4, 60, 3),
        (4, 0, 2),
    ],
)
def test_the_count_follows_the_rate_within_its_bounds(
    current: int, rate: float, count: int
) -> None:
    assert wanted(current, rate) == count


def test_a_short_lull_does_not_scale_in() -> None:
    assert wanted(4, out=0, inwards=100) == 4


def test_cool_downs_are_sixty_times_as_fast_as_on_aws() -> None:
    assert wanted(2, 300, quiet=4.9, ScaleOutCooldown=300) == 2
    assert wanted(2, 300, quiet=5.0, ScaleOutCooldown=300) == 6
    assert wanted(4, 0, quiet=29.9, ScaleInCooldown=1800) == 4
    assert wanted(4, 0, quiet=30.0, ScaleInCooldown=1800) == 2


def test_scaling_in_looks_at_fifteen_minutes_even_with_no_cool_down() -> None:
    assert wanted(4, 0, quiet=14.9, ScaleInCooldown=0) == 4
    assert wanted(4, 0, quiet=15.0, ScaleInCooldown=0) == 2


def test_the_first_scaling_out_has_nothing_to_cool_down_from() -> None:
    assert wanted(2, 300, quiet=0, changed=False) == 6


def test_what_is_suspended_or_disabled_does_not_happen() -> None:
    assert wanted(2, 300, suspended={"DynamicScalingOutSuspended": True}) == 2
    assert wanted(4, 0, suspended={"DynamicScalingInSuspended": True}) == 4
    assert wanted(4, 0, DisableScaleIn=True) == 4


def test_a_count_outside_the_bounds_is_brought_back() -> None:
    assert wanted(1, 100) == 2
    assert wanted(8, 100) == 6
