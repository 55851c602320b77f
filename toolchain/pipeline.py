"""The stack of a CodePipeline that deploys the environments; it is deployed once by hand.

    make pipeline && cdk deploy --app cdk.out topic-model-pipeline

Each run updates the pipeline itself and the environments to the state of the branch. There is no
pipeline unless `pipeline.connection` is in the `defaults` of cdk.json.
"""

import json
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, Duration, Environment, Stack, Stage, Tags, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam

from stacks.environment import add_environment, stack_properties
from stacks.parts.encryption import add_key, encrypt_logs
from stacks.parts.functions import add_log_group
from stacks.settings import Settings, SettingsError, load
from stacks.storage import add_bucket
from stacks.synthesis import context_of, synthesize

PREPARED = "build/prepared"  # as in the Makefile
PACKAGE = Path(__file__).parents[1] / "package.json"
CDK_ASSETS = "4.7.3"  # without a version each run would take the latest
ARTIFACTS_KEPT = Duration.days(30)  # longer than an approval can take, 7 days
RUNTIMES = {"python": "3.13", "nodejs": "22"}  # which CodeBuild's image offers


class PipelineStack(Stack):
    """A pipeline: source, synthesis, its own update, assets, and a stage for each environment.

    `environments` are deployed in their order, all but the first after an approval. Each goes to
    the account and Region of its settings, or else to the pipeline's.
    """

    def __init__(
        self,
        scope: App,
        id: str,
        *,
        settings: Settings,
        environments: list[Settings],
        repository: str,
        connection: str,
        source: str,
        **props: Any,
    ) -> None:
        super().__init__(scope, id, description="Deployment of the topic model", **props)
        self._source = pipelines.CodePipelineSource.connection(
            repository, settings.pipeline.branch, connection_arn=connection
        )
        self._synth = self._build_synth(settings, source)
        self._prepared = self._synth.add_output_directory(PREPARED)
        places = {one.env: self._place(one) for one in environments}
        elsewhere = any(place.account != self.account for place in places.values())
        pipeline = self._add_pipeline(across_accounts=elsewhere)
        for one in environments:
            self._add_stage(pipeline, one, places[one.env], approved=one is not environments[0])
        pipeline.build_pipeline()
        _allow_connection(pipeline.pipeline, connection)
        for tag, value in settings.all_tags.items():
            Tags.of(self).add(tag, value)

    def _place(self, settings: Settings) -> Environment:
        return Environment(
            account=settings.account or self.account, region=settings.region or self.region
        )

    def _build_synth(self, settings: Settings, source: str) -> pipelines.CodeBuildStep:
        """Build the step that fetches the corpus, prepares it and synthesizes this app."""
        corpus, vocab = settings.pipeline.corpus, settings.pipeline.vocab
        fetch, files = [f"make fetch SOURCE={source}"], f"CORPUS=build/source/{corpus}"
        if corpus is None:  # it is prepared, and `make pipeline` fetches what is needed of it
            fetch, files = [], f"CORPUS={source}"
        if vocab:
            files += f" VOCAB=build/source/{vocab}"
        return pipelines.CodeBuildStep(
            "Synth",
            input=self._source,
            env={"COMMIT": self._source.source_attribute("CommitId")},
            commands=[*fetch, f'make pipeline {files} CDK_OPTIONS="-c commit=$COMMIT"'],
            primary_output_directory="cdk.out",
            role_policy_statements=self._read(*source.removeprefix("s3://").split("/", 1)),
        )

    def _read(self, bucket: str, prefix: str) -> list[iam.PolicyStatement]:
        arn = f"arn:{self.partition}:s3:::{bucket}"
        return [
            iam.PolicyStatement(
                sid="ReadCorpus", actions=["s3:GetObject"], resources=[f"{arn}/{prefix}/*"]
            ),
            iam.PolicyStatement(
                sid="FindCorpus",
                actions=["s3:ListBucket"],
                resources=[arn],
                conditions={"StringLike": {"s3:prefix": f"{prefix}/*"}},
            ),
        ]

    def _add_pipeline(self, *, across_accounts: bool) -> pipelines.CodePipeline:
        key = add_key(self, keep=False) if across_accounts else None
        bucket = add_bucket(self, key, keep=False)
        bucket.add_lifecycle_rule(
            expiration=ARTIFACTS_KEPT, noncurrent_version_expiration=Duration.days(1)
        )
        logs = codebuild.CloudWatchLoggingOptions(log_group=add_log_group(self))
        if key is not None:
            encrypt_logs(self, key)
        return pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_name=self.stack_name,
            pipeline_type=codepipeline.PipelineType.V2,
            synth=self._synth,
            artifact_bucket=bucket,
            cross_account_keys=across_accounts,
            enable_key_rotation=across_accounts,
            cli_version=json.loads(PACKAGE.read_text())["devDependencies"]["aws-cdk"],
            cdk_assets_cli_version=CDK_ASSETS,
            publish_assets_in_parallel=False,
            use_pipeline_role_for_actions=True,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=codebuild.BuildEnvironment(
                    build_image=codebuild.LinuxBuildImage.STANDARD_7_0
                ),
                partial_build_spec=codebuild.BuildSpec.from_object(
                    {"phases": {"install": {"runtime-versions": RUNTIMES}}}
                ),
                logging=codebuild.LoggingOptions(cloud_watch=logs),
            ),
        )

    def _add_stage(
        self,
        pipeline: pipelines.CodePipeline,
        settings: Settings,
        place: Environment,
        *,
        approved: bool,
    ) -> None:
        stage = Stage(self, settings.name, env=place)
        add_environment(stage, settings, place)
        pipeline.add_stage(
            stage,
            pre=[pipelines.ManualApprovalStep("Approve")] if approved else [],
            post=[self._build_smoke_test(settings, place)] if self._asks(settings, place) else [],
        )

    def _asks(self, settings: Settings, place: Environment) -> bool:
        """Whether the pipeline can ask the endpoint: it must be awake, and in this account."""
        return settings.endpoint.enabled and place.account == self.account

    def _build_smoke_test(self, settings: Settings, place: Environment) -> pipelines.CodeBuildStep:
        endpoint = self.format_arn(
            service="sagemaker",
            region=place.region,
            account=place.account,
            resource="endpoint",
            resource_name=settings.name,
        )
        return pipelines.CodeBuildStep(
            "Smoke",
            input=self._source,
            additional_inputs={PREPARED: self._prepared},
            # CodeBuild sets AWS_REGION to its own Region, and that wins over AWS_DEFAULT_REGION.
            commands=[f"make smoke ENDPOINT={settings.name} AWS_REGION={place.region}"],
            role_policy_statements=[
                iam.PolicyStatement(actions=["sagemaker:InvokeEndpoint"], resources=[endpoint])
            ],
        )


