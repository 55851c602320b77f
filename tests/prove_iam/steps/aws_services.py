"""AWS's services, which act when something happens."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..stage import PROJECT, Stage
from .function_logs import calls_of, events_of
from .step import Step
from .updates import updating


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


STEPS = {
    "events.amazonaws.com": [
        Step("hear of a job's end", end_a_job),
        Step("ask during an update", update_the_endpoint),
    ],
    "TrainingJobNotifyEventsRole": [Step("mail a notice", notify)],
    "cloudwatch.amazonaws.com": [Step("tell of an alarm", alarm)],
}
