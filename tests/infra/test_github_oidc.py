"""Who may deploy from GitHub, and what that lets them do."""

import json
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from stacks.settings import SettingsError
from tests.support.synthesis import flags
from toolchain.github_oidc import ISSUER, build

ACCOUNT = "111122223333"


@pytest.fixture(autouse=True)
def caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("CDK_DEFAULT_REGION", "eu-west-1")


def template(**given: Any) -> Template:
    environments = {
        "dev": {},
        "prod": {"region": "us-east-1", "bootstrap_qualifier": "platform1"},
        "elsewhere": {"account": "444455556666"},
    }
    app = App(context={**flags(), "environments": environments, **given})
    build(app)
    stack: Any = app.node.find_child("topic-model-github")
    return Template.from_stack(stack)


def roles(**given: Any) -> dict[str, dict[str, Any]]:
    """Roles by the first subject that they trust."""
    found = template(**given).find_resources("AWS::IAM::Role").values()
    described = [dict(role["Properties"]) for role in found]
    return {trusted(role)[0]: role for role in described}


def trusted(role: dict[str, Any]) -> list[str]:
    """The subjects."""
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    claims = statement["Condition"]["StringEquals"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"].keys() == {"StringEquals"}
    assert claims[f"{ISSUER}:aud"] == "sts.amazonaws.com"
    subjects = claims[f"{ISSUER}:sub"]
    return [subjects] if isinstance(subjects, str) else list(subjects)


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
        for part in ("storage", "preparation", "training", "serving")
    }


def test_what_holds_for_all_environments_bounds_the_roles_of_github_too() -> None:
    for role in roles(repository="a/b", defaults={"permissions_boundary": "team"}).values():
        assert json.dumps(role["PermissionsBoundary"]).endswith(':policy/team"')


def test_without_a_repository_nobody_is_let_in() -> None:
    with pytest.raises(SettingsError, match=r"repository and github\.\* must be given"):
        roles()


def test_subjects_with_and_without_the_ids_are_trusted_and_no_others() -> None:
    """GitHub writes ids for repositories that are new, renamed or moved, and none for others."""
    made = roles(repository="a/b", **{"github.ids": "12/345"})
    assert [trusted(role) for role in made.values()] == [
        ["repo:a/b:environment:dev", "repo:a@12/b@345:environment:dev"],
        ["repo:a/b:environment:prod", "repo:a@12/b@345:environment:prod"],
        ["repo:a/b:pull_request", "repo:a@12/b@345:pull_request"],
    ]


@pytest.mark.parametrize("ids", ["12", "12/", "a/b", "12/*", "12/345/6"])
def test_ids_are_two_numbers(ids: str) -> None:
    with pytest.raises(SettingsError, match=r"github\.ids is"):
        roles(repository="a/b", **{"github.ids": ids})


def test_ids_of_no_repository_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"github\.ids is '1/2' but repository is not set"):
        roles(**{"github.ids": "1/2"})


def test_an_account_that_knows_github_keeps_its_one_provider() -> None:
    """A second one for a URL is refused by IAM."""
    there = template(repository="a/b", **{"github.provider": "existing"})
    there.resource_count_is("AWS::IAM::OIDCProvider", 0)
    for role in there.find_resources("AWS::IAM::Role").values():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        arn = json.dumps(statement["Principal"]["Federated"])
        assert f"::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com" in arn
    template(repository="a/b").resource_count_is("AWS::IAM::OIDCProvider", 1)


def test_an_account_without_environments_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "999999999999")
    own = {"environments": {"prod": {"account": "444455556666"}}}
    with pytest.raises(SettingsError, match=r"no environment of cdk\.json is in the account 9999"):
        roles(repository="a/b", **own)


def test_environments_that_disagree_are_refused() -> None:
    own = {"environments": {"dev": {"github": {"ids": "1/2"}}, "prod": {}}}
    with pytest.raises(SettingsError, match="the same for all environments"):
        roles(repository="a/b", **own)


def test_a_repository_is_owner_and_name_without_wildcards() -> None:
    with pytest.raises(SettingsError, match="repository is"):
        roles(repository="a/*")
