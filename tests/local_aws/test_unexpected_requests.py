"""Requests that no SDK would send: each answer is an error of the API, with a reason.

A server error would be sent again and again, and the name of a member alone explains nothing.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, Shape, StructureShape

from local_aws import service_quotas
from local_aws.api import validation
from local_aws.autoscaling import scaling_api
from local_aws.sagemaker import sagemaker_service

from .conftest import Cloud

OPERATIONS = [
    *(("sagemaker", operation) for operation in sagemaker_service.OPERATIONS),
    *(("application-autoscaling", operation) for operation in scaling_api.OPERATIONS),
    *(("service-quotas", operation) for operation in service_quotas.LISTS + service_quotas.GETS),
]
VALUES: tuple[Any, ...] = (
    [],
    {},
    "",
    "x",
    "x" * 10_000,
    0,
    -1,
    10**30,
    1.5,
    True,
    [{}],
    {"x": "y"},
    None,
)
INNER_VALUES: tuple[Any, ...] = ([], {}, "x", -1)
BODIES = (b"", b"[]", b'"x"', b"{", b"\xff", b"[" * 100_000, b'{"Tags": NaN}', b'{"No": "member"}')


def typical(shape: Shape) -> Any:
    """A value that the model of the API allows, as small as may be."""
    if isinstance(shape, StructureShape):
        return {name: typical(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [typical(shape.member)] * max(1, shape.metadata.get("min", 0))
    if enum := shape.metadata.get("enum"):
        return enum[0]
    if shape.type_name != "string":
        return {"boolean": True, "map": {}}.get(shape.type_name, 1)
    if "arn:aws" in shape.metadata.get("pattern", ""):
        return "arn:aws:iam::000000000000:role/nobody"
    return "s3://nowhere/at-all" if "s3" in shape.metadata.get("pattern", "") else "nobody"


def changed(
    shape: Any, value: dict[str, Any], values: tuple[Any, ...] = VALUES
) -> Iterator[dict[str, Any]]:
    """The request with each of its possible members left out, or of each unfitting value."""
    for name, member in shape.members.items():
        yield {other: kept for other, kept in value.items() if other != name}
        for unfit in values:
            yield value | {name: unfit}
        if isinstance(member, StructureShape) and values is VALUES:
            inner = value.get(name, typical(member))
            yield from (value | {name: one} for one in changed(member, inner, INNER_VALUES))


class Raw:
    """A client that sends bodies as they are."""

    def __init__(self, cloud: Cloud, service: str) -> None:
        once = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self._client = cloud.client(service, config=once)
        self._client.meta.events.register(f"before-call.{service}", self._replace)
        self._body = b""

    def _replace(self, params: dict[str, Any], **_: Any) -> None:
        params["body"] = self._body

    def error(self, operation: str, body: bytes) -> dict[str, Any] | None:
        """The error that is answered, if any."""
        self._body = body
        try:
            self._client._make_api_call(operation, {})
        except ClientError as error:
            found: Any = error.response
            return {"Status": found["ResponseMetadata"]["HTTPStatusCode"], **found["Error"]}
        return None


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_error_is_the_apis_and_says_why(cloud: Cloud, service: str, operation: str) -> None:
    raw = Raw(cloud, service)
    shape: Any = validation.model(service).operation_model(operation).input_shape
    request = typical(shape)
    bodies = {json.dumps(one).encode() for one in changed(shape, request)}
    refused = 0
    for body in [*BODIES, *sorted(bodies)]:
        error = raw.error(operation, body)
        if error is None:
            continue
        refused += 1
        assert 400 <= error["Status"] < 500, (body[:500], error)
        assert error["Code"] not in ("", "Unknown"), (body[:500], error)
        assert " " in error["Message"], (body[:500], error)
        assert "not offered here (" not in error["Message"], (body[:500], error)
    assert refused >= len(BODIES) - 2


def test_an_operation_that_is_not_there_is_named(cloud: Cloud) -> None:
    raw = Raw(cloud, "sagemaker")
    error = raw.error("CreateHyperParameterTuningJob", b"{}")
    assert error is not None
    assert error["Code"] == "UnknownOperationException"
    assert error["Message"] == "CreateHyperParameterTuningJob is not offered here."
