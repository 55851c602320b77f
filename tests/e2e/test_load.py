"""Through the CDK: an update under a constant load of 50 requests a second loses none of them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.config import Config

from tests.load import constant

from .conftest import Cloud, run

pytestmark = pytest.mark.e2e


def topics_of(cloud: Cloud, endpoint: str, corpus: Path) -> Callable[[], int]:
    """A function that invokes the endpoint once, without retries: how many topics answered."""
    words = json.loads((corpus / "manifest.json").read_text())["vocabulary"]["size"]
    body = json.dumps({"instances": [{"features": [1] * words}]})
    config = Config(max_pool_connections=50, retries={"total_max_attempts": 1})
    runtime = cloud.client("sagemaker-runtime", config)

    def ask() -> int:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=body
        )
        (prediction,) = json.load(answer["Body"])["predictions"]
        return len(prediction["topic_mixture"])

    return ask


def test_an_update_under_load_loses_no_request_and_a_broken_one_neither_and_says_why(
    cloud: Cloud, corpus: Path
) -> None:
    options = ["-c", f"corpus={corpus}", "-c", "project=loaded"]
    cloud.deployed(*options, "-c", "num_topics=5")
    ask = topics_of(cloud, "loaded-dev", corpus)
    with constant(ask, per_second=50) as load:
        cloud.deployed(*options, "-c", "num_topics=3")
        the_end = load.now()
    assert load.seen() == {5, 3}
    assert load.seen(after=the_end) == {3}

    fault = ("fault", "add", "endpoint.no-ping")
    armed = run(sys.executable, "-m", "local_aws", *fault, environment=cloud.environment)
    assert armed.returncode == 0, armed.stdout
    with constant(ask, per_second=50) as load:
        done = cloud.deploy(*options, "-c", "num_topics=4")
    assert done.returncode == 1
    assert "AllTraffic did not pass the ping health check" in done.stdout
    assert load.seen() == {3}
    cloud.destroyed(*options)
