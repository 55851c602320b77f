"""Each fault on top of a healthy training stack: it fails, says why, and is over."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from local_aws import instance
from tests.support.templates import Edit, without

from .conftest import BUCKET, Lab

PROJECT = "faulty"
STACK = f"{PROJECT}-dev-training"
Table = list[tuple[str, str, str]]


def waiting_for(seconds: int) -> Edit:
    """Let the deployment wait for so long."""

    def edit(resources: dict[str, Any]) -> None:
        for resource in resources.values():
            if resource["Type"] == "AWS::CloudFormation::WaitCondition":
                resource["Properties"]["Timeout"] = str(seconds)

    return edit


@dataclass(frozen=True)
class Fault:
    """A fault, and what the CLI must say; nothing when the deployment overcomes it."""

    title: str
    armed: tuple[str, ...] = ()
    edit: Edit | None = None
    says: str = ""
    jobs_afterwards: int = 1  # that the next good deployment starts
    always: bool = False  # run by `make test` too


FAULTS = [
    Fault(
        "the algorithm fails",
        ("training.fail", "--reason", "bad data"),
        says="ended as Failed: AlgorithmError: bad data",
    ),
    Fault(
        "the job completes without a model",
        ("training.no-model",),
        says="has completed, but the job has left no model at",
    ),
    Fault(
        "the job reaches its time limit",
        ("training.time-limit",),
        says="ended as Stopped: MaxRuntimeExceeded",
    ),
    Fault("somebody stops the job", ("training.stop",), says="ended as Stopped: Stopped"),
    Fault(
        "the quota is 0",
        ("create.quota",),
        says="The quota 'ml.c4.2xlarge for training job usage' is 0 in us-east-1",
        always=True,
    ),
    Fault(
        "there is no capacity",
        ("training.capacity",),
        says="AWS has no such instance free at present",
    ),
    Fault("CreateTrainingJob is throttled", ("create.throttle", "--times", "3")),
    Fault("DescribeTrainingJob is throttled", ("describe.throttle", "--times", "3")),
    Fault("the role is not known yet", ("create.role-race", "--times", "2")),
    Fault("the training data is gone", ("training.no-data",), says="No S3 objects found under"),
    Fault(
        "the role may not list the data",
        edit=without("s3:ListBucket", "ExecutionRole"),
        says='has "s3:ListBucket" permissions on bucket "faults"',
    ),
    Fault(
        "the role may not read",
        edit=without("s3:GetObject", "ExecutionRole"),
        says="Data download failed",
    ),
    Fault(
        "the role may not write",
        edit=without("s3:PutObject", "ExecutionRole"),
        says="Artifact upload failed",
    ),
    Fault(
        "the event of a job's end is lost",
        ("event.lose",),
        waiting_for(60),  # many times as long as the job
        says="timed out",
        jobs_afterwards=0,
    ),
    Fault(
        "the job outlasts the deployment and is deleted while it trains",
        ("training.hang",),
        waiting_for(15),
        says="timed out",
    ),
    Fault("the event of a job's end comes twice", ("event.duplicate",)),
    Fault(
        "the function that starts the job raises",
        edit=without("sagemaker:ListTrainingJobs", "StartRole"),
        says="not authorized to perform: sagemaker:ListTrainingJobs",
    ),
    Fault(
        "the function that handles a job's end raises",
        edit=without("sagemaker:DescribeTrainingJob", "FinishRole"),
        says="the function that publishes its model failed",
        jobs_afterwards=0,
        always=True,
    ),
]


@pytest.fixture(scope="module")
def healthy(lab: Lab) -> Iterator[Lab]:
    """A training stack that every fault finds and leaves healthy."""
    assembly = lab.assembly(PROJECT)
    done = lab.training("deploy", assembly)
    assert done.returncode == 0, done.stdout
    yield lab
    done = lab.training("destroy", assembly)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=fault.title.replace(" ", "-"),
            marks=pytest.mark.e2e if fault.always else pytest.mark.faults,
        )
        for fault in FAULTS
    ],
)
def test_a_fault_fails_alone_or_is_overcome(healthy: Lab, fault: Fault, table: Table) -> None:
    before, jobs = healthy.outputs(STACK), healthy.job_names()
    number = str(FAULTS.index(fault))
    good = healthy.assembly(PROJECT, model__revision=number)
    faulty = healthy.assembly(PROJECT, fault.edit, model__revision=number) if fault.edit else good
    with healthy.armed(*fault.armed) if fault.armed else nullcontext():
        done = healthy.training("deploy", faulty)
    assert healthy.running() == []
    if not fault.says:
        assert done.returncode == 0, done.stdout
        assert len(healthy.job_names()) == len(jobs) + 1
        table.append((fault.title, "succeeds", ""))
        return
    assert done.returncode == 1, done.stdout
    assert fault.says in done.stdout, done.stdout
    assert healthy.stack(STACK)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert healthy.outputs(STACK) == before

    tried = healthy.job_names()
    done = healthy.training("deploy", good)
    assert done.returncode == 0, done.stdout
    assert len(healthy.job_names()) == len(tried) + fault.jobs_afterwards
    table.append((fault.title, "fails, rolled back", f"`{fault.says}`"))


@pytest.mark.faults
def test_going_back_to_earlier_inputs_trains_nothing(healthy: Lab, table: Table) -> None:
    calls = healthy.calls()
    done = healthy.training("deploy", healthy.assembly(PROJECT))
    assert done.returncode == 0, done.stdout
    made = healthy.calls()[len(calls) :]
    assert [call for call in made if not call.startswith(("Describe", "List"))] == []
    before = healthy.outputs(STACK)
    assert before["Metrics"].startswith("test:pwll=-")
    longer = healthy.assembly(PROJECT, None, **{"training.max_runtime_minutes": "90"})
    done = healthy.training("deploy", longer)
    assert done.returncode == 0, done.stdout
    assert healthy.outputs(STACK) == before
    assert "CreateTrainingJob" not in healthy.calls()[len(calls) :]
    table.append(
        ("another time limit is deployed", "no job; a new wait condition, signalled at once", "")
    )
    table.append(
        ("earlier inputs are deployed again", "no job; the earlier model and its metric", "")
    )


@pytest.mark.faults
def test_data_that_is_gone_from_the_bucket_is_staged_again(healthy: Lab, table: Table) -> None:
    healthy.remove(BUCKET, f"lda/{PROJECT}/data/")
    done = healthy.training("deploy", healthy.assembly(PROJECT, model__revision="staged again"))
    assert done.returncode == 0, done.stdout
    table.append(("the training data was deleted from the bucket before", "succeeds", ""))


@pytest.mark.faults
def test_data_that_is_gone_from_the_staging_bucket_is_named(lab: Lab, table: Table) -> None:
    """Between the CLI's upload and the job's start; here the upload is left out."""
    project, stack = "unstaged", "unstaged-dev-training"
    good, faulty = lab.assembly(project), lab.assembly(project)
    listed = faulty / f"{stack}.assets.json"
    assets = json.loads(listed.read_text())
    files = {k: f for k, f in assets["files"].items() if ".recordio" not in f["source"]["path"]}
    assert len(files) < len(assets["files"])
    listed.write_text(json.dumps(assets | {"files": files}))
    lab.remove(f"cdk-hnb659fds-assets-{instance.ACCOUNT}-{instance.REGION}", ending=".recordio")
    done = lab.training("deploy", faulty)
    assert done.returncode == 1
    says = "If it is gone, deploy again: the CDK uploads it"
    assert says in " ".join(done.stdout.split()), done.stdout
    assert lab.stack(stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert lab.running() == []
    done = lab.training("deploy", good)
    assert done.returncode == 0, done.stdout
    row = ("the training data is gone from the CDK's staging bucket", "fails, rolled back")
    table.append((*row, f"`{says}`"))
    assert lab.training("destroy", good).returncode == 0
