"""How an endpoint comes from one configuration to the next, and back when that goes wrong."""

import json
import threading
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import wait_for

from .conftest import Cloud, allow, disarm, have_struck
from .hosting import configuration, deleted, in_service, model, topics_of, updated
from .test_hosting import settled
from .test_load import HALF, shifting


@pytest.fixture(scope="module")
def guarded(cloud: Cloud) -> str:
    """An execution role that may look at alarms, as guardrails need."""
    return cloud.make_role(
        "Guarded",
        allow("s3:GetObject", resource="arn:aws:s3:::data/*"),
        allow("logs:*"),
        allow(
            "cloudwatch:DescribeAlarms",
            resource="arn:aws:cloudwatch:us-east-1:000000000000:alarm:of-*",
        ),
    )


def put_alarm(
    cloud: Cloud, name: str, endpoint: str, *actions: str, config: str | None = None
) -> None:
    """An alarm on five or more server errors in a minute; of one configuration, if given."""
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "AllTraffic"},
            *([{"Name": "EndpointConfigName", "Value": config}] if config else []),
        ],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=list(actions),
    )


def steps_of(cloud: Cloud, endpoint: str) -> str:
    """A queue that gets the events of an endpoint's updates; its URL."""
    events = cloud.client("events")
    queue, arn = cloud.make_queue(f"steps-of-{endpoint}", "events")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Endpoint Deployment State Change"],
        "detail": {"EndpointName": [endpoint]},
    }
    events.put_rule(Name=f"steps-of-{endpoint}", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"steps-of-{endpoint}", Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def received(cloud: Cloud, queue: str, number: int) -> list[dict[str, Any]]:
    """The first so many messages of a queue."""
    sqs, found = cloud.client("sqs"), list[dict[str, Any]]()

    def enough() -> bool:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return len(found) >= number

    wait_for(enough)
    return found[:number]


def step(event: dict[str, Any]) -> tuple[str, str, str]:
    """The endpoint's status, where it goes, and what the new variant is at."""
    detail = event["detail"]
    pending = detail["PendingDeploymentSummary"]
    (variant,) = pending["ProductionVariants"]
    status = variant["VariantStatus"][0]["Status"]
    return detail["EndpointStatus"], pending["EndpointConfigName"], status


def counts(described: dict[str, Any]) -> tuple[int, int]:
    (variant,) = described["ProductionVariants"]
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]


def watching(alarm: str) -> dict[str, Any]:
    """The part of a DeploymentConfig that rolls back on an alarm."""
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]}}


def test_a_canary_gets_its_part_until_an_alarm_takes_it_back(
    cloud: Cloud, guarded: str, bucket: str, arm: Any
) -> None:
    old, new = (
        configuration(cloud, model(cloud, guarded, bucket, topics), InitialInstanceCount=2)
        for topics in (3, 2)
    )
    endpoint = in_service(cloud, old)
    put_alarm(cloud, f"of-{endpoint}", endpoint, config=new)
    ask = topics_of(cloud, endpoint)
    queue = steps_of(cloud, endpoint)
    one = {"Type": "INSTANCE_COUNT", "Value": 1}
    hour = shifting(Type="CANARY", CanarySize=one, WaitIntervalInSeconds=3600)
    sagemaker = cloud.client("sagemaker")
    sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=new,
        DeploymentConfig=hour | watching(f"of-{endpoint}"),
    )
    assert {step(event) for event in received(cloud, queue, 3)} == {
        ("UPDATING", new, "Creating"),
        ("UPDATING", new, "ActivatingTraffic"),
        ("UPDATING", new, "Baking"),
    }
    assert Counter(ask() for _ in range(8)) == {3: 4, 2: 4}
    during = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", old)
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == new
    (pending,) = during["PendingDeploymentSummary"]["ProductionVariants"]
    assert pending["VariantStatus"][0]["Status"] == "Baking"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)

    # Four instances take turns, so 6 errors are the new configuration's, which the alarm looks at.
    arm("invoke.model-error", times=12)
    for _ in range(12):
        with pytest.raises(ClientError, match="injected"):
            ask()
    after = settled(cloud, endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", old)
    assert after["FailureReason"] == (
        f"The update was rolled back: alarm of-{endpoint} is in ALARM."
    )
    routing = after["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert routing["TrafficRoutingConfiguration"]["CanarySize"] == one
    assert Counter(ask() for _ in range(8)) == {3: 8}
    assert counts(after) == (2, 2)
    deleted(cloud, endpoint)


def test_a_rolling_update_that_fails_halfway_makes_the_old_fleet_whole_again(
    cloud: Cloud, role: str, bucket: str, arm: Any
) -> None:
    """The model breaks when the first of two instances has it, and the second has not."""
    models = [model(cloud, role, bucket, topics) for topics in (3, 2)]
    old, new = (configuration(cloud, name, InitialInstanceCount=2) for name in models)
    endpoint = in_service(cloud, old)
    ask = topics_of(cloud, endpoint)
    queue = steps_of(cloud, endpoint)
    arm("endpoint.slow-start", seconds=60)
    rolling = {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 60}
    cloud.client("sagemaker").update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=new,
        DeploymentConfig={"RollingUpdatePolicy": rolling},
    )
    wait_for(have_struck)
    cloud.client("s3").put_object(Bucket=bucket, Key=f"{models[1]}.tar.gz", Body=b"no archive")
    disarm()
    after = settled(cloud, endpoint)
    assert "Failed to download model data" in after["FailureReason"]
    assert after["EndpointConfigName"] == old
    assert Counter(step(event)[2] for event in received(cloud, queue, 4)) == {
        "Creating": 2,
        "ActivatingTraffic": 1,
        "Baking": 1,
    }
    assert counts(after) == (2, 2)
    assert Counter(ask() for _ in range(4)) == {3: 4}
    deleted(cloud, endpoint)


def test_an_invocation_under_way_is_answered_by_the_instance_that_has_it(
    cloud: Cloud, role: str, bucket: str, arm: Any
) -> None:
    old, new = (configuration(cloud, model(cloud, role, bucket, topics)) for topics in (3, 2))
    endpoint = in_service(cloud, old)
    ask = topics_of(cloud, endpoint)
    arm("invoke.slow", seconds=60)
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(ask()))
    slow.start()
    wait_for(have_struck)
    cloud.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    wait_for(lambda: ask() == 2)
    disarm()
    slow.join()
    assert answers == [3], "the old instance was ended before it had answered"
    assert settled(cloud, endpoint)["EndpointConfigName"] == new
    assert ask() == 2
    deleted(cloud, endpoint)


