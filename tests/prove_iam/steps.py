"""The steps of the flow in which each principal acts, and what a user would see of them.

A step puts in place what it needs, as the account's root, and looks at the effect: also where the
code goes on without a permission, as it does when a job's log can't be read.
"""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stacks.serving.gate.handlers import check, during_update
from stacks.training_job.handlers import finish, interfaces, jobs, start
from tests.support.waiting import wait_for

from .stage import (
    NAME,
    OF_A_CONFIGURATION,
    PROJECT,
    STACKS,
    Stage,
    instance_arn,
    unused_handle,
)

AT_REST = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
EMPTYING = "CustomS3AutoDeleteObjectsCustomResourceProviderHandler"
FORMER = f"{NAME}-000000000000"  # jobs of a fingerprint before this one


@dataclass(frozen=True)
class Step:
    """A step of the flow.

    Attributes:
        title: What it is called in the table.
        act: Takes it; raises when a user would not see what they should.
        logs: Whether it is about a function's own log, and nothing else is.
    """

    title: str
    act: Callable[[Stage], None]
    logs: bool = False

    def take(self, stage: Stage) -> None:
        """Take it, with no job and no fault left of the steps before."""
        stage.stop_all()
        self.act(stage)


# The function that starts jobs


@contextmanager
def starting(stage: Stage, **environment: str) -> Iterator[list[Any]]:
    """As `Start`, in a deployment that goes forward."""
    given = {"WAIT_HANDLE": unused_handle()} | environment
    with (
        stage.acting_as("TrainingJobStart", **given) as told,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(start, "FORWARD", AT_REST)  # what the stack is while this proof runs
        yield told


def request(stage: Stage, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "RequestId": str(uuid.uuid4()),
        "StackId": stage.stack_id,
        "ResourceProperties": stage.training_properties(),
        **more,
    }


def start_a_job(stage: Stage) -> None:
    stage.remove("models", "jobs", "data")
    stage.arm("training.hang")
    with starting(stage):
        start.handler(request(stage, "Create"), None)
    (job,) = stage.running()
    assert stage.tags(job)["fingerprint"] == stage.fingerprint
    stage.assert_stored("data")


def stop_on_delete(stage: Stage) -> None:
    stage.put("data")
    for identity in (stage.identity, FORMER):
        job = stage.train(identity, "training.hang")
        with starting(stage):
            start.handler(request(stage, "Delete", PhysicalResourceId=identity), None)
        assert stage.status(job) == "Stopped", "the job runs on"


def look_for_interfaces_on_delete(stage: Stage) -> None:
    """The endpoint's are there: so it looks once, and waits no longer."""
    with starting(stage), pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "ENDING", AT_REST)
        patch.setattr(interfaces, "GONE_SECONDS", 0)
        start.handler(request(stage, "Delete", PhysicalResourceId=FORMER), None)


def stop_what_an_update_that_goes_back_has_left(stage: Stage) -> None:
    stage.put("data", "models")
    job = stage.train(FORMER, "training.hang")
    former = stage.training_properties() | {"Fingerprint": "0" * 64}
    with starting(stage), pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "FORWARD", ())
        start.handler(request(stage, "Update", OldResourceProperties=former), None)
    assert stage.status(job) != "InProgress", "the job runs on"


def adopt_a_job_that_runs(stage: Stage) -> None:
    stage.remove("models", "jobs")
    stage.put("data")
    job = stage.train(stage.identity, "training.hang")
    handle = unused_handle()
    with starting(stage, WAIT_HANDLE=handle):
        start.handler(request(stage, "Create"), None)
    assert stage.running() == [job]
    assert jobs.awaited_by(handle).items() <= stage.tags(job).items(), (
        "the job's end will tell nobody"
    )


def adopt_a_job_that_is_done(stage: Stage) -> None:
    stage.remove("models")
    stage.put("jobs")
    with starting(stage) as told:
        start.handler(request(stage, "Create"), None)
    (signal,) = told
    assert signal.failure is None
    assert signal.data.startswith("test:pwll=")
    stage.assert_stored("models")


def tell_of_a_job_that_has_failed(stage: Stage) -> None:
    stage.remove("models", "jobs")
    stage.put("data")
    handle = unused_handle()
    stage.ended(stage.train(stage.identity, "training.fail", handle=handle))
    with starting(stage, WAIT_HANDLE=handle) as told:
        start.handler(request(stage, "Create"), None)
    (signal,) = told
    assert_tells_the_log(signal.failure)


