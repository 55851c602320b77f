"""What users and other deployments do while a job runs."""

import os
import signal
import subprocess

import pytest

from tests.support.waiting import wait_for

from .conftest import COMMAND_SECONDS, Lab

pytestmark = pytest.mark.faults

Table = list[tuple[str, str, str]]


def finished(deployment: subprocess.Popen[str]) -> str:
    """The output of a deployment that must succeed."""
    output, _ = deployment.communicate(timeout=COMMAND_SECONDS)
    assert deployment.returncode == 0, output
    return output


def test_a_deployment_goes_on_when_its_cli_is_killed(lab: Lab, table: Table) -> None:
    """Meanwhile the CLI, which compares templates, takes the stack for done."""
    assembly, jobs = lab.assembly("interrupted"), len(lab.job_names())
    stack = "interrupted-dev-training"

    def deploy_again() -> None:
        done = lab.training("deploy", assembly)
        assert done.returncode == 0, done.stdout
        assert "(no changes)" in done.stdout

    with lab.armed("training.hang"):
        first = lab.deploying(assembly)
        wait_for(lab.running, seconds=COMMAND_SECONDS)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate(timeout=COMMAND_SECONDS)
        deploy_again()
        assert lab.stack(stack)["StackStatus"] == "CREATE_IN_PROGRESS"
    wait_for(lambda: lab.stack(stack)["StackStatus"] == "CREATE_COMPLETE", seconds=COMMAND_SECONDS)
    deploy_again()
    assert lab.outputs(stack)["Metrics"].startswith("test:pwll=-")
    assert len(lab.job_names()) == jobs + 1
    table.append(("the CLI is killed while the job runs", "the deployment goes on", ""))
    assert lab.training("destroy", assembly).returncode == 0


def test_a_failed_stack_that_was_not_rolled_back_can_be_mended(lab: Lab, table: Table) -> None:
    """With other inputs as it is, with the same ones after its rollback.

    Its wait handle has the failure in it, and only other inputs or a rollback bring a new one.
    """
    project, stack = "kept", "kept-dev-training"
    five, three = lab.assembly(project), lab.assembly(project, model__num_topics="3")
    for fails, status in ((five, "CREATE_FAILED"), (three, "UPDATE_FAILED")):
        with lab.armed("training.fail", "--reason", "bad data"):
            done = lab.training("deploy", fails, "--no-rollback")
        assert done.returncode == 1
        assert "AlgorithmError: bad data" in done.stdout, done.stdout
        assert lab.stack(stack)["StackStatus"] == status
        assert lab.running() == []
        good = lab.assembly(project, model__num_topics="4") if fails is five else fails
        how = "--no-rollback" if fails is five else "--force"
        done = lab.training("deploy", good, how)
        assert done.returncode == 0, done.stdout
        assert lab.outputs(stack)["Metrics"].startswith("test:pwll=-")
    table.append(
        (
            "the algorithm fails in `cdk deploy --no-rollback`",
            "fails and stays; goes on with other inputs, or rolled back (`--force`) with the same",
            "`ended as Failed: AlgorithmError: bad data`",
        )
    )
    assert lab.training("destroy", three).returncode == 0


def test_a_stack_that_is_deleted_while_its_job_runs_leaves_nothing(lab: Lab, table: Table) -> None:
    """By CloudFormation itself: nobody has waited for the deployment's end."""
    stack, before = "deleted-dev-training", lab.there()
    assembly = lab.assembly("deleted")
    with lab.armed("training.hang"):
        deployment = lab.deploying(assembly)
        wait_for(lab.running, seconds=COMMAND_SECONDS)
        lab.client("cloudformation").delete_stack(StackName=stack)
        deployment.communicate(timeout=COMMAND_SECONDS)
        wait_for(lambda: lab.there() == before, seconds=COMMAND_SECONDS)
    done = lab.training("deploy", assembly)
    assert done.returncode == 0, done.stdout
    table.append(
        ("the stack is deleted while the job runs", "the job is stopped and nothing is left", "")
    )
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
