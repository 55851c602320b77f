import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from local_aws.sagemaker.traffic import BusyError, NobodyError, Traffic


def instance(variant: str = "AllTraffic", concurrency: int | None = None) -> Any:
    """A stand-in that can be told from another and used as a key."""
    return type("Standin", (SimpleNamespace,), {"__hash__": object.__hash__})(
        variant=variant, concurrency=concurrency
    )


def served(traffic: Traffic, times: int, variant: str | None = None) -> list[Any]:
    found = []
    for _ in range(times):
        with traffic.lease(variant) as one:
            found.append(one)
    return found


def test_equal_shares_take_turns() -> None:
    traffic, both = Traffic(), [instance(), instance()]
    traffic.route(dict.fromkeys(both, 0.5))
    assert served(traffic, 4) == both * 2


def test_a_share_is_kept_in_every_stretch() -> None:
    """A canary with a quarter of the traffic gets one of every four invocations."""
    traffic, old, new = Traffic(), instance("old"), instance("new")
    traffic.route({old: 0.75, new: 0.25})
    for _ in range(10):
        assert Counter(one.variant for one in served(traffic, 4)) == {"old": 3, "new": 1}


def test_whoever_has_no_share_gets_nothing() -> None:
    traffic, old, new = Traffic(), instance("old"), instance("new")
    traffic.route({old: 0.0, new: 1.0})
    assert {one.variant for one in served(traffic, 5)} == {"new"}


def test_a_variant_that_is_asked_for_by_name_serves() -> None:
    traffic, big, small = Traffic(), instance("big"), instance("small")
    traffic.route({big: 0.99, small: 0.01})
    assert served(traffic, 3, "small") == [small] * 3
    with pytest.raises(NobodyError):
        served(traffic, 1, "other")


def test_the_concurrency_is_a_bound_and_is_given_back() -> None:
    traffic, one = Traffic(), instance(concurrency=2)
    traffic.route({one: 1.0})
    with traffic.lease(None), traffic.lease(None), pytest.raises(BusyError):
        served(traffic, 1)
    assert served(traffic, 1) == [one]


def test_draining_waits_for_those_that_have_no_traffic_any_more() -> None:
    traffic, old, new = Traffic(), instance(), instance()
    traffic.route({old: 1.0})
    drained = threading.Event()

    def drain() -> None:
        traffic.drain([old], 60)
        drained.set()

    with traffic.lease(None) as busy:
        assert busy is old
        traffic.route({new: 1.0})
        draining = threading.Thread(target=drain)
        draining.start()
        assert served(traffic, 1) == [new]
        assert not drained.is_set()
    draining.join()
    assert drained.is_set()
