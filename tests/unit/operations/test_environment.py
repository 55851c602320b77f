"""Which Region a command line asks about."""

from pathlib import Path

import pytest

from operations.environment import region_of
from stacks.settings import Settings, SettingsError, load

VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE")


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def settings(**values: str) -> Settings:
    return load({"environments": {"dev": values}})


def test_the_settings_win_and_aws_region_wins_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert region_of(settings()) == "us-east-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert region_of(settings()) == "eu-west-1"
    assert region_of(settings(region="us-west-2")) == "us-west-2"


def test_a_profile_may_have_the_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile ours]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_PROFILE", "ours")
    assert region_of(settings()) == "eu-central-1"


def test_without_any_the_message_says_where_to_put_one() -> None:
    with pytest.raises(SettingsError, match=r"set AWS_REGION, or region in cdk\.json"):
        region_of(settings())
