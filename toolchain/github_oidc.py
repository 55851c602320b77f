r"""The stack that allows GitHub's workflows to deploy; a platform team deploys it once an account.

    cdk deploy --app "python3 -m toolchain.github_oidc" -c repository=OWNER/NAME \
        -c github.ids=OWNER-ID/REPOSITORY-ID

It is not part of an environment, and no workflow may change it.
"""

import os
import sys
from typing import Any

from aws_cdk import App, Aws, CfnOutput, DefaultStackSynthesizer, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.environment import stack_properties
from stacks.settings import GitHubSettings, Settings, SettingsError, load
from stacks.synthesis import context_of, synthesize

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
LONGEST_JOB = Duration.hours(6)  # the limit of GitHub's runners; a deployment waits for training


class GitHubStack(Stack):
    """GitHub's OIDC provider, a role to deploy each environment, and one role for `cdk diff`.

    A role to deploy trusts one environment of one repository. It may only assume the roles of the
    CDK's bootstrap, and these decide what a deployment may do.

    The role for `cdk diff` trusts pull requests, which nobody has reviewed. So it may only read the
    templates of our stacks. The bootstrap's lookup role can't be used: it may read everything in
    the account.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environments: list[Settings],
        repository: str,
        github: GitHubSettings,
        **props: Any,
    ) -> None:
        super().__init__(scope, id, description="Deployments from GitHub", **props)
        self._repositories = subjects(repository, github.ids)
        self._provider_arn = (
            f"arn:{Aws.PARTITION}:iam::{self.account}:oidc-provider/{ISSUER}"
            if github.provider == "existing"
            else iam.OidcProviderNative(
                self, "GitHub", url=f"https://{ISSUER}", client_ids=[AUDIENCE]
            ).oidc_provider_arn
        )
        for settings in environments:
            self._add_role(
                f"Deploy-{settings.env}",
                f"Deploy {settings.name} from {repository}",
                f"environment:{settings.env}",
                actions=["sts:AssumeRole"],
                resources=self._bootstrap_roles(settings, "deploy", "file-publishing", "lookup"),
            )
        self._add_role(
            "Diff",
            f"See what a pull request of {repository} would change",
            "pull_request",
            actions=["cloudformation:DescribeStacks", "cloudformation:GetTemplate"],
            resources=[stack for settings in environments for stack in self._stacks(settings)],
        )

    def _bootstrap_roles(self, settings: Settings, *kinds: str) -> list[str]:
        qualifier = settings.bootstrap_qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER
        place = f"{self.account}-{settings.region or self.region}"
        return [
            f"arn:{Aws.PARTITION}:iam::{self.account}:role/cdk-{qualifier}-{kind}-role-{place}"
            for kind in kinds
        ]

    def _stacks(self, settings: Settings) -> list[str]:
        place = f"{settings.region or self.region}:{self.account}"
        return [
            f"arn:{Aws.PARTITION}:cloudformation:{place}:stack/{name}/*" for name in settings.stacks
        ]

    def _add_role(
        self, id: str, description: str, context: str, *, actions: list[str], resources: list[str]
    ) -> None:
        claims = {
            f"{ISSUER}:aud": AUDIENCE,
            f"{ISSUER}:sub": [f"{repository}:{context}" for repository in self._repositories],
        }
        role = iam.Role(
            self,
            id,
            description=description,
            max_session_duration=LONGEST_JOB,
            assumed_by=iam.WebIdentityPrincipal(self._provider_arn, {"StringEquals": claims}),
            inline_policies={
                "Allowed": iam.PolicyDocument(
                    statements=[iam.PolicyStatement(actions=actions, resources=resources)]
                )
            },
        )
        CfnOutput(self, f"{id.replace('-', '')}RoleArn", value=role.role_arn)


def subjects(repository: str, ids: str | None) -> list[str]:
    """Return how the subject of a repository's tokens may begin.

    GitHub puts the ids of owner and repository into the subjects of repositories that were
    created, renamed or moved since July 2026; older ones may switch to that form at any time.

    Args:
        repository: OWNER/NAME.
        ids: OWNER-ID/REPOSITORY-ID; if None, only the form without ids is trusted.
    """
    beginnings = [f"repo:{repository}"]
    if ids is not None:
        (owner, name), (owner_id, name_id) = repository.split("/"), ids.split("/")
        beginnings.append(f"repo:{owner}@{owner_id}/{name}@{name_id}")
    return beginnings


def build(app: App) -> None:
    """Add the stack, with the environments of the context that are in the caller's account.

    Raises:
        SettingsError: A setting is wrong, no environment is in the account, or they do not share
            one `repository` and one `github`.
    """
    context = context_of(app)
    account = os.environ.get("CDK_DEFAULT_ACCOUNT")
    declared = [load(context | {"env": env}) for env in context.get("environments", {})]
    here = [one for one in declared if account is None or one.account in (None, account)]
    if not here:
        raise SettingsError(
            f"no environment of cdk.json is in the account {account} of your credentials: take "
            "other credentials, or correct the setting `account` of an environment"
        )
    given = {(settings.repository, settings.github) for settings in here}
    if len(given) > 1 or here[0].repository is None:
        raise SettingsError(
            "repository and github.* must be given, and the same for all environments of the "
            "account: in `defaults` of cdk.json, or by -c repository=OWNER/NAME"
        )
    # The defaults of all environments are this stack's too: tags, permissions boundary, bootstrap.
    shared = load({**context, "environments": {"github": {}}, "env": "github"})
    place = Environment(account=account, region=os.environ.get("CDK_DEFAULT_REGION"))
    GitHubStack(
        app,
        environments=here,
        repository=here[0].repository,
        github=here[0].github,
        **stack_properties(shared, place, f"{here[0].project}-github"),
    )


def main() -> int:
    """Synthesize the stack; return the exit code."""
    return synthesize(build)


if __name__ == "__main__":
    sys.exit(main())