def assert_tells_the_log(failure: str) -> None:
    assert failure.splitlines()[-1] == "bad data", "the failure says nothing of the job's log"


def take_a_model_that_is_published(stage: Stage) -> None:
    stage.put("models")
    with starting(stage) as told:
        start.handler(request(stage, "Create"), None)
    (signal,) = told
    assert signal.data.startswith("test:pwll=")


# The function of a job's end


def finishing(stage: Stage, job: str, handle: str) -> Any:
    stage.at_hand("sagemaker").add_tags(
        ResourceArn=instance_arn("sagemaker", f"training-job/{job}"),
        Tags=[{"Key": k, "Value": v} for k, v in jobs.awaited_by(handle).items()],
    )
    said = io.StringIO()
    with stage.acting_as("TrainingJobFinish", WAIT_HANDLE=handle) as told, redirect_stdout(said):
        finish.handler({"detail": {"TrainingJobName": job}}, None)
    assert said.getvalue(), "there is no metric of the job"
    (signal,) = told
    return signal


def publish_a_model(stage: Stage) -> None:
    stage.remove("models")
    stage.put("jobs")
    signal = finishing(stage, stage.first_job["TrainingJobName"], unused_handle())
    assert signal.failure is None
    assert signal.data.startswith("test:pwll=")
    stage.assert_stored("models")


def tell_why_a_job_has_failed(stage: Stage) -> None:
    stage.put("data")
    job = stage.train(stage.identity, "training.fail")
    stage.ended(job)
    assert_tells_the_log(finishing(stage, job, unused_handle()).failure)


def hand_over_what_fails(stage: Stage) -> None:
    """A job that nobody knows makes `Finish` fail, twice; then `Crashed` is called, and logs."""
    before = events_of(stage, "TrainingJobCrashed")
    stage.at_hand("lambda").invoke(
        FunctionName=stage.resources["TrainingJobFinish"],
        InvocationType="Event",
        Payload=json.dumps({"detail": {"TrainingJobName": "unknown"}}),
    )
    what = "the deployment hears nothing of an end that could not be handled"
    stage.expect(lambda: events_of(stage, "TrainingJobCrashed") > before, what)


# Every function


