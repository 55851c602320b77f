"""The pipeline's steps as they stand in its template, run against an embedded AWS.

That has no CodePipeline, so what CodePipeline does between our steps is done here: it hands over
artifacts, deploys the stacks of a stage, and gives each step its role.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.instance import ACCOUNT, REGION
from tests.support.cloud import Cloud, run

from .steps import (
    BUCKET,
    COMMIT,
    DEFAULTS,
    PREFIX,
    STAYS_IN_S3,
    Step,
    by_hand,
    checkout,
    execute,
    write_sample,
)

pytestmark = pytest.mark.pipeline


@pytest.fixture
def sample(cloud: Cloud, tmp_path: Path) -> Iterator[Path]:
    """A corpus on the disk, and a team's bucket with what is none of ours."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="team/other.txt", Body=b"not ours")
    yield write_sample(tmp_path / "sample")
    for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


class Roles:
    """Credentials of roles that have the statements of a step and nothing else."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud, self._names = cloud, list[str]()

    def assume(self, name: str, statements: list[dict[str, Any]]) -> dict[str, str]:
        """The environment in which a step's commands run."""
        iam = self._cloud.client("iam")
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document([trust]))
        self._names.append(name)
        iam.put_role_policy(RoleName=name, PolicyName="Step", PolicyDocument=document(statements))
        answer = self._cloud.client("sts").assume_role(
            RoleArn=role["Role"]["Arn"], RoleSessionName="step"
        )["Credentials"]
        return self._cloud.environment | {
            "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
            "AWS_SESSION_TOKEN": answer["SessionToken"],
        }

    def remove(self) -> None:
        iam = self._cloud.client("iam")
        for name in self._names:
            iam.delete_role_policy(RoleName=name, PolicyName="Step")
            iam.delete_role(RoleName=name)


def document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def roles(cloud: Cloud) -> Iterator[Roles]:
    made = Roles(cloud)
    yield made
    made.remove()


def client(environment: dict[str, str], service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]  # the name is a variable
        service,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
        region_name=REGION,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        verify=environment["AWS_CA_BUNDLE"],
    )


def put_counts(sample: Path, cloud: Cloud) -> None:
    for name in ("corpus.txt", "vocab.txt"):
        cloud.client("s3").upload_file(str(sample / name), BUCKET, f"{PREFIX}/{name}")


def put_prepared(sample: Path, cloud: Cloud) -> None:
    files = ["--corpus", f"{sample}/corpus.txt", "--vocab", f"{sample}/vocab.txt"]
    done = run(
        *(sys.executable, "-m", "data_prep", "convert", *files, "--out", f"s3://{BUCKET}/{PREFIX}"),
        environment=cloud.environment,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("put", "defaults", "documents", "asked"),
    [(put_counts, DEFAULTS, 2, 5), (put_prepared, STAYS_IN_S3, 0, 1)],
    ids=["word counts", "a prepared corpus"],
)
def test_the_steps_make_a_stage_and_ask_its_endpoint_with_their_own_permissions_alone(
    put: Callable[[Path, Cloud], None],
    defaults: dict[str, Any],
    documents: int,
    asked: int,
    sample: Path,
    cloud: Cloud,
    roles: Roles,
    tmp_path: Path,
) -> None:
    put(sample, cloud)
    project = checkout(tmp_path / "project", defaults)
    template = by_hand(project, tmp_path / "by-hand")
    synth = Step(template, "Synth")
    environment = roles.assume("synth", synth.statements)
    done = execute(synth, project, environment | {"COMMIT": COMMIT})
    assert done.returncode == 0, done.stdout
    with pytest.raises(ClientError, match="AccessDenied"):
        client(environment, "s3").get_object(Bucket=BUCKET, Key="team/other.txt")

    assert len(list((project / "cdk.out").rglob("*.recordio"))) == documents
    stage = ["--app", str(project / "cdk.out"), "topic-model-pipeline/topic-model-dev/*"]
    done = run(
        *("cdk", "deploy", *stage, "--require-approval", "never"), environment=cloud.environment
    )
    assert done.returncode == 0, done.stdout

    smoke = Step({key: one for key, one in template.items() if "prod" not in key}, "Smoke")
    environment = roles.assume("smoke", smoke.statements)
    environment |= {"CODEBUILD_SRC_DIR_Synth_build_prepared": str(project / "build/prepared")}
    done = execute(smoke, checkout(tmp_path / "asking"), environment)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count('"topic_mixture"') == asked
    with pytest.raises(ClientError, match="AccessDenied"):
        client(environment, "sagemaker").list_endpoints()

    # `cdk destroy` finds the stacks, since they are those that `cdk deploy` would have made.
    replace(cloud, folder=project).destroyed()