def _allow_connection(pipeline: codepipeline.Pipeline, connection: str) -> None:
    """Allow the use of the connection: the CDK grants only `codestar-connections:UseConnection`."""
    if connection.split(":")[2] == "codeconnections":
        pipeline.role.add_to_principal_policy(
            iam.PolicyStatement(actions=["codeconnections:UseConnection"], resources=[connection])
        )


def build(app: App) -> None:
    """Add the stack in the account and Region of its connection.

    Raises:
        SettingsError: A setting is wrong, or the settings ask for no pipeline.
        LdaError: An environment is outside the algorithm's limits.
        TrainingJobError: An environment's training job is not allowed.
    """
    context = context_of(app)
    shared = load({**context, "environments": {"pipeline": {}}, "env": "pipeline"})
    connection, source = shared.pipeline.connection, shared.pipeline.source
    if connection is None or source is None or shared.repository is None:
        raise SettingsError(
            "pipeline.connection is not set in `defaults` of cdk.json; a pipeline needs the ARN of "
            "a CodeConnections connection"
        )
    region, account = connection.split(":")[3:5]
    PipelineStack(
        app,
        settings=shared,
        environments=[load({**context, "env": env}) for env in shared.pipeline.environments],
        repository=shared.repository,
        connection=connection,
        source=source,
        **stack_properties(shared, Environment(account=account, region=region), shared.name),
    )


def main() -> int:
    """Synthesize the stack; return the exit code."""
    return synthesize(build)


if __name__ == "__main__":
    sys.exit(main())