def events_of(stage: Stage, function: str, part: str = "") -> int:
    """How many events with such a part a function's log group has."""
    config = stage.at_hand("lambda").get_function_configuration(
        FunctionName=stage.resources[function]
    )
    group = config["LoggingConfig"]["LogGroup"]
    pages = stage.at_hand("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return sum(part in event["message"] for page in pages for event in page["events"])


def calls_of(stage: Stage, function: str) -> int:
    """How often a function has been called and is done."""
    return events_of(stage, function, "REPORT ")


def log(function: str) -> Step:
    """Let a function write its log; what it is called with makes it do nothing else.

    MiniStack writes the log before it answers, so there is nothing to wait for.
    """

    def take(stage: Stage) -> None:
        before = events_of(stage, function)
        stage.invoke(function, {"RequestType": "None"})
        assert events_of(stage, function) > before, "its log is empty"

    return Step("its log says what it did", take, logs=True)


def through_provider(
    stage: Stage, provider: str, properties: dict[str, Any], deletion: str = "Delete"
) -> None:
    """Make a custom resource of a stack of its own, and delete the stack."""
    function = stage.resources[provider]
    arn = instance_arn("lambda", f"function:{function}")
    template = {
        "Resources": {
            "Resource": {
                "Type": "Custom::Proof",
                "DeletionPolicy": deletion,
                "Properties": {"ServiceToken": arn, "ServiceTimeout": 60, **properties},
            }
        }
    }
    cloudformation, name = stage.at_hand("cloudformation"), f"{PROJECT}-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    try:
        wait_for(lambda: settled(stage, name), "the custom resource does not answer", 90)
        failed = failures(stage, name)
        assert not failed, failed[0]
    finally:
        delete_stack(stage, name)


def settled(stage: Stage, stack: str) -> str | None:
    """The status of a stack that nothing happens to any more."""
    try:
        (found,) = stage.at_hand("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError:  # as AWS answers when a stack is gone
        return "DELETE_COMPLETE"
    status = str(found["StackStatus"])
    return None if status.endswith("IN_PROGRESS") else status


def delete_stack(stage: Stage, name: str) -> None:
    """Delete a stack, and forget its resource if that can't be: a permission is missing."""
    cloudformation = stage.at_hand("cloudformation")
    cloudformation.delete_stack(StackName=name)
    status = wait_for(lambda: settled(stage, name), "the stack is not deleted", 90)
    if status == "DELETE_FAILED":
        cloudformation.delete_stack(StackName=name, RetainResources=["Resource"])
        wait_for(lambda: settled(stage, name) != status, "the stack is not deleted")


def failures(stage: Stage, stack: str) -> list[str]:
    found = stage.at_hand("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        event["ResourceStatusReason"]
        for event in found
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
    ]


def calling(provider: str, properties: Callable[[Stage], dict[str, Any]]) -> Step:
    """Let the CDK's provider call our function, once: a foreign stack's end is not its matter."""

    def take(stage: Stage) -> None:
        through_provider(stage, provider, properties(stage), deletion="Retain")

    return Step("call the function of a custom resource", take)


def nothing_to_start(stage: Stage) -> dict[str, Any]:
    """With another wait than its own, the function has nothing to do."""
    return stage.training_properties() | {"Wait": "another"}


def a_model_to_check(stage: Stage) -> dict[str, Any]:
    stage.put("models")
    return stage.gate_properties()


# The gate


def check_the_endpoint(stage: Stage) -> None:
    stage.put("models")
    event = {"RequestType": "Create", "ResourceProperties": stage.gate_properties()}
    with stage.acting_as("GateCheck"):
        check.handler(event, None)


def let_a_rollback_pass(stage: Stage) -> None:
    event = request(stage, "Update") | {"ResourceProperties": stage.gate_properties()}
    (serving,) = stage.at_hand("cloudformation").describe_stacks(StackName=STACKS[2])["Stacks"]
    stage.put("models")
    with stage.acting_as("GateCheck"):
        check.handler(event | {"StackId": serving["StackId"]}, None)


def ask_during_an_update(stage: Stage) -> None:
    stage.put("models")
    said = io.StringIO()
    with updating(stage), stage.acting_as("GateDuringUpdate"), redirect_stdout(said):
        during_update.handler({"detail": {"EndpointName": NAME}}, None)
    measured = json.loads(said.getvalue().splitlines()[-1])
    assert measured["Failed"] == 0, "every answer counts as a wrong one, and turns the update back"


def configuration(stage: Stage, **variant: Any) -> str:
    """A new endpoint configuration like the deployed one but for its variant; its name."""
    name = f"{PROJECT}-{uuid.uuid4().hex[:8]}"
    members = {k: v for k, v in stage.configuration.items() if k in OF_A_CONFIGURATION}
    (only,) = members["ProductionVariants"]
    stage.at_hand("sagemaker").create_endpoint_config(
        EndpointConfigName=name, **members | {"ProductionVariants": [only | variant]}
    )
    return name


def update(stage: Stage, endpoint: str, *alarms: str) -> str:
    """Begin to move an endpoint to a new configuration; its name."""
    name = configuration(stage)
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": one} for one in alarms]}}
    routing = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60},
    }
    policy = {"BlueGreenUpdatePolicy": routing} | (rollback if alarms else {})
    stage.update(endpoint, name, DeploymentConfig=policy)
    return name


@contextmanager
def updating(stage: Stage) -> Iterator[str]:
    """Update the endpoint for as long as the block runs: a new container starts slowly.

    The block gets the name of the new configuration.
    """
    stage.arm("endpoint.slow-start", seconds=300)
    wanted = update(stage, NAME)
    try:
        yield wanted
    finally:
        stage.disarm()
        stage.in_service(NAME)


# The execution role


