"""What is measured and captured of an invocation."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local_aws.sagemaker.capture import Exchange, line
from local_aws.sagemaker.invocation_metrics import Invocation, measures

NOON = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)


def measured(status: int, model_seconds: float | None, instances: int = 2) -> dict[str, float]:
    invocation = Invocation("AllTraffic", "config", status, 0.25, model_seconds, instances)
    return {name: value for name, value, _ in measures(invocation)}


def test_latencies_are_microseconds_and_add_up_to_the_whole() -> None:
    found = measured(200, 0.2)
    assert found["ModelLatency"] == 200_000
    assert found["OverheadLatency"] == 50_000
    units = {unit for _, _, unit in measures(Invocation("v", "c", 200, 0.25, 0.2, 1))}
    assert units == {"None", "Microseconds"}


@pytest.mark.parametrize(
    ("status", "expected"), [(200, (0, 0, 0)), (415, (1, 0, 1)), (500, (0, 1, 1))]
)
def test_errors_are_counted_by_their_class_and_successes_as_none(
    status: int, expected: tuple[int, int, int]
) -> None:
    """An average of them is so the rate of errors."""
    found = measured(status, 0.2)
    names = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")
    assert tuple(found[name] for name in names) == expected


def test_an_instance_is_invoked_its_part_of_once() -> None:
    assert measured(200, 0.2, instances=4)["InvocationsPerInstance"] == 0.25
    assert "InvocationsPerInstance" not in measured(200, 0.2, instances=0)


def test_what_never_reached_the_model_has_no_latency() -> None:
    assert measured(429, None).keys() == {
        "Invocations",
        "InvocationsPerInstance",
        "Invocation4XXErrors",
        "Invocation5XXErrors",
    }


def exchange(content_type: str = "text/csv", inference_id: str | None = None) -> Exchange:
    instance: Any = None
    return Exchange(
        instance, content_type, b"1,2", "application/json", b'{"a": 1}', inference_id, NOON
    )


def config(*modes: str, **headers: list[str]) -> dict[str, Any]:
    return {
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
        "CaptureContentTypeHeader": headers,
    }


def test_a_line_has_the_form_that_sagemaker_writes() -> None:
    listed = config(
        "Input",
        "Output",
        CsvContentTypes=["text/csv"],
        JsonContentTypes=["application/json"],
    )
    found = line(listed, exchange())
    assert len(found["eventMetadata"].pop("eventId")) == 36
    assert found == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": "1,2",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": '{"a": 1}',
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"inferenceTime": "2026-11-23T12:00:05Z"},
        "eventVersion": "0",
    }


def test_content_that_is_not_listed_is_base64() -> None:
    side = line(config("Input"), exchange())["captureData"]["endpointInput"]
    assert side["encoding"] == "BASE64"
    assert base64.b64decode(side["data"]) == b"1,2"


def test_only_the_sides_that_are_asked_for_are_captured() -> None:
    assert line(config("Output"), exchange())["captureData"].keys() == {"endpointOutput"}
    both = line(config("InputAndOutput"), exchange())["captureData"]
    assert both.keys() == {"endpointInput", "endpointOutput"}


def test_the_callers_inference_id_is_kept_and_every_line_is_json() -> None:
    found = line(config("Input"), exchange(inference_id="mine"))
    assert json.loads(json.dumps(found))["eventMetadata"]["inferenceId"] == "mine"