def test_an_alarm_that_the_role_may_not_read_or_that_is_not_there_rolls_back(
    cloud: Cloud, role: str, guarded: str, bucket: str
) -> None:
    endpoint = in_service(cloud, configuration(cloud, model(cloud, role, bucket, 3)))
    for executing, reason in (
        (role, "not authorized to perform: cloudwatch:DescribeAlarms"),
        (guarded, "alarm of-nothing does not exist"),
    ):
        new = configuration(cloud, model(cloud, executing, bucket, 2))
        after = updated(cloud, endpoint, new, DeploymentConfig=watching("of-nothing"))
        assert reason in after["FailureReason"]
        assert after["EndpointConfigName"] != new
    assert topics_of(cloud, endpoint)() == 3
    deleted(cloud, endpoint)


def test_a_container_that_fails_its_pings_is_never_given_traffic(
    cloud: Cloud, role: str, bucket: str, arm: Any
) -> None:
    old, new = (configuration(cloud, model(cloud, role, bucket, topics)) for topics in (3, 2))
    endpoint = in_service(cloud, old)
    arm("endpoint.no-ping")
    after = updated(cloud, endpoint, new)
    assert "AllTraffic did not pass the ping health check" in after["FailureReason"]
    assert topics_of(cloud, endpoint)() == 3
    again = updated(cloud, endpoint, new)
    assert "FailureReason" not in again
    assert topics_of(cloud, endpoint)() == 2
    deleted(cloud, endpoint)


def test_a_container_that_starts_slowly_is_waited_for(
    cloud: Cloud, role: str, bucket: str, arm: Any
) -> None:
    old, slow = (configuration(cloud, model(cloud, role, bucket, topics)) for topics in (3, 2))
    endpoint = in_service(cloud, old)
    arm("endpoint.slow-start", seconds=60)
    cloud.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=slow)
    wait_for(have_struck)
    assert topics_of(cloud, endpoint)() == 3
    disarm()
    assert settled(cloud, endpoint)["EndpointConfigName"] == slow
    deleted(cloud, endpoint)


def test_what_scaling_has_set_is_kept_when_asked_for(cloud: Cloud, role: str, bucket: str) -> None:
    first, second, third = (
        configuration(cloud, model(cloud, role, bucket, topics)) for topics in (3, 2, 4)
    )
    endpoint = in_service(cloud, first)
    sagemaker = cloud.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
    )
    assert counts(settled(cloud, endpoint)) == (2, 2)
    kept = updated(cloud, endpoint, second, RetainAllVariantProperties=True)
    assert (kept["EndpointConfigName"], counts(kept)) == (second, (2, 2))
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    reset = updated(
        cloud,
        endpoint,
        third,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=excluded,
    )
    assert (reset["EndpointConfigName"], counts(reset)) == (third, (1, 1))
    deleted(cloud, endpoint)


def test_an_update_that_can_not_be_is_refused_and_changes_nothing(
    cloud: Cloud, role: str, bucket: str
) -> None:
    name = model(cloud, role, bucket, 3)
    config = configuration(cloud, name)
    endpoint = in_service(cloud, config)
    another = configuration(cloud, name)
    renamed = configuration(cloud, name, VariantName="Other")
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    for to, request, reason in (
        (another, shifting(Type="CANARY", CanarySize=HALF), "at least 2 instances are needed"),
        (another, shifting(Type="ALL_AT_ONCE", WaitIntervalInSeconds=4000), "less than or equal"),
        (renamed, shifting(Type="ALL_AT_ONCE"), "must have the same variants: AllTraffic"),
        (config, {}, "to the configuration that it has"),
        (configuration(cloud, name, ServerlessConfig=serverless), {}, "to a serverless variant"),
    ):
        with pytest.raises(ClientError, match=reason):
            cloud.client("sagemaker").update_endpoint(
                EndpointName=endpoint, EndpointConfigName=to, DeploymentConfig=request
            )
    assert settled(cloud, endpoint)["EndpointConfigName"] == config
    deleted(cloud, endpoint)
