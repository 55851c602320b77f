"""Through the CDK: an update under a constant load of 50 requests a second loses none of them."""

from pathlib import Path

import pytest

from tests.support.cloud import ONCE, Cloud, topics_of
from tests.support.load import constant

pytestmark = pytest.mark.e2e


def test_an_update_under_load_loses_no_request_and_a_broken_one_neither_and_says_why(
    cloud: Cloud, corpus: Path
) -> None:
    options = ["-c", f"prepared={corpus}", "-c", "project=loaded"]
    cloud.deployed(*options, "-c", "model.num_topics=5")
    ask = topics_of(cloud.client("sagemaker-runtime", ONCE), "loaded-dev", corpus)
    with constant(ask, per_second=50) as load:
        cloud.deployed(*options, "-c", "model.num_topics=3")
        the_end = load.now()
    assert load.seen() == {5, 3}
    assert load.seen(after=the_end) == {3}

    with cloud.armed("endpoint.no-ping"), constant(ask, per_second=50) as load:
        done = cloud.deploy(*options, "-c", "model.num_topics=4")
    assert done.returncode == 1
    assert "AllTraffic did not pass the ping health check" in done.stdout
    assert load.seen() == {3}
    cloud.destroyed(*options)
