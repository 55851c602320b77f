"""A training stack on an embedded AWS, made to fail in every way we know.

The bucket is there before (setting `bucket`), and each setting is synthesized in this process: the
CDK CLI, the template, the functions and IAM are the real ones.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

import app as cdk_app
from local_aws import instance
from stacks.settings import load
from tests.e2e.conftest import COMMAND_SECONDS, PROJECT, Cloud, corpus, environment, run

__all__ = ["corpus", "environment"]

BUCKET = "faults"
TABLE = PROJECT / "docs/faults.md"
Edit = Callable[[dict[str, Any]], None]


def without(action: str, part: str) -> Edit:
    """Take `action` out of the policies of the resources whose logical id contains `part`."""

    def edit(resources: dict[str, Any]) -> None:
        removed = 0
        for name, resource in resources.items():
            properties = resource.get("Properties", {})
            policies = [properties, *properties.get("Policies", [])]
            for policy in policies if part in name else ():
                for statement in policy.get("PolicyDocument", {}).get("Statement", []):
                    actions = statement["Action"]
                    listed = [actions] if isinstance(actions, str) else actions
                    removed += action in listed
                    # A statement needs an action: one that does no harm stays in its place.
                    statement["Action"] = [a for a in listed if a != action] or [
                        "sts:GetCallerIdentity"
                    ]
        assert removed, f"no {action} in {part}"

    return edit


def change(assembly: Path, stack: str, edit: Edit) -> None:
    """Edit the resources of a stack's template, and the name under which the CLI uploads it."""
    file = assembly / f"{stack}.template.json"
    template = json.loads(file.read_text())
    edit(template["Resources"])
    file.write_text(json.dumps(template))
    manifest = json.loads((assembly / "manifest.json").read_text())
    url = manifest["artifacts"][stack]["properties"]["stackTemplateAssetObjectUrl"]
    digest = url.rsplit("/", 1)[-1].removesuffix(".json")
    for named in (assembly / "manifest.json", assembly / f"{stack}.assets.json"):
        named.write_text(named.read_text().replace(digest, digest[::-1]))


@dataclass
class Lab(Cloud):
    """An embedded AWS with a bucket, and stacks of this app at hand."""

    corpus: Path = Path()
    outcomes: list[tuple[str, str, str]] = field(default_factory=list)

    def assembly(self, project: str, edit: Edit | None = None, **settings: str) -> Path:
        """Synthesize the app; `edit` changes the training stack's resources."""
        out = self.out / f"{project}-{len(list(self.out.iterdir()))}"
        own = json.loads((PROJECT / "cdk.json").read_text())["context"]
        # A prefix of its own: else a project would find the models of the others.
        chosen = {"project": project, "bucket": BUCKET, "prefix": f"lda/{project}"}
        defaults = {"corpus": str(self.corpus), "num_topics": "5"}
        context = own | defaults | chosen | settings
        cdk = App(outdir=str(out), context=context)
        cdk_app.build(cdk, load(cdk.node.get_all_context()))
        cdk.synth()
        if edit is not None:
            change(out, f"{project}-dev-training", edit)
        return out

    def arm(self, *fault: str) -> None:
        """Arm a fault by its command."""
        done = run(
            *(sys.executable, "-m", "local_aws", "fault", "add", *fault),
            environment=self.environment,
        )
        assert done.returncode == 0, done.stdout

    def disarm(self) -> None:
        done = run(
            sys.executable, "-m", "local_aws", "fault", "clear", environment=self.environment
        )
        assert done.returncode == 0, done.stdout

    def deploying(self, assembly: Path) -> subprocess.Popen[str]:
        """A deployment that goes on beside the test, and leads a process group of its own."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        arguments = ["deploy", "--all", "--app", str(assembly), "--require-approval", "never"]
        return subprocess.Popen(
            ["cdk", *arguments],
            cwd=PROJECT,
            env=instance.without_aws(dict(os.environ)) | self.environment | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def training(
        self, command: str, assembly: Path, *more: str
    ) -> subprocess.CompletedProcess[str]:
        """Deploy or destroy the training stack alone; it stands first in the assembly."""
        (template,) = assembly.glob("*-training.template.json")
        stack = template.name.removesuffix(".template.json")
        options = {
            "deploy": ["--require-approval", "never"],
            "destroy": ["--force"],
        }[command]
        return run(
            *("cdk", command, stack, "--exclusively", "--app", str(assembly), *options, *more),
            environment=self.environment,
        )

    def stack(self, name: str) -> dict[str, Any]:
        (described,) = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return dict(described)

    def outputs(self, name: str) -> dict[str, str]:
        return {o["OutputKey"]: o["OutputValue"] for o in self.stack(name).get("Outputs", [])}

    def remove(self, bucket: str, prefix: str = "", ending: str = "") -> None:
        """Delete the objects of a bucket whose keys begin and end so; there must be some."""
        s3 = self.client("s3")
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        keys = [entry["Key"] for entry in found if entry["Key"].endswith(ending)]
        assert keys
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)

    def running(self) -> list[str]:
        """Jobs that run or are stopping."""
        jobs = self.client("sagemaker").list_training_jobs(MaxResults=100)
        return [
            job["TrainingJobName"]
            for job in jobs["TrainingJobSummaries"]
            if job["TrainingJobStatus"] in ("InProgress", "Stopping")
        ]


@pytest.fixture(scope="session")
def lab(
    environment: dict[str, str], corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    lab = Lab(environment, tmp_path_factory.mktemp("faults"), corpus=corpus)
    lab.client("s3").create_bucket(Bucket=BUCKET)
    yield lab
    assert lab.running() == []


@pytest.fixture(scope="session")
def table(lab: Lab) -> Iterator[list[tuple[str, str, str]]]:
    """Rows of fault, outcome and what the user is told; a whole run writes them to `docs`."""
    rows: list[tuple[str, str, str]] = []
    yield rows
    if os.environ.get("FAULTS_TABLE"):
        TABLE.write_text(TABLE_HEAD + "".join(f"| {' | '.join(row)} |\n" for row in sorted(rows)))


TABLE_HEAD = """# Faults and what becomes of them

`make test-faults` commits each fault against a deployment on the embedded AWS, checks the outcome,
and writes this table. After every failure nothing runs, the stack is what it was before, and the
next deployment without the fault succeeds.

| fault | outcome | what the CLI says |
| --- | --- | --- |
"""

__all__ += ["COMMAND_SECONDS"]