def train(stage: Stage) -> None:
    """An account's first job: its log group is not there yet."""
    stage.put("data")
    group = "/aws/sagemaker/TrainingJobs"
    with suppress(ClientError):
        stage.at_hand("logs").delete_log_group(logGroupName=group)
    job = stage.train(f"{PROJECT}-train")
    status = stage.ended(job)
    described = stage.at_hand("sagemaker").describe_training_job(TrainingJobName=job)
    assert status == "Completed", described.get("FailureReason")
    key = described["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]
    head = stage.at_hand("s3").head_object(Bucket=stage.bucket, Key=key)
    assert head.get("SSEKMSKeyId") == stage.key, "the model is not encrypted with the key"
    assert_has_events(stage, group, "the job has no log")


def leave_no_interface(stage: Stage) -> None:
    """What stays has the security group, which a stack could then not delete."""
    stage.put("data")
    before = stage.interfaces()
    stage.ended(stage.train(f"{PROJECT}-train", "training.fail"))
    try:
        wait_for(lambda: stage.interfaces() <= before, "SageMaker's interfaces stay", 10)
    finally:
        stage.remove_interfaces(stage.interfaces() - before)


def assert_has_events(stage: Stage, group: str, otherwise: str) -> None:
    def events() -> Any:
        with suppress(ClientError):
            return stage.at_hand("logs").filter_log_events(logGroupName=group)["events"]
        return None

    stage.expect(events, otherwise)


def host(stage: Stage) -> None:
    """An endpoint of its own comes into service, answers, captures, is updated, and has logged."""
    stage.put("models")
    sagemaker, name = stage.at_hand("sagemaker"), f"{PROJECT}-host-{uuid.uuid4().hex[:8]}"
    group = f"/aws/sagemaker/Endpoints/{name}"
    stage.at_hand("logs").create_log_group(logGroupName=group)  # as the serving stack does
    sagemaker.create_endpoint(
        EndpointName=name, EndpointConfigName=configuration(stage, InitialInstanceCount=1)
    )
    try:
        stage.in_service(name)
        ask(stage.at_hand("sagemaker-runtime"), name)
        captured = f"capture/{name}/"
        stage.expect(lambda: found_below(stage, captured), "nothing is captured")
        wanted = update(stage, name, stage.resources["ServerErrors"])
        now = stage.in_service(name)
        assert now["EndpointConfigName"] == wanted, now.get("FailureReason")
        assert_has_events(stage, group, "the endpoint has no log")
    finally:
        with suppress(AssertionError):
            stage.in_service(name)
        sagemaker.delete_endpoint(EndpointName=name)


def found_below(stage: Stage, part: str) -> list[str]:
    prefix = stage.keys("models")[0].partition("models/")[0]
    found = stage.at_hand("s3").list_objects_v2(Bucket=stage.bucket, Prefix=f"{prefix}{part}")
    return [entry["Key"] for entry in found.get("Contents", [])]


def make_a_model(stage: Stage) -> None:
    """Whoever deploys makes it, and SageMaker looks whether the role can read the artifact."""
    stage.put("models")
    sagemaker, name = stage.at_hand("sagemaker"), f"{PROJECT}-{uuid.uuid4().hex[:8]}"
    (variant,) = stage.configuration["ProductionVariants"]
    deployed = sagemaker.describe_model(ModelName=variant["ModelName"])
    members = ("PrimaryContainer", "ExecutionRoleArn", "EnableNetworkIsolation", "VpcConfig")
    sagemaker.create_model(
        ModelName=name, **{key: value for key, value in deployed.items() if key in members}
    )
    sagemaker.delete_model(ModelName=name)


# Whoever asks the endpoint


def ask(runtime: Any, endpoint: str) -> None:
    body = json.dumps({"instances": [{"features": [1] * 1000}]})
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=body
    )
    assert json.load(answer["Body"])["predictions"]


def ask_as_a_user(stage: Stage) -> None:
    iam = stage.at_hand("iam")
    name = f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    policy = stage.outputs()["InvokePolicyArn"]
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        session = boto3.session.Session(
            key["AccessKeyId"],
            key["SecretAccessKey"],
            region_name=stage.environment["AWS_REGION"],
        )
        runtime = session.client(
            "sagemaker-runtime",
            endpoint_url=stage.environment["AWS_ENDPOINT_URL"],
            verify=stage.environment["AWS_CA_BUNDLE"],
        )
        ask(runtime, NAME)
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.detach_user_policy(UserName=name, PolicyArn=policy)
        iam.delete_user(UserName=name)


# AWS's services


@contextmanager
def listening(stage: Stage, topic: str) -> Iterator[Callable[[], str]]:
    """What a topic tells is got by the function that the block gets."""
    sqs, sns = stage.at_hand("sqs"), stage.at_hand("sns")
    url = sqs.create_queue(QueueName=f"{PROJECT}-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(
        TopicArn=stage.resources[topic], Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )["SubscriptionArn"]

    def receive() -> str:
        received = stage.expect(
            lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"),
            "nobody is told",
        )
        return str(received[0]["Body"])

    try:
        yield receive
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=url)


def notify(stage: Stage) -> None:
    stage.put("data")
    with stage.hearing("TrainingJobNotify"), listening(stage, "Notices") as receive:
        job = stage.train(stage.identity, "training.fail")
        stage.ended(job)
        assert f"Training job {job} ended as Failed" in receive()


