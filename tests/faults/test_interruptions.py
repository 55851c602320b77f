"""What users and other deployments do while a job runs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from .conftest import COMMAND_SECONDS, Lab

pytestmark = pytest.mark.faults

Table = list[tuple[str, str, str]]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + COMMAND_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)


def finished(deployment: subprocess.Popen[str]) -> str:
    """The output of a deployment that must succeed."""
    output, _ = deployment.communicate(timeout=COMMAND_SECONDS)
    assert deployment.returncode == 0, output
    return output


def test_an_interrupted_cli_leaves_a_deployment_that_the_next_one_finds(
    lab: Lab, table: Table
) -> None:
    assembly = lab.assembly("interrupted")
    lab.arm("training.hang")
    first = lab.deploying(assembly)
    wait_for(lab.running)
    os.kill(first.pid, signal.SIGINT)
    first.communicate(timeout=COMMAND_SECONDS)
    (name,) = lab.running()
    lab.client("sagemaker").stop_training_job(TrainingJobName=name)
    wait_for(lambda: lab.stack("interrupted-dev-training")["StackStatus"] == "ROLLBACK_COMPLETE")
    assert lab.running() == []
    done = lab.training("deploy", assembly)
    assert done.returncode == 0, done.stdout
    table.append(("the CLI is interrupted while the job runs", "the next deployment succeeds", ""))
    assert lab.training("destroy", assembly).returncode == 0


def test_destroy_and_deploy_again_trains_nothing(lab: Lab, table: Table) -> None:
    """The bucket was ours before, so the model is still in it."""
    assembly = lab.assembly("again")
    for command in ("deploy", "destroy"):
        done = lab.training(command, assembly)
        assert done.returncode == 0, done.stdout
    jobs = lab.job_names()
    done = lab.training("deploy", assembly)
    assert done.returncode == 0, done.stdout
    assert lab.job_names() == jobs
    table.append(("destroyed and deployed again", "no job; the model was kept", ""))
    assert lab.training("destroy", assembly).returncode == 0


def test_two_environments_at_once_do_not_meet(lab: Lab, table: Table) -> None:
    """Their names even begin the same."""
    assemblies = [lab.assembly(project) for project in ("twin", "twin-dev")]
    jobs = len(lab.job_names())
    for deployment in [lab.deploying(assembly) for assembly in assemblies]:
        finished(deployment)
    assert len(lab.job_names()) == jobs + 2
    table.append(("two environments at once", "both succeed", ""))
    for project, assembly in zip(("twin", "twin-dev"), assemblies, strict=True):
        done = lab.cdk("destroy", "--force", "--app", str(assembly))
        assert done.returncode == 0, f"{project}: {done.stdout}"
