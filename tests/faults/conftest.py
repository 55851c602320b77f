"""A training stack on an embedded AWS, made to fail in every way we know.

The bucket is there before (setting `bucket`), and each setting is synthesized in this process: the
CDK CLI, the template, the functions and IAM are the real ones.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

import app as cdk_app
from local_aws import instance
from stacks.settings import load
from stacks.synthesis import context_of
from tests.support.cloud import COMMAND_SECONDS, PROJECT, Cloud, cloud, corpus, environment, run
from tests.support.templates import Edit, change

__all__ = ["COMMAND_SECONDS", "cloud", "corpus", "environment"]

BUCKET = "faults"
TABLE = PROJECT / "docs/faults.md"


@dataclass
class Lab(Cloud):
    """An embedded AWS with a bucket, and stacks of this app at hand."""

    corpus: Path = Path()
    outcomes: list[tuple[str, str, str]] = field(default_factory=list)

    def assembly(self, project: str, edit: Edit | None = None, **settings: str) -> Path:
        """Synthesize the app; `edit` changes the training stack's resources.

        A dot in a setting's name is written as two underscores.
        """
        out = self.out / f"{project}-{len(list(self.out.iterdir()))}"
        own = json.loads((PROJECT / "cdk.json").read_text())["context"]
        # A prefix of its own: else a project would find the models of the others.
        chosen = {"project": project, "bucket": BUCKET, "prefix": f"lda/{project}"}
        defaults = {"prepared": str(self.corpus), "model.num_topics": "5"}
        given = {key.replace("__", "."): value for key, value in settings.items()}
        context = own | defaults | chosen | given
        cdk = App(outdir=str(out), context=context)
        cdk_app.build(cdk, load(context_of(cdk)))
        cdk.synth()
        if edit is not None:
            change(out, f"{project}-dev-training", edit)
        return out

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


TABLE_HEAD = """# Faults, and what happens then

`make test-faults` causes each fault in a deployment on the embedded AWS, checks the outcome, and
writes this table. After every failure no job runs, the stack is as before, and the next deployment
without the fault succeeds.

| fault | outcome | what the CLI says |
| --- | --- | --- |
"""
