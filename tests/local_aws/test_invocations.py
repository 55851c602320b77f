"""InvokeEndpoint beyond the model's answer: limits, faults, metrics, alarms and data capture."""

import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import wait_for

from .conftest import Cloud, allow, disarm, have_struck
from .hosting import configuration, deleted, in_service, model, topics_of
from .test_hosting import DOCUMENT, invoke
from .test_updates import put_alarm

SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
MEGABYTE = 1024 * 1024


def errors(ask: Callable[[], Any], times: int) -> list[tuple[str, int]]:
    """The code and HTTP status of each refusal."""
    found = []
    for _ in range(times):
        with pytest.raises(ClientError) as caught:
            ask()
        response: Any = caught.value.response
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        found.append((response["Error"]["Code"], status))
    return found


def total(cloud: Cloud, endpoint: str, metric: str, statistic: str = "Sum") -> float | None:
    """A statistic of the last ten minutes; None without data."""
    now = datetime.now(UTC)
    answer = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600 * 24 * 30,
        Statistics=[statistic],
    )
    points: list[dict[str, float]] = answer["Datapoints"]
    return points[0][statistic] if points else None


def test_a_serverless_variant_throttles_what_is_over_its_concurrency(
    cloud: Cloud, role: str, bucket: str, arm: Callable[..., None]
) -> None:
    config = configuration(cloud, model(cloud, role, bucket, 3), ServerlessConfig=SERVERLESS)
    endpoint = in_service(cloud, config)
    described = cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    (variant,) = described["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == SERVERLESS
    assert "CurrentInstanceCount" not in variant

    ask, answers = topics_of(cloud, endpoint), list[int]()
    arm("invoke.slow", seconds=60)
    slow = threading.Thread(target=lambda: answers.append(ask()))
    slow.start()
    wait_for(have_struck)
    assert errors(ask, 2) == [("ThrottlingException", 400)] * 2
    disarm()
    slow.join()
    assert [*answers, ask()] == [3, 3]
    deleted(cloud, endpoint)


def test_a_serverless_variant_takes_four_megabytes_and_an_instance_six(
    cloud: Cloud, role: str, bucket: str
) -> None:
    name = model(cloud, role, bucket, 3)
    for config, limit in (
        (configuration(cloud, name, ServerlessConfig=SERVERLESS), 4 * MEGABYTE),
        (configuration(cloud, name), 6 * MEGABYTE),
    ):
        endpoint = in_service(cloud, config)
        body = (DOCUMENT + "\n").encode().ljust(limit, b"\n")
        assert len(invoke(cloud, endpoint, body)["predictions"]) == 1
        with pytest.raises(
            ClientError, match=rf"\(413\) .* HTTP content length exceeded {limit} bytes"
        ):
            invoke(cloud, endpoint, body + b"\n")
        deleted(cloud, endpoint)


@pytest.mark.parametrize(
    ("change", "config", "reason"),
    [
        ({"MemorySizeInMB": 1500}, {}, "must be a multiple of 1024"),
        ({"MaxConcurrency": 201}, {}, "less than or equal to 200"),
        ({"ProvisionedConcurrency": 2}, {}, "less than or equal to MaxConcurrency"),
        (
            {},
            {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 100,
                    "DestinationS3Uri": "s3://data/captured",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "does not support DataCaptureConfig",
        ),
    ],
)
def test_a_serverless_variant_that_sagemaker_does_not_offer_is_refused(
    cloud: Cloud,
    role: str,
    bucket: str,
    change: dict[str, int],
    config: dict[str, Any],
    reason: str,
) -> None:
    name = model(cloud, role, bucket, 3)
    with pytest.raises(ClientError, match=reason):
        configuration(cloud, name, config, ServerlessConfig=SERVERLESS | change)


def test_invocations_are_counted_and_timed_in_cloudwatch(
    cloud: Cloud, role: str, bucket: str, arm: Callable[..., None]
) -> None:
    config = configuration(cloud, model(cloud, role, bucket, 3), InitialInstanceCount=2)
    endpoint = in_service(cloud, config)
    ask = topics_of(cloud, endpoint)
    arm("invoke.slow", seconds=0.5)
    ask()
    arm("invoke.model-error", reason="out of memory")
    assert errors(ask, 1) == [("ModelError", 424)]
    arm("invoke.throttle")
    arm("invoke.not-ready")
    assert errors(ask, 2) == [("ThrottlingException", 400), ("ModelNotReadyException", 429)]
    with pytest.raises(ClientError, match="client error \\(400\\)"):
        invoke(cloud, endpoint, "1,2,3")

    wait_for(lambda: total(cloud, endpoint, "Invocations") == 5)
    found = {
        name: total(cloud, endpoint, name)
        for name in (
            "InvocationsPerInstance",
            "Invocation4XXErrors",
            "Invocation5XXErrors",
            "InvocationModelErrors",
        )
    }
    assert found == {
        "InvocationsPerInstance": 2.5,
        "Invocation4XXErrors": 3,
        "Invocation5XXErrors": 1,
        "InvocationModelErrors": 2,
    }
    slowest = total(cloud, endpoint, "ModelLatency", "Maximum")
    assert slowest is not None
    assert 500_000 <= slowest < 60_000_000
    assert total(cloud, endpoint, "OverheadLatency", "SampleCount") == 3
    assert total(cloud, "another", "Invocations") is None
    deleted(cloud, endpoint)


def test_a_burst_of_model_errors_raises_the_alarm_and_reaches_the_topics_subscriber(
    cloud: Cloud, role: str, bucket: str, arm: Callable[..., None]
) -> None:
    config = configuration(cloud, model(cloud, role, bucket, 3))
    ill, healthy = in_service(cloud, config), in_service(cloud, config)
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name="operators")["TopicArn"]
    queue, queue_arn = cloud.make_queue("operator", "sns")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    for endpoint in (ill, healthy):
        put_alarm(cloud, f"5xx-{endpoint}", endpoint, topic)

    topics_of(cloud, healthy)()
    arm("invoke.model-error", times=5)
    errors(topics_of(cloud, ill), 5)
    received = wait_for(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")
    )
    (notice,) = (json.loads(json.loads(message["Body"])["Message"]) for message in received)
    assert (notice["AlarmName"], notice["NewStateValue"]) == (f"5xx-{ill}", "ALARM")
    assert notice["Trigger"]["MetricName"] == "Invocation5XXErrors"
    described = cloud.client("cloudwatch").describe_alarms(AlarmNames=[f"5xx-{healthy}"])
    assert [alarm["StateValue"] for alarm in described["MetricAlarms"]] == ["OK"]
    deleted(cloud, ill, healthy)


def test_an_alarm_on_silence_needs_no_data_to_change(cloud: Cloud) -> None:
    """An endpoint that nobody asks puts no metric; the alarm is told by the clock."""
    cloudwatch = cloud.client("cloudwatch")
    asked = {
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "EndpointName", "Value": "unasked"}],
    }
    cloudwatch.put_metric_alarm(
        AlarmName="idle",
        Namespace="AWS/SageMaker",
        **asked,
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["idle"])["MetricAlarms"]
        return str(alarm["StateValue"])

    def is_ok_when_asked() -> bool:
        datum = {"Value": 1, "Timestamp": datetime.now(UTC) - timedelta(seconds=7)}
        cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[asked | datum])
        return state() == "OK"

    wait_for(is_ok_when_asked)
    wait_for(lambda: state() == "ALARM")


