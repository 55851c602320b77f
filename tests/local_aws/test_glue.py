"""Runs of Glue jobs. In Spark's place is plain Python, which runs the same scripts."""

import json
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import instance
from local_aws.glue import spark
from tests.support.spark_stub import write_environment
from tests.support.waiting import wait_for

from .conftest import Cloud, allow, disarm
from .test_stacks import zipped

LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
SAY = "import sys; print('said')"
SLEEP = """
import os, time
print(os.getpid(), flush=True)
time.sleep(600)
"""


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An instance of its own, which finds the stand-in of Spark."""
    environment = write_environment(tmp_path_factory.mktemp("spark") / "environment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(spark.VARIABLE, str(environment))
        with instance.running() as started:
            cloud = Cloud(started.environment())
            cloud.client("s3").create_bucket(Bucket="scripts")
            yield cloud


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> str:
    read = allow("s3:GetObject", resource="arn:aws:s3:::scripts/*")
    return cloud.make_role("Preparing", read, allow(*LOGS), service="glue")


@pytest.fixture(autouse=True)
def at_hand(arm: Callable[..., None]) -> None:
    """Faults can be armed in every test, and are disarmed after it."""


def make_job(cloud: Cloud, role: str, script: str, **members: Any) -> str:
    """A job with a script; its name."""
    name = unique("job")
    cloud.client("s3").put_object(Bucket="scripts", Key=f"{name}.py", Body=script.encode())
    arguments = members.pop("DefaultArguments", {})
    cloud.client("glue").create_job(
        Name=name,
        Role=role,
        Command={"Name": "glueetl", "ScriptLocation": f"s3://scripts/{name}.py"},
        GlueVersion="5.1",
        WorkerType="G.1X",
        NumberOfWorkers=2,
        Timeout=60,
        DefaultArguments=arguments,
        **members,
    )
    return name


def begin(cloud: Cloud, job: str, **members: Any) -> str:
    return str(cloud.client("glue").start_job_run(JobName=job, **members)["JobRunId"])


def described(cloud: Cloud, job: str, run: str) -> dict[str, Any]:
    return dict(cloud.client("glue").get_job_run(JobName=job, RunId=run)["JobRun"])


def ended(cloud: Cloud, job: str, run: str) -> dict[str, Any]:
    """The run, as soon as it has ended."""
    return dict(
        wait_for(
            lambda: "CompletedOn" in (found := described(cloud, job, run)) and found,
            "the run does not end",
        )
    )


def done(cloud: Cloud, job: str, **members: Any) -> dict[str, Any]:
    return ended(cloud, job, begin(cloud, job, **members))


def log(cloud: Cloud, run: dict[str, Any] | str, name: str = "output") -> list[str]:
    id = run if isinstance(run, str) else run["Id"]
    group = f"/aws-glue/jobs/{name}"
    logs = cloud.client("logs")
    try:
        answer = logs.get_log_events(logGroupName=group, logStreamName=id, startFromHead=True)
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in answer["events"]]


def test_a_script_runs_with_its_packages_and_the_arguments_of_job_and_run(
    cloud: Cloud, role: str
) -> None:
    zipped_package = zipped("packed.py", "WORD = 'from the archive'")
    cloud.client("s3").put_object(Bucket="scripts", Key="packages.zip", Body=zipped_package)
    script = "import sys, json, packed\nprint(json.dumps([packed.WORD, *sys.argv[1:]]))"
    archive = "s3://scripts/packages.zip"
    given = {"--extra-py-files": archive, "--corpus": "s3://a/b", "--seed": "1"}
    job = make_job(cloud, role, script, DefaultArguments=given)
    run = done(cloud, job, Arguments={"--seed": "2", "--field": "a b"})
    assert run["JobRunState"] == "SUCCEEDED", run["ErrorMessage"]
    assert run["Arguments"] == {"--seed": "2", "--field": "a b"}
    (line,) = log(cloud, run)
    word, *arguments = json.loads(line)
    assert word == "from the archive"
    pairs = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert pairs == given | {
        "--seed": "2",
        "--field": "a b",
        "--JOB_NAME": job,
        "--JOB_RUN_ID": run["Id"],
    }


def test_a_script_acts_as_the_role_and_sees_no_other_credentials(cloud: Cloud, role: str) -> None:
    script = (
        "import boto3, os\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'])\n"
        f"print({cloud.environment['AWS_SECRET_ACCESS_KEY']!r} in str(dict(os.environ)))\n"
    )
    run = done(cloud, make_job(cloud, role, script))
    caller, leaked = log(cloud, run)
    assert caller == "arn:aws:sts::000000000000:assumed-role/Preparing/GlueJobRunnerSession"
    assert leaked == "False"


def test_what_the_script_prints_is_in_the_log_of_output_or_error(cloud: Cloud, role: str) -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr)"
    run = done(cloud, make_job(cloud, role, script))
    assert log(cloud, run, "output") == ["out"]
    assert log(cloud, run, "error") == ["err"]


def test_lines_come_while_the_script_runs(cloud: Cloud, role: str) -> None:
    job = make_job(cloud, role, SLEEP)
    run = begin(cloud, job)
    wait_for(lambda: described(cloud, job, run)["JobRunState"] == "RUNNING")
    script = "import time\nfor n in range(100):\n    print(n, flush=True)\n    time.sleep(0.1)\n"
    other = make_job(cloud, role, script)
    running = begin(cloud, other)
    wait_for(lambda: log(cloud, running))
    assert described(cloud, other, running)["JobRunState"] == "RUNNING"
    for name, id in ((job, run), (other, running)):
        cloud.client("glue").batch_stop_job_run(JobName=name, JobRunIds=[id])
        ended(cloud, name, id)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; print('why', file=sys.stderr); sys.exit(2)", "SystemExit: 2"),
        ("raise ValueError('it is 3')", "ValueError: it is 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "Exit Code -9"),
    ],
)
def test_a_script_that_fails_fails_the_run_and_says_why(
    cloud: Cloud, role: str, script: str, told: str
) -> None:
    run = done(cloud, make_job(cloud, role, script))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].endswith(told)


def test_a_role_that_does_not_trust_glue_runs_nothing(cloud: Cloud) -> None:
    role = cloud.make_role(unique("Role"), allow("s3:*"), allow(*LOGS), service="lambda")
    run = done(cloud, make_job(cloud, role, SAY))
    assert run["JobRunState"] == "FAILED"
    assert "should be given assume role permissions for Glue Service" in run["ErrorMessage"]
    assert log(cloud, run) == []


def test_a_role_that_may_not_read_the_script_does_not_launch_it(cloud: Cloud) -> None:
    role = cloud.make_role(unique("Role"), allow(*LOGS), service="glue")
    run = done(cloud, make_job(cloud, role, SAY))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(
        "LAUNCH ERROR | Error downloading from S3 for bucket: scripts, key: job-"
    )


def test_a_role_that_may_not_write_logs_has_none(cloud: Cloud) -> None:
    read = allow("s3:GetObject", resource="arn:aws:s3:::scripts/*")
    role = cloud.make_role(unique("Role"), read, service="glue")
    run = done(cloud, make_job(cloud, role, SAY))
    assert run["JobRunState"] == "SUCCEEDED"
    assert log(cloud, run) == []


def gone(pid: int) -> bool:
    """Whether a process has ended: it may still wait to be collected."""
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return True


def test_a_run_that_is_stopped_ends_its_script(cloud: Cloud, role: str) -> None:
    job = make_job(cloud, role, SLEEP)
    run = begin(cloud, job)
    (pid,) = wait_for(lambda: log(cloud, run))
    answer = cloud.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run])
    assert answer["SuccessfulSubmissions"] == [{"JobName": job, "JobRunId": run}]
    assert ended(cloud, job, run)["JobRunState"] == "STOPPED"
    assert gone(int(pid))


def test_what_has_ended_or_never_was_is_not_stopped(cloud: Cloud, role: str) -> None:
    job = make_job(cloud, role, SAY)
    run = done(cloud, job)["Id"]
    answer = cloud.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run, "jr_none"])
    assert answer["SuccessfulSubmissions"] == []
    assert [error["ErrorDetail"]["ErrorCode"] for error in answer["Errors"]] == [
        "JobRunInTerminalStateException",
        "EntityNotFoundException",
    ]


def test_a_run_that_reaches_its_time_limit_is_ended(
    cloud: Cloud, role: str, arm: Callable[..., None]
) -> None:
    arm("glue.timeout")
    assert done(cloud, make_job(cloud, role, SLEEP))["JobRunState"] == "TIMEOUT"


def test_a_driver_without_memory_fails_as_glue_words_it(
    cloud: Cloud, role: str, arm: Callable[..., None]
) -> None:
    arm("glue.memory")
    run = done(cloud, make_job(cloud, role, SAY))
    assert (run["JobRunState"], run["ErrorMessage"]) == (
        "FAILED",
        "Command Failed with Exit Code 1",
    )
    assert log(cloud, run, "error") == ["java.lang.OutOfMemoryError: Java heap space"]
    assert log(cloud, run, "output") == []
    disarm()
    assert done(cloud, run["JobName"])["JobRunState"] == "SUCCEEDED"


def test_no_more_runs_go_at_a_time_than_the_job_allows(cloud: Cloud, role: str) -> None:
    glue = cloud.client("glue")
    job = make_job(cloud, role, SLEEP, ExecutionProperty={"MaxConcurrentRuns": 2})
    runs = [begin(cloud, job), begin(cloud, job)]
    with pytest.raises(ClientError, match=f"Concurrent runs exceeded for {job}") as caught:
        begin(cloud, job)
    assert caught.value.response["Error"]["Code"] == "ConcurrentRunsExceededException"
    glue.batch_stop_job_run(JobName=job, JobRunIds=runs)
    for run in runs:
        ended(cloud, job, run)
    listed = glue.get_job_runs(JobName=job)["JobRuns"]
    assert [run["Id"] for run in listed] == runs[::-1]
    glue.update_job(JobName=job, JobUpdate={"Role": role, "Command": {"Name": "glueetl"}})
    assert glue.get_job(JobName=job)["Job"]["ExecutionProperty"] == {"MaxConcurrentRuns": 1}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("start_job_run", {}),
        ("get_job_run", {"RunId": "jr_none"}),
        ("get_job_runs", {}),
    ],
)
def test_a_job_or_run_that_is_not_there_is_not_found(
    cloud: Cloud, operation: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(cloud.client("glue"), operation)(JobName="none", **request_)
    assert caught.value.response["Error"]["Code"] == "EntityNotFoundException"


def test_requests_are_held_to_awss_model(cloud: Cloud, role: str) -> None:
    job = make_job(cloud, role, SAY)
    with pytest.raises(ClientError, match="Member must have length less than or equal to 255"):
        begin(cloud, "j" * 256)
    with pytest.raises(ClientError, match="SecurityConfiguration: not offered here"):
        begin(cloud, job, SecurityConfiguration="it")


def test_who_may_not_start_this_job_does_not(cloud: Cloud, role: str) -> None:
    job, other = make_job(cloud, role, SAY), make_job(cloud, role, SAY)
    arn = f"arn:aws:glue:{instance.REGION}:{instance.ACCOUNT}:job/{job}"
    person = cloud.make_role(unique("Person"), allow("glue:StartJobRun", resource=arn))
    glue = cloud.client("glue", cloud.assume(person))
    ended(cloud, job, glue.start_job_run(JobName=job)["JobRunId"])
    with pytest.raises(ClientError, match="not authorized to perform: glue:StartJobRun"):
        glue.start_job_run(JobName=other)


def test_the_end_of_a_run_is_an_event(cloud: Cloud, role: str) -> None:
    name = unique("rule")
    queue, arn = cloud.make_queue(name, "events")
    events = cloud.client("events")
    pattern = {"source": ["aws.glue"], "detail-type": ["Glue Job State Change"]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "it", "Arn": arn}])
    job = make_job(cloud, role, "raise ValueError('why')")
    run = done(cloud, job)
    (message,) = wait_for(
        lambda: cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages")
    )
    assert json.loads(message["Body"])["detail"] == {
        "jobName": job,
        "severity": "ERROR",
        "state": "FAILED",
        "jobRunId": run["Id"],
        "message": run["ErrorMessage"],
    }
    events.remove_targets(Rule=name, Ids=["it"])


def test_a_stacks_job_is_as_its_template_says(cloud: Cloud, role: str) -> None:
    properties = {
        "Role": role,
        "Command": {
            "Name": "glueetl",
            "PythonVersion": "3",
            "ScriptLocation": "s3://scripts/it.py",
        },
        "DefaultArguments": {"--corpus": "s3://a/b"},
        "Description": "it",
        "ExecutionProperty": {"MaxConcurrentRuns": 3},
        "GlueVersion": "5.1",
        "MaxRetries": 0,
        "NumberOfWorkers": 4,
        "Tags": {"project": "it"},
        "Timeout": 30,
        "WorkerType": "G.1X",
    }
    cloudformation, glue = cloud.client("cloudformation"), cloud.client("glue")

    def template(**changed: Any) -> str:
        job = {"Type": "AWS::Glue::Job", "Properties": properties | changed}
        return json.dumps({"Resources": {"Job": job}})

    cloudformation.create_stack(StackName="glue", TemplateBody=template())
    cloudformation.get_waiter("stack_create_complete").wait(StackName="glue")
    resources = cloudformation.describe_stack_resources(StackName="glue")["StackResources"]
    name = resources[0]["PhysicalResourceId"]
    job = glue.get_job(JobName=name)["Job"]
    assert {key: job.get(key) for key in properties if key != "Tags"} == {
        key: value for key, value in properties.items() if key != "Tags"
    }
    arn = f"arn:aws:glue:{instance.REGION}:{instance.ACCOUNT}:job/{name}"
    assert glue.get_tags(ResourceArn=arn)["Tags"].items() >= {"project": "it"}.items()
    changed = {"ExecutionProperty": {"MaxConcurrentRuns": 1}, "Timeout": 31}
    cloudformation.update_stack(StackName="glue", TemplateBody=template(**changed))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="glue")
    job = glue.get_job(JobName=name)["Job"]
    assert {key: job[key] for key in changed} == changed
    cloudformation.delete_stack(StackName="glue")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="glue")
    with pytest.raises(ClientError, match="not found"):
        glue.get_job(JobName=name)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Any]:
    """Starts an instance whose Spark is in a folder."""

    def start(environment: Path) -> Any:
        monkeypatch.setenv(spark.VARIABLE, str(environment))
        return instance.running()

    return start


def test_without_spark_a_run_fails_and_says_how_to_get_it(
    bare: Callable[[Path], Any], tmp_path: Path
) -> None:
    with bare(tmp_path / "none") as started:
        cloud = Cloud(started.environment())
        cloud.client("s3").create_bucket(Bucket="scripts")
        role = cloud.make_role("Preparing", allow("s3:*"), allow(*LOGS), service="glue")
        run = done(cloud, make_job(cloud, role, SAY))
    assert run["JobRunState"] == "FAILED"
    assert "`make .venv-spark/ready`" in run["ErrorMessage"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_script_ends_with_its_server(
    bare: Callable[[Path], Any], tmp_path: Path, number: signal.Signals
) -> None:
    environment = write_environment(tmp_path / "environment")
    with bare(environment) as started:
        cloud = Cloud(started.environment())
        cloud.client("s3").create_bucket(Bucket="scripts")
        role = cloud.make_role("Preparing", allow("s3:*"), allow(*LOGS), service="glue")
        run = begin(cloud, make_job(cloud, role, SLEEP))
        (pid,) = wait_for(lambda: log(cloud, run))
        os.kill(started.pid, number)
        wait_for(lambda: gone(int(pid)), "the script outlives its server")
