"""Under a constant load of 50 requests a second, an update loses none of them."""

from typing import Any

import pytest

from tests.load import constant

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
POLICIES = {
    "none": {},
    "canary": shifting(Type="CANARY", CanarySize=HALF),
    "linear": shifting(Type="LINEAR", LinearStepSize=HALF),
    "rolling": {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 60}},
}


@pytest.mark.parametrize("policy", POLICIES)
def test_an_update_under_load_loses_no_request_and_ends_with_the_new_model(
    cloud: Cloud, role: str, bucket: str, policy: str
) -> None:
    old, new = (
        configuration(cloud, model(cloud, role, bucket, topics), InitialInstanceCount=2)
        for topics in (3, 2)
    )
    endpoint = in_service(cloud, old)
    deployment = {"DeploymentConfig": POLICIES[policy]} if POLICIES[policy] else {}
    with constant(topics_of(cloud, endpoint), per_second=50) as load:
        assert load.seen() == {3}
        after = updated(cloud, endpoint, new, **deployment)
        the_end = load.now()
    assert after["EndpointConfigName"] == new
    assert load.seen() == {2, 3}
    assert load.seen(after=the_end) == {2}
    deleted(cloud, endpoint)


@pytest.mark.parametrize("policy", ["none", "rolling"])
def test_a_broken_update_under_load_loses_no_request_and_says_why(
    cloud: Cloud, role: str, bucket: str, policy: str
) -> None:
    old = configuration(cloud, model(cloud, role, bucket, 3), InitialInstanceCount=2)
    new = configuration(cloud, broken_model(cloud, role, bucket), InitialInstanceCount=2)
    endpoint = in_service(cloud, old)
    deployment = {"DeploymentConfig": POLICIES[policy]} if POLICIES[policy] else {}
    with constant(topics_of(cloud, endpoint), per_second=50) as load:
        after = updated(cloud, endpoint, new, **deployment)
    assert load.seen() == {3}
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", old)
    assert "Failed to download model data from s3://data/model-" in after["FailureReason"]
    deleted(cloud, endpoint)
