"""`operations models` after deployments of several settings, some of which failed."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.cloud import Cloud, context, run, topics_of

pytestmark = pytest.mark.faults

NAME = "many"


def settings(corpus: Path, topics: int) -> Sequence[str]:
    chosen = {"prepared": str(corpus), "project": NAME, "model.num_topics": str(topics)}
    return context(chosen)


def models(cloud: Cloud, corpus: Path, *arguments: str) -> str:
    options = ["models", *arguments, *settings(corpus, 3)]
    done = run(sys.executable, "-m", "operations", *options, environment=cloud.environment)
    assert done.returncode == 0, done.stdout
    return done.stdout


def needed(cloud: Cloud, corpus: Path) -> dict[int, str | None]:
    """What needs each model, by its number of topics."""
    listed = json.loads(models(cloud, corpus, "--json"))
    return {each["num_topics"]: each["needed_by"] for each in listed}


def test_after_failed_deployments_no_model_is_pruned_that_the_endpoint_goes_back_to(
    cloud: Cloud, corpus: Path
) -> None:
    cloud.deployed(*settings(corpus, 3))
    with cloud.armed("training.fail", "--reason", "bad data"):
        assert cloud.deploy(*settings(corpus, 4)).returncode == 1
    assert needed(cloud, corpus) == {3: f"endpoint {NAME}-dev"}
    outputs = cloud.deployed(*settings(corpus, 4))
    assert needed(cloud, corpus) == {4: f"endpoint {NAME}-dev", 3: None}
    assert "deleted 1 model, " in models(cloud, corpus, "prune", "--keep", "0", "--yes")

    with cloud.armed("endpoint.no-ping"):
        assert cloud.deploy(*settings(corpus, 5)).returncode == 1
    assert needed(cloud, corpus) == {5: f"stack {NAME}-dev-training", 4: f"endpoint {NAME}-dev"}
    assert "nothing to delete of 2 models" in models(cloud, corpus, "prune", "--keep", "0", "--yes")
    jobs = cloud.job_names()
    assert cloud.deployed(*settings(corpus, 4)) == outputs
    assert cloud.job_names() == jobs, "what the endpoint serves was trained again"
    ask = topics_of(cloud.client("sagemaker-runtime"), outputs["EndpointName"], corpus)
    assert ask() == 4

    assert needed(cloud, corpus) == {5: None, 4: f"endpoint {NAME}-dev"}
    assert "deleted 1 model, " in models(cloud, corpus, "prune", "--older-than", "0", "--yes")
    assert needed(cloud, corpus) == {4: f"endpoint {NAME}-dev"}
    cloud.destroyed(*settings(corpus, 4))
