"""Environments side by side, in one account and Region."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from operations.leftovers import left_of
from stacks.settings import load
from tests.support.cloud import PROJECT, Cloud

from .test_deployment import predict

pytestmark = pytest.mark.e2e


def checkout(folder: Path, corpus: Path) -> None:
    """A checkout in which `cdk.json` alone is edited: defaults, and another environment."""
    folder.mkdir()
    for name in ("app.py", "stacks", "data_prep"):
        (folder / name).symlink_to(PROJECT / name)
    shutil.copy(PROJECT / "cdk.json", folder)
    edited = json.loads((folder / "cdk.json").read_text())
    edited["context"]["defaults"] = {
        "project": "pair",
        "prepared": str(corpus),
        "owner": "Search",
        "model": {"num_topics": 5},
    }
    edited["context"]["environments"] = {"dev": {}, "dev-2": {"model": {"num_topics": 3}}}
    (folder / "cdk.json").write_text(json.dumps(edited))


def test_two_environments_live_beside_each_other(
    cloud: Cloud, corpus: Path, tmp_path: Path
) -> None:
    """The second is deployed, serves and goes, and the first does not notice."""
    checkout(tmp_path / "checkout", corpus)
    cloud = replace(cloud, folder=tmp_path / "checkout")
    first = cloud.deployed("-c", "env=dev")
    jobs = cloud.job_names()
    second = cloud.deployed("-c", "env=dev-2")
    assert {first["EndpointName"], second["EndpointName"]} == {"pair-dev", "pair-dev-2"}
    assert not set(first.values()) & set(second.values())
    assert len(cloud.job_names()) == len(jobs) + 1
    assert len(predict(cloud, "pair-dev", corpus)[0]["topic_mixture"]) == 5
    assert len(predict(cloud, "pair-dev-2", corpus)[0]["topic_mixture"]) == 3

    for command in ("diff", "drift"):
        done = cloud.cdk(command, "--fail", "-c", "env=dev")
        assert done.returncode == 0, done.stdout

    context = json.loads((cloud.folder / "cdk.json").read_text())["context"]
    done = cloud.cdk("destroy", "--force", "-c", "env=dev-2")
    assert done.returncode == 0, done.stdout
    assert left_of(load(context | {"env": "dev-2"}), cloud.client) == []
    assert left_of(load(context | {"env": "dev"}), cloud.client) != []
    assert cloud.deployed("-c", "env=dev") == first
    assert len(cloud.job_names()) == len(jobs) + 1, "the first has trained again"
    assert len(predict(cloud, "pair-dev", corpus)[0]["topic_mixture"]) == 5
    done = cloud.cdk("destroy", "--force", "-c", "env=dev")
    assert done.returncode == 0, done.stdout
    assert left_of(load(context | {"env": "dev"}), cloud.client) == []
