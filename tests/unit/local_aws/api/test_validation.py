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
    with pytest.raises(ApiError, match=r"'minCapacity' failed .* Member must be a integer"):
        validation.check("application-autoscaling", "RegisterScalableTarget", typed)


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
