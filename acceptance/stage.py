"""A new environment, and the commands that a user runs on it.

One folder holds all that it needs: a `cdk.json` that declares only this environment, its corpora,
and the output of the commands. So it shares nothing with the environments of the project. Whatever
happens, the CDK's commands work by hand in that folder.
"""

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operations.environment import clients
from stacks.settings import Settings, load
from stacks.settings.context import merge
from stacks.settings.keys import is_of_the_cdk

PROJECT = Path(__file__).parent.parent
STOP_SECONDS = 10
TOPICS = 5  # the sample corpus has as many
# The smallest instances for LDA, and a short time limit, since a broken job costs money too.
SETTINGS: dict[str, Any] = {
    "model": {"num_topics": TOPICS},
    "training": {"instance_type": "ml.m5.large", "volume_gb": 1, "max_runtime_minutes": 15},
    "endpoint": {"instance_type": "ml.t2.medium"},
}
# Settings that are copied from an environment of the project, since they depend on the account.
OF_THE_ACCOUNT = (
    "account",
    "project",
    "owner",
    "cost_center",
    "tags",
    "permissions_boundary",
    "bootstrap_qualifier",
)


class Unexpected(Exception):  # noqa: N818  # what AWS did need not be an error
    """AWS did something that a step does not expect; the message says what."""


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and its output."""

    code: int
    output: str

    def last(self, lines: int = 8) -> str:
        """Return the last lines of the output."""
        return "\n".join(self.output.splitlines()[-lines:])


@dataclass
class Stage:
    """The environment that the steps work on.

    Attributes:
        folder: The folder of everything that the commands read and write.
        settings: The environment's settings.
        answers: What was observed, by question.
        kept: Values that a step keeps for later steps.
    """

    folder: Path
    settings: Settings
    answers: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = clients(self.settings.region, retries=8)

    def run(self, *argv: str) -> Done:
        """Run a command in the folder; print its output, and append it to the log.

        The command runs in its own session, so that a Ctrl-C reaches only this process, which then
        ends the command and destroys the environment.
        """
        print(f"$ {shlex.join(argv)}", flush=True)
        program = [sys.executable, *argv[1:]] if argv[0] == "python" else list(argv)
        lines = []
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"$ {shlex.join(argv)}\n")
            with _started(program, self.folder) as process:
                try:
                    assert process.stdout is not None
                    for line in process.stdout:
                        lines.append(line)
                        log.write(line)
                        print(line, end="", flush=True)
                    code = process.wait()
                except BaseException:
                    _end(process)
                    raise
        return Done(code, "".join(lines))

    def cdk(self, command: str, *options: str, **settings: str) -> Done:
        """Run a command of the CDK on all stacks; `settings` override those of `cdk.json`."""
        given = {"env": self.settings.env} | settings
        context = [word for key, value in given.items() for word in ("-c", f"{key}={value}")]
        return self.run("cdk", command, "--all", *options, *context)

    def deploy(self, **settings: str) -> Done:
        """Deploy; a dot in a setting's name is written as two underscores."""
        dotted = {key.replace("__", "."): value for key, value in settings.items()}
        options = ("--require-approval", "never", "--outputs-file", "outputs.json")
        return self.cdk("deploy", *options, **dotted)

    def deployed(self, **settings: str) -> dict[str, str]:
        """Deploy and return the outputs of all stacks.

        Raises:
            Unexpected: The deployment failed.
        """
        done = self.deploy(**settings)
        if done.code:
            raise Unexpected(f"the deployment failed with exit code {done.code}:\n{done.last()}")
        stacks = json.loads((self.folder / "outputs.json").read_text(encoding="utf-8"))
        return {key: value for outputs in stacks.values() for key, value in outputs.items()}

    def ask(self, command: str) -> Done:
        """Run a command of `operations` on the environment."""
        return self.run("python", "-m", "operations", command, "--env", self.settings.env)

    def jobs(self) -> list[str]:
        """List all training jobs of the environment, also ended ones, the newest first."""
        pages = self.client("sagemaker").get_paginator("list_training_jobs")
        found = pages.paginate(
            NameContains=self.settings.name, SortBy="CreationTime", SortOrder="Descending"
        )
        return [job["TrainingJobName"] for page in found for job in page["TrainingJobSummaries"]]

    def stack_status(self, name: str) -> str | None:
        """Return the state of a stack; None if there is no such stack."""
        cloudformation = self.client("cloudformation")
        try:
            (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except cloudformation.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return str(stack["StackStatus"])


def make_stage(
    folder: Path, base: Settings, region: str, name: str, extra: dict[str, Any]
) -> Stage:
    """Make the folder of a new environment, and its corpora.

    Args:
        folder: The folder; what is in it is deleted first.
        base: The environment whose account is used.
        region: The Region.
        name: The name of the new environment.
        extra: More settings of the new environment.

    Raises:
        SettingsError: The settings contradict each other.
        Unexpected: The corpus could not be prepared.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copied = base.model_dump(mode="json", include=set(OF_THE_ACCOUNT), exclude_none=True)
    own = {"region": region, "prepared": str((folder / "prepared").absolute())}
    environment = merge([copied, own, SETTINGS, extra])
    project = json.loads((PROJECT / "cdk.json").read_text(encoding="utf-8"))["context"]
    flags = {key: value for key, value in project.items() if is_of_the_cdk(key)}
    context = flags | {"env": name, "environments": {name: environment}}
    app = shlex.join([sys.executable, str(PROJECT / "app.py")])
    content = json.dumps({"app": app, "context": context}, indent=2)
    (folder / "cdk.json").write_text(content + "\n", encoding="utf-8")
    stage = Stage(folder, load(context))
    _prepare(stage)
    return stage


def _prepare(stage: Stage) -> None:
    """Prepare a sample corpus, and a damaged copy whose manifest has the damaged file's digest."""
    files = ("--corpus", "sample/corpus.txt", "--vocab", "sample/vocab.txt")
    for arguments in (
        ("sample", "--out", "sample", "--documents", "600", "--num-topics", str(TOPICS)),
        ("convert", *files, "--out", "prepared"),
    ):
        done = stage.run("python", "-m", "data_prep", *arguments)
        if done.code:
            raise Unexpected(f"the sample corpus could not be prepared: {done.last()}")
    broken = stage.folder / "broken"
    shutil.copytree(stage.settings.prepared, broken)
    content = bytearray((broken / "train.recordio").read_bytes())
    content[0] ^= 1
    (broken / "train.recordio").write_bytes(content)
    manifest = json.loads((broken / "manifest.json").read_text(encoding="utf-8"))
    train = manifest["train"]
    train["sha256"] = train["files"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (broken / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _started(program: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a command so that it finds the project's modules and programs from any folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.Popen(
        program,
        cwd=folder,
        env=dict(os.environ) | {"PATH": path, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    """End a command and all processes that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
            return
