"""The pipeline's steps as they stand in its template, run against an embedded AWS.

That has no CodePipeline, so what CodePipeline does between our steps is done here: it hands over
artifacts, deploys the stacks of a stage, and gives each step its role.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import App
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError

from data_prep.manifest import Manifest
from local_aws.instance import ACCOUNT, REGION
from stacks.pipeline import build
from tests.e2e.conftest import PROJECT, Cloud, run
from tests.infra.conftest import write_corpus

pytestmark = pytest.mark.pipeline

BUCKET, PREFIX = "corpora", "team/sample"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DEFAULTS = {
    "num_topics": 5,
    "repository": "OWNER/NAME",
    "pipeline": {
        "connection": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/11112222-3333-4444",
        "source": f"s3://{BUCKET}/{PREFIX}",
        "vocab": "vocab.txt",
    },
}
SETUP = (
    "requirements.txt",
    "requirements-dev.txt",
    "constraints.txt",
    "package.json",
    "package-lock.json",
)


@pytest.fixture
def sample(cloud: Cloud, tmp_path: Path) -> Iterator[Path]:
    """A corpus as a team has it, in S3 beside what is none of ours."""
    folder = tmp_path / "sample"
    arguments = ["sample", "--out", str(folder), "--documents", "600", "--topics", "5"]
    done = run(sys.executable, "-m", "data_prep", *arguments, environment={})
    assert done.returncode == 0, done.stdout
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name in ("corpus.txt", "vocab.txt"):
        s3.upload_file(str(folder / name), BUCKET, f"{PREFIX}/{name}")
    s3.put_object(Bucket=BUCKET, Key="team/other.txt", Body=b"not ours")
    yield folder
    for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def checkout(folder: Path) -> Path:
    """A checkout that asks for a pipeline, and in which `make setup` has been done."""
    ignored = (".git", ".venv*", "node_modules", "build", "cdk.out", "tests", "__pycache__")
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*ignored))
    for name in (".venv", "node_modules"):
        (folder / name).symlink_to(PROJECT / name)
    for name in SETUP:
        os.utime(folder / name, (0, 0))  # older than what was made of them
    content = json.loads((folder / "cdk.json").read_text())
    content["context"]["defaults"] = DEFAULTS
    (folder / "cdk.json").write_text(json.dumps(content))
    return folder


class Step:
    """A step of the pipeline: its project, and what is named of what its role allows."""

    def __init__(self, template: Any, name: str) -> None:
        projects = [one["Properties"] for one in template.values() if is_project_of(one, name)]
        (self.project,) = projects
        spec = json.loads(self.project["Source"]["BuildSpec"])
        phases = [spec["phases"][phase] for phase in ("install", "build")]
        self.commands = [command for phase in phases for command in phase.get("commands", [])]
        role = self.project["ServiceRole"]["Fn::GetAtt"][0]
        policies = [
            one["Properties"]["PolicyDocument"]
            for one in template.values()
            if one["Type"] == "AWS::IAM::Policy" and {"Ref": role} in one["Properties"]["Roles"]
        ]
        # The others are for the artifacts and logs of the pipeline.
        self.statements = [
            statement
            for policy in policies
            for statement in policy["Statement"]
            if isinstance(statement["Resource"], str)
        ]


def is_project_of(resource: dict[str, Any], step: str) -> bool:
    return resource["Type"] == "AWS::CodeBuild::Project" and bool(
        resource["Properties"]["Description"].endswith(f"/{step}")
    )


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


def by_hand(project: Path, folder: Path) -> Any:
    """The resources of the pipeline that somebody deploys first, with another corpus at hand."""
    context = json.loads((project / "cdk.json").read_text())["context"]
    context["corpus"] = str(write_corpus(folder / "corpus"))
    app = App(context=context, outdir=str(folder / "cdk.out"))
    build(app)
    stack: Any = app.node.find_child("topic-model-pipeline")
    return Template.from_stack(stack).to_json()["Resources"]


def digests(folder: Path) -> list[str]:
    corpus = Manifest.load(folder)
    assert corpus.test is not None
    return [corpus.train.sha256, corpus.test.sha256]


def execute(step: Step, folder: Path, environment: dict[str, str]) -> str:
    done = run("sh", "-ec", "\n".join(step.commands), environment=environment, folder=folder)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_steps_prepare_the_corpus_make_the_stages_and_ask_the_endpoint(
    cloud: Cloud, sample: Path, roles: Roles, tmp_path: Path
) -> None:
    project = checkout(tmp_path / "project")
    template = by_hand(project, tmp_path / "by-hand")
    synth = Step(template, "Synth")
    environment = roles.assume("synth", synth.statements)
    execute(synth, project, environment | {"COMMIT": COMMIT})
    assembly = project / "cdk.out"
    assert {path.name for path in assembly.glob("assembly-*")} == {
        f"assembly-topic-model-pipeline-topic-model-{env}" for env in ("dev", "prod")
    }
    # The pipeline that comes out, and would deploy itself, has the step that made it.
    again = json.loads((assembly / "topic-model-pipeline.template.json").read_text())
    assert Step(again["Resources"], "Synth").commands == synth.commands
    apart = tmp_path / "apart"
    files = ["--corpus", f"{sample}/corpus.txt", "--vocab", f"{sample}/vocab.txt"]
    done = run(
        *(sys.executable, "-m", "data_prep", "convert", *files, "--out", str(apart)),
        environment={},
    )
    assert done.returncode == 0, done.stdout
    published = assembly.glob("asset.*.recordio")
    assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in published} == set(
        digests(apart)
    )
    assert digests(project / "build/corpus") == digests(apart)
    with pytest.raises(ClientError, match="AccessDenied"):
        client(environment, "s3").get_object(Bucket=BUCKET, Key="team/other.txt")

    stage = ["--app", str(assembly), "topic-model-pipeline/topic-model-dev/*"]
    done = run(
        *("cdk", "deploy", *stage, "--require-approval", "never"), environment=cloud.environment
    )
    assert done.returncode == 0, done.stdout

    smoke = Step({key: one for key, one in template.items() if "prod" not in key}, "Smoke")
    environment = roles.assume("smoke", smoke.statements)
    environment |= {"CODEBUILD_SRC_DIR_Synth_build_corpus": str(project / "build/corpus")}
    answers = execute(smoke, checkout(tmp_path / "asking"), environment)
    assert answers.count('"topic_mixture"') == 5
    with pytest.raises(ClientError, match="AccessDenied"):
        client(environment, "sagemaker").list_endpoints()

    # `cdk destroy` finds the stacks, since they are those that `cdk deploy` would have made.
    replace(cloud, folder=project).destroyed()


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


def test_a_corpus_that_is_not_there_fails_the_synthesis(
    cloud: Cloud, sample: Path, roles: Roles, tmp_path: Path
) -> None:
    """And makes no sample in its place, which would be deployed."""
    project = checkout(tmp_path / "project")
    cloud.client("s3").delete_object(Bucket=BUCKET, Key=f"{PREFIX}/corpus.txt")
    synth = Step(by_hand(project, tmp_path / "by-hand"), "Synth")
    environment = roles.assume("synth", synth.statements) | {"COMMIT": COMMIT}
    done = run("sh", "-ec", "\n".join(synth.commands), environment=environment, folder=project)
    assert done.returncode != 0
    assert "build/source/corpus.txt" in done.stdout
    assert not (project / "cdk.out").exists()