def alarm(stage: Stage) -> None:
    name = stage.resources["ServerErrors"]
    cloudwatch = stage.at_hand("cloudwatch")
    with listening(stage, "Alarms") as receive:
        for state in ("OK", "ALARM"):
            cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a proof")
        assert name in receive()


def end_a_job(stage: Stage) -> None:
    """The rule calls `Finish`, which counts the failure in its log."""
    stage.put("data")
    before = calls_of(stage, "TrainingJobFinish")
    what = "the deployment hears nothing of the job's end"
    with stage.hearing("TrainingJobOnEnd"):
        stage.ended(stage.train(stage.identity, "training.fail"))
        stage.expect(lambda: calls_of(stage, "TrainingJobFinish") > before, what)


def update_the_endpoint(stage: Stage) -> None:
    stage.put("models")
    what = "nobody asks the endpoint while it is updated"
    with stage.hearing("GateOnUpdate"), updating(stage) as wanted:
        stage.expect(lambda: events_of(stage, "GateDuringUpdate", wanted), what)


# Emptying the bucket


def empty_the_bucket(stage: Stage) -> None:
    """Delete a resource as the bucket's stack does; writes are refused from then on."""
    stage.put("data")
    s3 = stage.at_hand("s3")
    policy = s3.get_bucket_policy(Bucket=stage.bucket)["Policy"]
    before = policy.count('"s3:PutObject"')
    try:
        through_provider(stage, EMPTYING, {"BucketName": stage.bucket})
        left = s3.list_object_versions(Bucket=stage.bucket)
        assert not left.get("Versions"), "the bucket is not empty"
        after = s3.get_bucket_policy(Bucket=stage.bucket)["Policy"]
        assert after.count('"s3:PutObject"') == before + 1, "it can still be written to"
    finally:
        s3.put_bucket_policy(Bucket=stage.bucket, Policy=policy)


STEPS: dict[str, list[Step]] = {
    "TrainingJobStartRole": [
        Step("start a job", start_a_job),
        Step("stop a job when its resource is deleted", stop_on_delete),
        Step("look for interfaces before the stack's role goes", look_for_interfaces_on_delete),
        Step("go back from an update", stop_what_an_update_that_goes_back_has_left),
        Step("adopt a job that runs", adopt_a_job_that_runs),
        Step("adopt a job that is done", adopt_a_job_that_is_done),
        Step("tell of a job that has failed", tell_of_a_job_that_has_failed),
        Step("deploy a model that is there", take_a_model_that_is_published),
        log("TrainingJobStart"),
    ],
    "TrainingJobFinishRole": [
        Step("publish a model", publish_a_model),
        Step("tell why a job has failed", tell_why_a_job_has_failed),
        Step("hand over what fails", hand_over_what_fails),
        log("TrainingJobFinish"),
    ],
    "TrainingJobCrashedRole": [log("TrainingJobCrashed")],
    "TrainingJobProviderRole": [
        calling("TrainingJobProviderframeworkonEvent", nothing_to_start),
        log("TrainingJobProviderframeworkonEvent"),
    ],
    "ExecutionRole": [
        Step("leave no interface in the VPC", leave_no_interface),
        Step("train", train),
        Step("make a model", make_a_model),
        Step("serve, capture and update", host),
    ],
    "GateCheckRole": [
        Step("check the endpoint", check_the_endpoint),
        Step("let a rollback pass", let_a_rollback_pass),
        log("GateCheck"),
    ],
    "GateDuringUpdateRole": [
        Step("ask during an update", ask_during_an_update),
        log("GateDuringUpdate"),
    ],
    "GateProviderRole": [
        calling("GateProviderframeworkonEvent", a_model_to_check),
        log("GateProviderframeworkonEvent"),
    ],
    "InvokePolicy": [Step("ask the endpoint", ask_as_a_user)],
    "events.amazonaws.com": [
        Step("hear of a job's end", end_a_job),
        Step("ask during an update", update_the_endpoint),
    ],
    "TrainingJobNotifyEventsRole": [Step("mail a notice", notify)],
    "cloudwatch.amazonaws.com": [Step("tell of an alarm", alarm)],
    "CustomS3AutoDeleteObjectsCustomResourceProviderRole": [
        Step("empty the bucket", empty_the_bucket),
        log(EMPTYING),
    ],
}
