"""An environment with every setting that adds a permission, by the real CDK CLI."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import PROJECT as FOLDER
from tests.e2e.conftest import corpus, environment

from . import table
from .stage import PROJECT, Stage

__all__ = ["corpus", "environment"]

EVERYTHING = {
    "project": PROJECT,
    "num_topics": "5",
    "encryption_key": "create",
    "notices": "me@example.com",
    "endpoint.instance_count": "2",
    "endpoint.capture_percent": "100",
    "endpoint.gate_tolerance": "0.001",
    "updates.strategy": "canary",
    "updates.step_percent": "50",
    "updates.wait_seconds": "120",
    "scaling.min_instances": "2",
    "scaling.max_instances": "3",
    "scaling.instance_type": "ml.m4.xlarge",
}


def options(corpus: Path, **settings: str) -> list[str]:
    chosen = EVERYTHING | {"corpus": str(corpus)} | settings
    return [word for key, value in chosen.items() for word in ("-c", f"{key}={value}")]


@pytest.fixture(scope="session")
def network(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Settings of a VPC with a subnet, which are there before the environment."""
    ec2 = Stage(environment, tmp_path_factory.mktemp("network")).client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    return {"network.vpc": vpc, "network.subnets": subnet}


@pytest.fixture(scope="session")
def stage(
    environment: dict[str, str],
    corpus: Path,
    network: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """The environment, deployed; destroyed at the end, which must leave nothing."""
    stage = Stage(environment, tmp_path_factory.mktemp("prove_iam"))
    chosen = options(corpus, **network)
    stage.deployed(*chosen)
    stage.prepare()
    yield stage
    stage.tidy()
    stage.destroyed(*chosen)


@pytest.fixture(scope="session")
def rows() -> Iterator[list[table.Row]]:
    """What was proved; a whole run writes it to `docs`."""
    found: list[table.Row] = []
    yield found
    if os.environ.get("PERMISSIONS_TABLE"):
        table.write(FOLDER / "docs/permissions.md", found)
