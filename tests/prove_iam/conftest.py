"""An environment with every setting that adds a permission, by the real CDK CLI."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.glue import spark
from tests.support.cloud import FULL_ENDPOINT, bootstrapped, context, corpus
from tests.support.cloud import PROJECT as FOLDER
from tests.support.spark_stub import write_environment

from . import table
from .stage import PROJECT, Stage

__all__ = ["corpus"]

SOURCE = "s3://corpora/news"

EVERYTHING = {
    "project": PROJECT,
    "model.num_topics": "5",
    "encryption_key": "create",
    "notices": "me@example.com",
    "preparation.source": SOURCE,
    **FULL_ENDPOINT,
}


def options(corpus: Path, **settings: str) -> list[str]:
    return context(EVERYTHING | {"prepared": str(corpus)} | settings)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """With plain Python in the place of Spark."""
    with pytest.MonkeyPatch.context() as patch:
        folder = write_environment(tmp_path_factory.mktemp("spark") / "environment")
        patch.setenv(spark.VARIABLE, str(folder))
        with bootstrapped() as variables:
            yield variables


@pytest.fixture(scope="session")
def source(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A corpus in S3, which is there before the environment."""
    s3 = Stage(environment, tmp_path_factory.mktemp("source")).client("s3")
    s3.create_bucket(Bucket="corpora")
    text = "".join(f'{{"body": "a few words of text {number}"}}\n' for number in range(40))
    s3.put_object(Bucket="corpora", Key="news/0.jsonl", Body=text.encode())


@pytest.fixture(scope="session")
def network(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Settings of a VPC with two subnets, which are there before the environment."""
    ec2 = Stage(environment, tmp_path_factory.mktemp("network")).client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    return {"network.vpc": vpc, "network.subnets": ",".join(subnets)}


@pytest.fixture(scope="session")
def stage(
    environment: dict[str, str],
    corpus: Path,
    network: dict[str, str],
    source: None,
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
def rows(request: pytest.FixtureRequest) -> Iterator[list[table.Row]]:
    """What was proved; a whole run in which all is well writes it to `docs`."""
    found: list[table.Row] = []
    yield found
    if os.environ.get("PERMISSIONS_TABLE") and not request.session.testsfailed:
        table.write(FOLDER / "docs/permissions.md", found)
