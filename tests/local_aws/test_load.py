"""Under a constant load of 50 requests a second, an update loses none of them."""

from typing import Any

import pytest

from tests.support.load import constant

from .conftest import Cloud
from .hosting import (
    broken_model,
    configuration,
    deleted,
    in_service,
    model,
    topics_of,
    updated,
)


def shifting(**routing: Any) -> dict[str, Any]:
    """A blue/green policy that waits a minute, here a second, after each step."""
    traffic = {"WaitIntervalInSeconds": 60, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic}}


HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
POLICIES: dict[str, dict[str, Any]] = {
    "all at once": shifting(Type="ALL_AT_ONCE"),
    "canary": shifting(Type="CANARY", CanarySize=HALF),
    "rolling": {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 60}},
}


@pytest.mark.parametrize("policy", POLICIES)
def test_under_load_neither_an_update_nor_a_broken_one_loses_a_request(
    cloud: Cloud, role: str, bucket: str, policy: str
) -> None:
    count: dict[str, Any] = {"InitialInstanceCount": 1 if policy == "all at once" else 2}
    old, new = (configuration(cloud, model(cloud, role, bucket, n), **count) for n in (3, 2))
    broken = configuration(cloud, broken_model(cloud, role, bucket), **count)
    endpoint = in_service(cloud, old)
    with constant(topics_of(cloud, endpoint), per_second=50) as load:
        assert load.seen() == {3}
        after = updated(cloud, endpoint, new, DeploymentConfig=POLICIES[policy])
        assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", new)
        moved = load.now()
        after = updated(cloud, endpoint, broken, DeploymentConfig=POLICIES[policy])
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", new)
    assert "Failed to download model data from s3://data/model-" in after["FailureReason"]
    assert load.seen() == {2, 3}
    assert load.seen(after=moved) == {2}
    deleted(cloud, endpoint)
