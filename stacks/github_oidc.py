"""What lets GitHub's workflows deploy: a stack that a platform team deploys once for an account.

    cdk deploy --app "python3 -m stacks.github_oidc" -c repository=OWNER/NAME

It is no part of an environment, and no workflow may change it.
"""

import os
import sys
from typing import Any

from aws_cdk import App, Aws, CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.settings import Settings, SettingsError, load
from stacks.synthesis import context_of, synthesize

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
LONGEST_JOB = Duration.hours(6)  # of GitHub's runners; a deployment waits for its training
BOOTSTRAP = "hnb659fds"  # the CDK's own qualifier


class GitHubStack(Stack):
    """GitHub's OIDC provider, a role to deploy each environment, and one to look at differences.

    A role trusts one environment of one repository, or its pull requests, and may do nothing but
    assume roles that the CDK's bootstrap made. What a deployment may do is theirs to say.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environments: list[Settings],
        repository: str,
        **props: Any,
    ) -> None:
        super().__init__(scope, id, description="Deployments from GitHub", **props)
        self._provider = iam.OidcProviderNative(
            self, "GitHub", url=f"https://{ISSUER}", client_ids=[AUDIENCE]
        )
        for settings in environments:
            self._add_role(
                f"Deploy-{settings.env}",
                f"Deploy {settings.name} from {repository}",
                f"repo:{repository}:environment:{settings.env}",
                self._bootstrap_roles(settings, "deploy", "file-publishing", "lookup"),
            )
        looked_up = [self._bootstrap_roles(settings, "lookup") for settings in environments]
        self._add_role(
            "Diff",
            f"See what a pull request of {repository} would change",
            f"repo:{repository}:pull_request",
            sorted({role for roles in looked_up for role in roles}),
        )

    def _bootstrap_roles(self, settings: Settings, *kinds: str) -> list[str]:
        qualifier = settings.bootstrap_qualifier or BOOTSTRAP
        place = f"{self.account}-{settings.region or self.region}"
        return [
            f"arn:{Aws.PARTITION}:iam::{self.account}:role/cdk-{qualifier}-{kind}-role-{place}"
            for kind in kinds
        ]

    def _add_role(self, id: str, description: str, subject: str, roles: list[str]) -> None:
        claims = {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject}
        role = iam.Role(
            self,
            id,
            description=description,
            max_session_duration=LONGEST_JOB,
            assumed_by=iam.WebIdentityPrincipal(
                self._provider.oidc_provider_arn, {"StringEquals": claims}
            ),
            inline_policies={
                "Bootstrap": iam.PolicyDocument(
                    statements=[iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles)]
                )
            },
        )
        CfnOutput(self, f"{id.replace('-', '')}RoleArn", value=role.role_arn)


def build(app: App) -> None:
    """Add the stack, with the environments of the context that are in the caller's account.

    Raises:
        SettingsError: A setting is wrong, or `repository` is missing.
    """
    context = context_of(app)
    account = os.environ.get("CDK_DEFAULT_ACCOUNT")
    declared = [load(context | {"env": env}) for env in context.get("environments", {})]
    here = [one for one in declared if account is None or one.account in (None, account)]
    repositories = {settings.repository for settings in here if settings.repository}
    if len(repositories) != 1:
        raise SettingsError("repository must be one for all environments: -c repository=OWNER/NAME")
    GitHubStack(
        app,
        f"{here[0].project}-github",
        environments=here,
        repository=repositories.pop(),
        env=Environment(account=account, region=os.environ.get("CDK_DEFAULT_REGION")),
    )


def main() -> int:
    """Synthesize the stack; the exit code."""
    return synthesize(build)


if __name__ == "__main__":
    sys.exit(main())
