"""The model of an environment, by its parameters."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError

from topics.endpoint.deployed import Environment, TransformError, find_deployed

ENVIRONMENT = Environment("lda", "dev")


class FakeSsm:
    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.meta = SimpleNamespace(region_name="us-east-1")
        self.exceptions = SimpleNamespace(ParameterNotFound=KeyError)

    def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803
        return {"Parameter": {"Value": self.values[Name]}}


def found(monkeypatch: pytest.MonkeyPatch, artifact: str) -> Any:
    values = {"/lda/dev/model-name": "Model-1", "/lda/dev/model-artifact": artifact}
    monkeypatch.setattr(boto3, "client", lambda _: FakeSsm(values))
    return find_deployed(ENVIRONMENT)


def test_bucket_and_prefix_are_those_of_the_artifact(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = found(monkeypatch, "s3://b/my/models/of/lda/models/0a1b/model.tar.gz")
    assert deployed[1:] == (
        "Model-1",
        "s3://b/my/models/of/lda/models/0a1b/model.tar.gz",
        "b",
        "my/models/of/lda",
    )
    assert deployed.environment.name == "lda-dev"


@pytest.mark.parametrize("artifact", ["s3://b/models/0/m", "model.tar.gz", "s3://b/p/m.tar.gz"])
def test_an_artifact_of_another_form_is_refused(
    monkeypatch: pytest.MonkeyPatch, artifact: str
) -> None:
    with pytest.raises(TransformError, match="must be s3://BUCKET/PREFIX/models/FINGERPRINT/"):
        found(monkeypatch, artifact)


@pytest.mark.parametrize(
    "error", [NoRegionError(), EndpointConnectionError(endpoint_url="https://ssm")]
)
def test_an_aws_that_can_not_be_asked_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def client(_: str) -> Any:
        raise error

    monkeypatch.setattr(boto3, "client", client)
    with pytest.raises(TransformError, match=f"^the parameters of lda-dev: {error}"):
        find_deployed(ENVIRONMENT)
