"""Requests against AWS's own models."""

from typing import Any

import pytest

from local_aws.api import validation
from local_aws.api.errors import ApiError
from local_aws.autoscaling import scaling_api
from local_aws.sagemaker import sagemaker_service


def test_strings_of_a_template_become_the_types_of_the_api() -> None:
    request = {
        "EndpointName": "5",
        "RetainAllVariantProperties": "true",
        "DeploymentConfig": {"RollingUpdatePolicy": {"MaximumBatchSize": {"Value": "50"}}},
    }
    assert validation.typed("sagemaker", "UpdateEndpoint", request) == {
        "EndpointName": "5",
        "RetainAllVariantProperties": True,
        "DeploymentConfig": {"RollingUpdatePolicy": {"MaximumBatchSize": {"Value": 50}}},
    }


def test_what_is_no_number_is_left_for_the_check_to_name() -> None:
    request = {"ServiceNamespace": "sagemaker", "MinCapacity": "many"}
    typed = validation.typed("application-autoscaling", "RegisterScalableTarget", request)
    assert typed == request
    with pytest.raises(ApiError, match="STRING_VALUE can not be converted to an integer") as caught:
        validation.check("application-autoscaling", "RegisterScalableTarget", typed)
    assert caught.value.code == "SerializationException"
    assert "minCapacity" in caught.value.message


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"text"', b"5", b"{", b"\xff", b"[" * 100_000, b'{"MinCapacity": NaN}', b"{'a': 1}"],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        validation.parse(body)
    assert caught.value.code == "SerializationException"


def test_a_member_that_is_null_counts_as_absent() -> None:
    assert validation.parse(b'{"a": null, "b": {"c": null, "d": [{"e": null}]}}') == {
        "b": {"d": [{}]}
    }
    assert validation.parse(b"") == {}


@pytest.mark.parametrize(
    "value", ["1", [], {}, True, 1.5, 2**31, -(2**31) - 1, float("inf"), [None]]
)
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(ApiError, match="can not be converted to an integer at 'maxResults'"):
        validation.check("sagemaker", "ListModels", {"MaxResults": value})


def test_a_time_is_a_number() -> None:
    validation.check("sagemaker", "ListModels", {"CreationTimeAfter": 1.5})
    with pytest.raises(ApiError, match="STRING_VALUE can not be converted to a timestamp"):
        validation.check("sagemaker", "ListModels", {"CreationTimeAfter": "yesterday"})


def test_a_name_that_is_far_too_long_is_refused_at_once() -> None:
    with pytest.raises(ApiError, match="length less than or equal to 63"):
        validation.check("sagemaker", "DescribeModel", {"ModelName": "a" * 1_000_000 + "_"})


@pytest.mark.parametrize("address", ["https://host/data/train/", "https://s3.amazonaws.com/"])
def test_an_address_must_be_one_in_s3(address: str) -> None:
    container = {"ModelDataUrl": address}
    with pytest.raises(ApiError, match=r"'primaryContainer.modelDataUrl' .* must be s3://BUCKET"):
        validation.check(
            "sagemaker", "CreateModel", {"ModelName": "m", "PrimaryContainer": container}
        )


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        *(("application-autoscaling", operation) for operation in scaling_api.OPERATIONS),
        *(("sagemaker", operation) for operation in sagemaker_service.OPERATIONS),
    ],
)
def test_every_pattern_of_a_request_can_be_read(service: str, operation: str) -> None:
    """The models' patterns are Java's."""
    found: list[Any] = [validation.model(service).operation_model(operation).input_shape]
    seen = set()
    while found:
        shape = found.pop()
        if shape is None or shape.name in seen:
            continue
        seen.add(shape.name)
        validation._pattern(shape.metadata.get("pattern", ""))
        found += getattr(shape, "members", {}).values()
        found += [getattr(shape, part, None) for part in ("member", "key", "value")]
