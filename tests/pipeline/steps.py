"""The pipeline's steps, as they stand in its template, and a checkout that they run in."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App
from aws_cdk.assertions import Template

from local_aws.instance import ACCOUNT, REGION
from tests.support.cloud import PROJECT, run
from tests.support.synthesis import write_corpus
from toolchain.pipeline import build

BUCKET, PREFIX = "corpora", "team/sample"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DEFAULTS: dict[str, Any] = {
    "model": {"num_topics": 5},
    "repository": "OWNER/NAME",
    "pipeline": {
        "connection": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/11112222-3333-4444",
        "source": f"s3://{BUCKET}/{PREFIX}",
        "vocab": "vocab.txt",
    },
}
STAYS_IN_S3 = DEFAULTS | {
    "pipeline": {**DEFAULTS["pipeline"], "corpus": "", "vocab": ""},
}
SETUP = (
    "locks/deploy.txt",
    "locks/dev.txt",
    "package.json",
    "package-lock.json",
)


def write_sample(folder: Path) -> Path:
    """A corpus as a team has it: text."""
    arguments = ["sample", "--out", str(folder), "--documents", "600", "--num-topics", "5"]
    done = run(sys.executable, "-m", "data_prep", *arguments, environment={})
    assert done.returncode == 0, done.stdout
    return folder


def checkout(folder: Path, defaults: dict[str, Any] = DEFAULTS) -> Path:
    """A checkout that asks for a pipeline, and in which `make setup` has been done."""
    ignored = (".git", ".venv*", "node_modules", "build", "cdk.out", "tests", "__pycache__")
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*ignored))
    for name in (".venv", "node_modules"):
        (folder / name).symlink_to(PROJECT / name)
    for name in SETUP:
        os.utime(folder / name, (0, 0))  # older than what was made of them
    content = json.loads((folder / "cdk.json").read_text())
    content["context"]["defaults"] = defaults
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


def by_hand(project: Path, folder: Path) -> Any:
    """The resources of the pipeline that somebody deploys first, with another corpus at hand."""
    context = json.loads((project / "cdk.json").read_text())["context"]
    context["prepared"] = str(write_corpus(folder / "corpus"))
    app = App(context=context, outdir=str(folder / "cdk.out"))
    build(app)
    stack: Any = app.node.find_child("topic-model-pipeline")
    return Template.from_stack(stack).to_json()["Resources"]


def execute(
    step: Step, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a step's commands as CodeBuild does, up to the first that fails."""
    return run("sh", "-ec", "\n".join(step.commands), environment=environment, folder=folder)
