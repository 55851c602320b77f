"""Requests against AWS's own models."""

import pytest

from local_aws.api import validation
from local_aws.api.errors import ApiError


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