def capturing(prefix: str, percentage: int = 100) -> dict[str, Any]:
    return {
        "DataCaptureConfig": {
            "InitialSamplingPercentage": percentage,
            "DestinationS3Uri": f"s3://data/{prefix}",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        }
    }


def captured(cloud: Cloud, prefix: str) -> list[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket="data", Prefix=f"{prefix}/")
    return [entry["Key"] for entry in listed.get("Contents", [])]


def test_what_was_asked_and_answered_is_captured_as_the_role(
    cloud: Cloud, role: str, bucket: str
) -> None:
    config = configuration(cloud, model(cloud, role, bucket, 3), capturing("captured"))
    endpoint = in_service(cloud, config)
    described = cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    assert described["DataCaptureConfig"]["CaptureStatus"] == "Started"
    answer = invoke(cloud, endpoint, DOCUMENT)
    (key,) = wait_for(lambda: captured(cloud, "captured"))
    hour, second = r"\d{4}/\d\d/\d\d/\d\d", r"\d\d-\d\d-\d{3}"
    name = rf"captured/{endpoint}/AllTraffic/{hour}/{second}-[0-9a-f-]{{36}}\.jsonl"
    assert re.fullmatch(name, key)
    body = cloud.client("s3").get_object(Bucket="data", Key=key)["Body"].read()
    (line,) = body.decode().splitlines()
    data = json.loads(line)["captureData"]
    assert data["endpointInput"]["data"] == DOCUMENT
    assert json.loads(data["endpointOutput"]["data"]) == answer
    deleted(cloud, endpoint)


def test_a_role_that_may_not_write_costs_the_capture_and_nothing_else(
    cloud: Cloud, bucket: str
) -> None:
    reader = cloud.make_role(
        "Reader", allow("s3:GetObject", resource="arn:aws:s3:::data/*"), allow("logs:*")
    )
    config = configuration(cloud, model(cloud, reader, bucket, 3), capturing("forbidden"))
    endpoint = in_service(cloud, config)
    assert topics_of(cloud, endpoint)() == 3
    logs = cloud.client("logs")

    def complaints() -> list[str]:
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")
        except logs.exceptions.ResourceNotFoundException:  # made with the first line
            return []
        return [e["message"] for e in events["events"] if "capture" in e["message"]]

    (complaint,) = wait_for(complaints)
    assert "AccessDenied" in complaint
    assert captured(cloud, "forbidden") == []
    deleted(cloud, endpoint)


def test_of_no_sample_nothing_is_captured(cloud: Cloud, role: str, bucket: str) -> None:
    """A deleted endpoint has written all that it will."""
    config = configuration(cloud, model(cloud, role, bucket, 3), capturing("sampled", 0))
    endpoint = in_service(cloud, config)
    topics_of(cloud, endpoint)()
    deleted(cloud, endpoint)
    assert captured(cloud, "sampled") == []
