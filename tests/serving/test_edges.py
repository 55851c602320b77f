"""What an emulator without AWS's edges would not show: each failed before it was mended."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud import Cloud, context, run
from tests.support.waiting import wait_for

pytestmark = pytest.mark.serving


@pytest.fixture
def network(cloud: Cloud) -> Iterator[dict[str, str]]:
    """Settings of a VPC with two subnets."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    # A VPC brings a default group, which is nobody's that a test could leave.
    cloud._before = cloud.there()
    yield {"network.vpc": vpc, "network.subnets": ",".join(subnets)}
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)


@pytest.fixture
def theirs(cloud: Cloud) -> Iterator[str]:
    """A role that is there before the environment; its ARN."""
    iam = cloud.client("iam")
    principal = {"Service": "sagemaker.amazonaws.com"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    # Not to make log groups: the endpoint's last line would bring its own back.
    logs = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    allow = {"Effect": "Allow", "Action": ["s3:*", "ec2:*", *logs], "Resource": "*"}
    role = iam.create_role(RoleName="Theirs", AssumeRolePolicyDocument=policy(trust))["Role"]
    iam.put_role_policy(RoleName="Theirs", PolicyName="All", PolicyDocument=policy(allow))
    cloud._before = cloud.there()
    yield str(role["Arn"])
    iam.delete_role_policy(RoleName="Theirs", PolicyName="All")
    iam.delete_role(RoleName="Theirs")


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_in_a_vpc_an_environment_is_destroyed_and_deployed_again(
    cloud: Cloud, corpus: Path, network: dict[str, str]
) -> None:
    """Its last log line, its interfaces and what the tagging API still lists stand in no way."""
    settings = {"prepared": str(corpus), "project": "edge", "model.num_topics": "5", **network}
    settings["notices"] = "me@example.com"
    options = context(settings)
    for _ in range(2):
        cloud.deployed(*options)
        done = cloud.cdk("destroy", "--force", *options)
        assert done.returncode == 0, done.stdout
        # As `make destroy` does.
        leftovers = (sys.executable, "-m", "operations", "leftovers", *options)
        done = run(*leftovers, environment=cloud.environment)
        assert done.returncode == 0, done.stdout
        assert done.stdout.strip() == "edge-dev: nothing is left"


def test_a_role_of_ones_own_is_taken_by_the_endpoint_first(
    cloud: Cloud, corpus: Path, theirs: str
) -> None:
    """CloudFormation deletes no export in use; preflight says so, and what to do works."""
    options = context({"prepared": str(corpus), "project": "own", "model.num_topics": "5"})
    with_role = [*options, "-c", f"role={theirs}"]
    cloud.deployed(*options)
    done = cloud.deploy(*with_role)
    assert done.returncode != 0
    assert "cannot be deleted as it is in use by own-dev-serving" in done.stdout
    preflight = (sys.executable, "-m", "operations", "preflight", *with_role)
    done = run(*preflight, environment=cloud.environment)
    assert done.returncode == 1
    assert "fail  changes: role is set" in done.stdout
    assert "`cdk deploy own-dev-serving --exclusively`" in done.stdout
    first = ("cdk", "deploy", "own-dev-serving", "--exclusively", "--require-approval", "never")
    folder = ("--output", str(cloud.out / "cdk.out"))
    done = run(*first, *folder, *with_role, environment=cloud.environment)
    assert done.returncode == 0, done.stdout
    cloud.deployed(*with_role)
    done = run(*preflight, environment=cloud.environment)
    assert "pass  changes" in done.stdout
    cloud.destroyed(*with_role)


def test_permissions_that_are_seconds_old_fail_no_deployment(cloud: Cloud, corpus: Path) -> None:
    options = context({"prepared": str(corpus), "project": "young", "model.num_topics": "5"})
    switch = (sys.executable, "-m", "local_aws", "switch", "iam.young")
    assert run(*switch, "8", environment=cloud.environment).returncode == 0
    try:
        cloud.deployed(*options)
        cloud.deployed(*options, "-c", "model.num_topics=4")
    finally:
        assert run(*switch, "0", environment=cloud.environment).returncode == 0
    cloud.destroyed(*options)


def test_an_account_that_knows_github_keeps_its_provider(cloud: Cloud) -> None:
    github = (
        "cdk",
        "deploy",
        "--require-approval",
        "never",
        "--app",
        "python3 -m toolchain.github_oidc",
    )
    asked = context({"repository": "a/b", "github.ids": "1/2"})
    first = run(*github, *asked, environment=cloud.environment)
    assert first.returncode == 0, first.stdout
    other = (*asked, "-c", "project=second")
    done = run(*github, *other, environment=cloud.environment)
    assert "already exists" in done.stdout
    cloud.client("cloudformation").delete_stack(StackName="second-github")
    wait_for(lambda: "second-github" not in [thing.name for thing in cloud.left()])
    done = run(*github, *other, "-c", "github.provider=existing", environment=cloud.environment)
    assert done.returncode == 0, done.stdout
