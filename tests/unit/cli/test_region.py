import pytest

from cli.region import callers_region


def test_aws_region_wins_over_the_variable_of_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert callers_region() == "eu-west-1"
