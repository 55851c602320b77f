"""The stack of the execution role and the training job."""

from typing import Any

from aws_cdk import Aws, CfnOutput, Duration, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from data_prep.manifest import Manifest
from stacks import lda
from stacks.parts.encryption import import_key
from stacks.parts.network import import_network
from stacks.parts.notices import add_notices
from stacks.parts.policies import read_folder
from stacks.settings import Settings
from stacks.training_job import TrainingJob
from stacks.training_job.handlers import LOG_GROUP as JOBS_LOG_GROUP
from stacks.training_job.permissions import IN_PLACE

TRANSFORM_LOG_GROUP = "/aws/sagemaker/TransformJobs"
METRIC_NAMESPACES = [
    "/aws/sagemaker/TrainingJobs",
    "/aws/sagemaker/TransformJobs",
    "/aws/sagemaker/Endpoints",
]


class TrainingStack(Stack):
    """The execution role, and the job that trains the model.

    `bucket` and `key` are another stack's, or the name and ARN of existing ones. Without a
    prepared corpus there is no job.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        bucket: s3.IBucket | str,
        key: kms.IKey | str | None,
        corpus: Manifest | None,
        **props: Any,
    ) -> None:
        super().__init__(scope, id, description="Training of the topic model", **props)
        self._settings = settings
        self.bucket = (
            s3.Bucket.from_bucket_name(self, "Bucket", bucket)
            if isinstance(bucket, str)
            else bucket
        )
        self.key = import_key(self, key)
        self.network = import_network(self, settings.network)
        self.image = lda.image_uri(self)
        self.role = (
            iam.Role.from_role_arn(self, "ExecutionRole", settings.role, mutable=False)
            if settings.role
            else self._build_role(None if corpus is None else corpus.location)
        )
        CfnOutput(self, "ExecutionRoleArn", value=self.role.role_arn)
        self.job = None if corpus is None else self._add_job(corpus)

    def _build_role(self, location: str | None) -> iam.Role:
        """Build the execution role, with only the permissions that its jobs and hosting need.

        Args:
            location: The address of the folder in S3 whose data is used in place, if any.
        """
        prefix = self._settings.prefix
        # The source is the whole account and Region: hosting supports no narrower one.
        source = f"arn:{Aws.PARTITION}:sagemaker:{self.region}:{self.account}:*"
        principal = iam.ServicePrincipal(
            "sagemaker.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": self.account},
                "ArnLike": {"aws:SourceArn": source},
            },
        )
        log_group = f"arn:{Aws.PARTITION}:logs:{self.region}:{self.account}:log-group:"
        statements = [
            iam.PolicyStatement(
                sid="ReadDataAndModels",
                actions=["s3:GetObject"],
                resources=[
                    self.bucket.arn_for_objects(f"{prefix}/{folder}/*")
                    for folder in ("data", "models", "batches")
                ],
            ),
            iam.PolicyStatement(
                sid="WriteModels",
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"{prefix}/jobs/*")],
            ),
            iam.PolicyStatement(
                sid="WritePredictions",
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"{prefix}/predictions/*")],
            ),
            iam.PolicyStatement(
                sid="FindData",
                actions=["s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": [f"{prefix}/*"]}},
            ),
            iam.PolicyStatement(
                sid="WriteLogs",
                actions=[
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                resources=[f"{log_group}/aws/sagemaker/*"],
            ),
            # Only the groups of the account's jobs. The serving stack creates the
            # endpoint's group. If SageMaker could create it too, the endpoint's last log lines
            # would bring it back after the stack is deleted.
            iam.PolicyStatement(
                sid="MakeLogGroupOfJobs",
                actions=["logs:CreateLogGroup"],
                resources=[
                    f"{log_group}{group}*" for group in (JOBS_LOG_GROUP, TRANSFORM_LOG_GROUP)
                ],
            ),
            iam.PolicyStatement(
                sid="PutMetrics",
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],  # the action supports no resource; the namespace narrows it
                conditions={"StringEquals": {"cloudwatch:namespace": METRIC_NAMESPACES}},
            ),
        ]
        if location is not None:
            statements += read_folder(location, IN_PLACE)
        if self._settings.endpoint.capture_percent:
            statements.append(
                iam.PolicyStatement(
                    sid="CaptureData",
                    actions=["s3:PutObject"],
                    resources=[self.bucket.arn_for_objects(f"{prefix}/capture/*")],
                )
            )
        if self._settings.wait_seconds:
            alarms = f"arn:{Aws.PARTITION}:cloudwatch:{self.region}:{self.account}:alarm:"
            statements.append(
                iam.PolicyStatement(
                    sid="SeeRollbackAlarms",
                    actions=["cloudwatch:DescribeAlarms"],
                    resources=[f"{alarms}{self._settings.name}-serving-*"],
                )
            )
        return iam.Role(
            self,
            "ExecutionRole",
            description="SageMaker acts as this role to train and to host the topic model",
            assumed_by=principal,
            # Inline, so that the policy is attached before anything can use the role.
            inline_policies={"SageMaker": iam.PolicyDocument(statements=statements)},
        )

    def _add_job(self, corpus: Manifest) -> TrainingJob:
        """Add the training job for `corpus`; a deployment runs it if its model does not exist."""
        settings = self._settings
        max_runtime = Duration.minutes(settings.training.max_runtime_minutes)
        lda.check_training(
            settings.training.instance_type, max_runtime, spot=settings.training.spot
        )
        lda.check_volume(corpus, settings.training.volume_gb)
        job = TrainingJob(
            self,
            "TrainingJob",
            name=settings.name,
            image=self.image,
            role=self.role,
            bucket=self.bucket,
            prefix=settings.prefix,
            channels=lda.channels(settings.prepared, corpus),
            hyperparameters=lda.hyperparameters(
                num_topics=settings.model.num_topics,
                feature_dim=corpus.vocabulary.size,
                mini_batch_size=corpus.train.documents,
                alpha0=settings.model.alpha0,
                max_restarts=settings.model.max_restarts,
                max_iterations=settings.model.max_iterations,
                tol=settings.model.tol,
            ),
            instance_type=settings.training.instance_type,
            volume_size=Size.gibibytes(settings.training.volume_gb),
            max_runtime=max_runtime,
            spot=settings.training.spot,
            environment_tags=self._tags(),
            revision=settings.model.revision,
            encryption_key=self.key,
            network_isolation=settings.network.isolation is not False,
            network=self.network,
        )
        if settings.notices is not None:
            add_notices(self, job, settings.notices, self.key)
        CfnOutput(self, "Fingerprint", value=job.fingerprint)
        CfnOutput(self, "ModelArtifact", value=job.model_artifact)
        CfnOutput(self, "Metrics", value=job.final_metrics)
        return job

    def _tags(self) -> dict[str, str]:
        settings = self._settings
        commit = {} if settings.commit is None else {"commit": settings.commit}
        return settings.all_tags | commit
