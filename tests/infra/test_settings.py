from typing import Any

import pytest

from stacks.settings import Settings, SettingsError, load

DEV = {"environments": {"dev": {}, "prod": {"retain_data": True, "num_topics": 30}}}


def problem_of(**context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(DEV | context)
    return str(caught.value)


def test_the_defaults_are_the_notebooks() -> None:
    settings = load(DEV)
    assert settings.num_topics == 10
    assert settings.alpha0 == 1.0
    assert settings.prefix == "sagemaker/lda-model"
    assert settings.training.instance_type == "ml.c4.2xlarge"
    assert settings.endpoint.instance_type == "ml.m4.xlarge"
    assert settings.endpoint.instance_count == 1
    assert settings.bucket is None
    assert settings.role is None


def test_env_chooses_the_environment() -> None:
    assert load(DEV | {"env": "prod"}).num_topics == 30
    assert load(DEV | {"env": "prod"}).name == "topic-model-prod"


def test_a_single_value_on_the_command_line_wins_over_the_environments() -> None:
    settings = load(DEV | {"env": "prod", "num_topics": "20"})
    assert settings.num_topics == 20
    assert settings.retain_data


def test_a_dotted_key_overrides_inside_a_group_and_leaves_its_other_values() -> None:
    context = {"environments": {"dev": {"endpoint": {"instance_count": 3}}}}
    settings = load(context | {"endpoint.instance_type": "ml.m5.large"})
    assert settings.endpoint.instance_type == "ml.m5.large"
    assert settings.endpoint.instance_count == 3


def test_the_cdks_own_context_is_no_setting() -> None:
    own = {
        "aws:cdk:bundling-stacks": ["**"],
        "@aws-cdk/core:checkSecretUsage": True,
        "acknowledged-issue-numbers": [1],
    }
    assert load(DEV | own) == load(DEV)


def test_an_environment_that_is_no_object_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"environments\.dev is 'x'; an object is needed"):
        load({"environments": {"dev": "x"}})


def test_an_undeclared_environment_is_refused_with_those_there_are() -> None:
    assert "'test'" in (message := problem_of(env="test"))
    assert "dev, prod" in message


def test_an_unknown_key_is_refused_by_name() -> None:
    assert problem_of(num_topcs="20").startswith("num_topcs is not a setting; these are: env, ")


def test_an_unknown_key_in_a_group_is_refused_with_the_groups_keys() -> None:
    message = problem_of(**{"endpoint.instance": "ml.m5.large"})
    assert message == (
        "endpoint.instance is not a setting; these are: instance_type, instance_count"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_topics", "0"),
        ("num_topics", "ten"),
        ("alpha0", "-1"),
        ("alpha0", "inf"),
        ("tol", "0"),
        ("prefix", "/lda/"),
        ("role", "LdaRole"),
        ("bucket", "Not_A_Bucket"),
        ("account", "1234"),
        ("region", "Frankfurt"),
        ("project", "Topic Model"),
        ("training.instance_type", "c4.2xlarge"),
        ("training.max_runtime_minutes", "100000"),
        ("endpoint.instance_count", "0"),
        ("endpoint", "big"),
        ("commit", "main"),
        ("notices", "yes"),
    ],
)
def test_a_wrong_value_is_refused_with_key_value_and_what_is_allowed(key: str, value: str) -> None:
    message = problem_of(**{key: value})
    assert message.startswith(f"{key} is {value!r}; ")
    assert len(message.splitlines()) == 1


def test_every_wrong_value_has_a_line_of_its_own() -> None:
    assert len(problem_of(num_topics="0", alpha0="0").splitlines()) == 2


def test_names_of_environments_stay_short_enough_for_job_names() -> None:
    longest = Settings(env="e" * 20, project="p" * 20)
    fingerprint, nonce = 12, 8
    assert len(longest.name) + 1 + fingerprint + 1 + nonce <= 63
