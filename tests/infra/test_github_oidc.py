"""Who may deploy from GitHub, and what that lets them do."""

import json
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from stacks.github_oidc import ISSUER, build
from stacks.settings import SettingsError

from .conftest import flags

ACCOUNT = "111122223333"


@pytest.fixture(autouse=True)
def caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("CDK_DEFAULT_REGION", "eu-west-1")


def roles(**given: Any) -> dict[str, dict[str, Any]]:
    """Roles by the subject that they trust."""
    environments = {
        "dev": {},
        "prod": {"region": "us-east-1", "bootstrap_qualifier": "platform1"},
        "elsewhere": {"account": "444455556666"},
    }
    app = App(context={**flags(), "environments": environments, **given})
    build(app)
    stack: Any = app.node.find_child("topic-model-github")
    found = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    described = [dict(role["Properties"]) for role in found]
    return {subject(role): role for role in described}


def subject(role: dict[str, Any]) -> str:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    claims = statement["Condition"]["StringEquals"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"].keys() == {"StringEquals"}
    assert claims[f"{ISSUER}:aud"] == "sts.amazonaws.com"
    return str(claims[f"{ISSUER}:sub"])


def assumable(role: dict[str, Any]) -> list[str]:
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    found = statement["Resource"]
    resources = found if isinstance(found, list) else [found]
    return [json.dumps(resource).split(":role/")[1].rstrip(']}"') for resource in resources]


def test_each_environment_of_the_account_has_a_role_and_pull_requests_one() -> None:
    assert roles(repository="a/b").keys() == {
        "repo:a/b:environment:dev",
        "repo:a/b:environment:prod",
        "repo:a/b:pull_request",
    }


def test_a_role_deploys_by_the_bootstraps_roles_of_its_environment_alone() -> None:
    made = roles(repository="a/b")
    assert assumable(made["repo:a/b:environment:dev"]) == [
        f"cdk-hnb659fds-{kind}-role-{ACCOUNT}-eu-west-1"
        for kind in ("deploy", "file-publishing", "lookup")
    ]
    assert assumable(made["repo:a/b:environment:prod"]) == [
        f"cdk-platform1-{kind}-role-{ACCOUNT}-us-east-1"
        for kind in ("deploy", "file-publishing", "lookup")
    ]


def test_a_pull_request_reads_the_templates_of_our_stacks_and_nothing_else() -> None:
    """The bootstrap's lookup role reads the wait handle, with which a deployment can be ended."""
    (policy,) = roles(repository="a/b")["repo:a/b:pull_request"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"]
    assert {json.dumps(arn).split(":cloudformation:")[1] for arn in statement["Resource"]} == {
        f'{region}:{ACCOUNT}:stack/topic-model-{env}-{part}/*"]]}}'
        for env, region in (("dev", "eu-west-1"), ("prod", "us-east-1"))
        for part in ("storage", "training", "serving")
    }


def test_what_holds_for_all_environments_bounds_the_roles_of_github_too() -> None:
    for role in roles(repository="a/b", defaults={"permissions_boundary": "team"}).values():
        assert json.dumps(role["PermissionsBoundary"]).endswith(':policy/team"')


def test_without_a_repository_nobody_is_let_in() -> None:
    with pytest.raises(SettingsError, match="repository must be one for all environments"):
        roles()


def test_a_repository_is_owner_and_name_without_wildcards() -> None:
    with pytest.raises(SettingsError, match="repository is"):
        roles(repository="a/*")
