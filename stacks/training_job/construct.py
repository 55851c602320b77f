"""The construct: a custom resource that starts the job, and a wait condition for its end."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import (
    AssetHashType,
    Aws,
    CfnWaitCondition,
    CfnWaitConditionHandle,
    CustomResource,
    Duration,
    Stack,
    custom_resources,
)
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.functions import Function, add_log_group, add_logging_role

CODE = Path(__file__).parent
START_TIMEOUT = Duration.minutes(14)  # staging data and stopping a job take minutes at most
# From CreateTrainingJob to the container and from its end to the event, on top of the run time.
MARGIN = Duration.minutes(20)
LONGEST_WAIT = Duration.hours(12)
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class TrainingJobError(ValueError):
    """A property of the job is not allowed; the message says what was got and what is."""


@dataclass(frozen=True)
class Channel:
    """An input channel.

    Attributes:
        file: The prepared file.
        sha256: The SHA-256 of its content, in hexadecimal digits.
        content_type: Its MIME type.
    """

    file: Path
    sha256: str
    content_type: str


class TrainingJob(Construct):
    """A training job that runs when, and only when, its model is not there yet.

    The model is a pure function of image, hyperparameters, data digests and `revision`: their
    SHA-256 is the `fingerprint`, and the artifact is stored under it. A deployment with a known
    fingerprint trains nothing. One with a new fingerprint starts a job and waits for its end, up
    to `max_runtime`; a job that fails or is stopped fails the deployment with the reason.

    Data is deployed as file assets and copied to `PREFIX/data/<sha256>/` in `bucket`. The job
    writes to `PREFIX/jobs/<fingerprint>/<job name>/`, and a finished model is published as
    `PREFIX/models/<fingerprint>/model.tar.gz`. Nothing there is deleted by an update.

    Attributes:
        fingerprint: 64 hexadecimal digits.
        model_artifact: The S3 address of the published model, known at synthesis.
        image: The image, for the model that serves the artifact.
        role: The execution role.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        image: str,
        role: iam.IRole,
        bucket: s3.IBucket,
        prefix: str,
        channels: Mapping[str, Channel],
        hyperparameters: Mapping[str, str],
        instance_type: str,
        volume_gb: int,
        max_runtime: Duration,
        revision: str,
    ) -> None:
        """Build the resources.

        Args:
            scope: The stack.
            id: The construct's id.
            name: What job names begin with; unique in account and Region, at most 40 characters.
            image: The training image's URI.
            role: The execution role, which reads `PREFIX/data/` and writes `PREFIX/jobs/`.
            bucket: The home of data and models.
            prefix: Where in the bucket they are, without slashes at its ends.
            channels: Input channels by name.
            hyperparameters: As CreateTrainingJob takes them.
            instance_type: Of the one training instance.
            volume_gb: The size of its volume in GB.
            max_runtime: When SageMaker stops the job.
            revision: Any text; a new one makes a new fingerprint, so it trains again.

        Raises:
            TrainingJobError: The job could outlast the longest wait of a deployment.
        """
        super().__init__(scope, id)
        self.image = image
        self.role = role
        self._name = name
        self._bucket = bucket
        self._prefix = prefix
        self._timeout = self._wait_timeout(max_runtime)
        self.fingerprint = self._fingerprint(channels, hyperparameters, revision)
        self._artifact_key = f"{prefix}/models/{self.fingerprint}/model.tar.gz"
        self.model_artifact = bucket.s3_url_for_object(self._artifact_key)
        # Wait conditions cannot be updated: whatever changes one makes a new one, by its id.
        handle = CfnWaitConditionHandle(self, f"Handle{self._wait_id}")
        finish = self._build_finish(handle)
        on_end = self._build_rule(finish)
        data = {channel: self._build_asset(channel, channels[channel]) for channel in channels}
        request = self._request(channels, hyperparameters, instance_type, volume_gb, max_runtime)
        resource = self._build_resource(handle, data, channels, request)
        resource.node.add_dependency(on_end, finish)  # the permission is a child of the function
        # Depends on its handle alone, so that it waits before the first signal can come.
        self._condition = CfnWaitCondition(
            self,
            f"Finished{self._wait_id}",
            handle=handle.ref,
            timeout=str(self._timeout.to_seconds()),
            count=1,
        )

    @property
    def _wait_id(self) -> str:
        return f"{self.fingerprint[:12]}{self._timeout.to_seconds()}"

    @staticmethod
    def _wait_timeout(max_runtime: Duration) -> Duration:
        timeout = max_runtime.plus(MARGIN)
        if timeout.to_seconds() > LONGEST_WAIT.to_seconds():
            raise TrainingJobError(
                f"max_runtime is {max_runtime.to_minutes()} minutes; a deployment can wait for "
                f"{LONGEST_WAIT.to_minutes()} minutes, of which {MARGIN.to_minutes()} are for "
                "starting and ending the job"
            )
        return timeout

    def _fingerprint(
        self, channels: Mapping[str, Channel], hyperparameters: Mapping[str, str], revision: str
    ) -> str:
        value = Stack.of(self).resolve(
            {
                "image": self.image,
                "hyperparameters": dict(hyperparameters),
                "data": {name: channel.sha256 for name, channel in channels.items()},
                "revision": revision,
            }
        )
        canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _data_key(self, channel: Channel) -> str:
        return f"{self._prefix}/data/{channel.sha256}/{channel.file.name}"

    def _build_asset(self, name: str, channel: Channel) -> assets.Asset:
        # The digest is known, so that the CDK need not read the file again to make one.
        return assets.Asset(
            self,
            f"{name.capitalize()}Data",
            path=str(channel.file),
            asset_hash=channel.sha256,
            asset_hash_type=AssetHashType.CUSTOM,
        )

    def _request(
        self,
        channels: Mapping[str, Channel],
        hyperparameters: Mapping[str, str],
        instance_type: str,
        volume_gb: int,
        max_runtime: Duration,
    ) -> dict[str, Any]:
        """The CreateTrainingJob request but for the job's name."""
        return {
            # No MetricDefinitions: the API refuses them for built-in algorithms.
            "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": "File"},
            "HyperParameters": dict(hyperparameters),
            "InputDataConfig": [
                {
                    "ChannelName": name,
                    "ContentType": channel.content_type,
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            # The folder, with its slash: a prefix matches whatever begins so.
                            "S3Uri": self._bucket.s3_url_for_object(
                                f"{self._prefix}/data/{channel.sha256}/"
                            ),
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                }
                for name, channel in channels.items()
            ],
            "OutputDataConfig": {
                "S3OutputPath": self._bucket.s3_url_for_object(
                    f"{self._prefix}/jobs/{self.fingerprint}"
                )
            },
            "ResourceConfig": {
                "InstanceType": instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": volume_gb,
            },
            "RoleArn": self.role.role_arn,
            "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime.to_seconds()},
            "Tags": [{"Key": "fingerprint", "Value": self.fingerprint}],
        }

    def _build_resource(
        self,
        handle: CfnWaitConditionHandle,
        data: Mapping[str, assets.Asset],
        channels: Mapping[str, Channel],
        request: Mapping[str, Any],
    ) -> CustomResource:
        start = Function(
            self,
            "Start",
            description="Stages the data and starts the training job",
            code=CODE,
            handler="handlers.start.handler",
            timeout=START_TIMEOUT,
        )
        for statement in self._start_statements(data, channels):
            start.add_to_role_policy(statement)
        framework_logs = add_log_group(self, "ProviderLogs")
        provider = custom_resources.Provider(
            self,
            "Provider",
            on_event_handler=start,
            log_group=framework_logs,
            framework_on_event_role=add_logging_role(self, "ProviderRole", framework_logs),
        )
        return CustomResource(
            self,
            "Resource",
            resource_type="Custom::TrainingJob",
            service_token=provider.service_token,
            service_timeout=START_TIMEOUT.plus(Duration.minutes(1)),
            properties={
                "NamePrefix": self._name,
                "Fingerprint": self.fingerprint,
                "Bucket": self._bucket.bucket_name,
                "ArtifactKey": self._artifact_key,
                "Data": [
                    {
                        "SourceBucket": asset.s3_bucket_name,
                        "SourceKey": asset.s3_object_key,
                        "Key": self._data_key(channels[name]),
                    }
                    for name, asset in data.items()
                ],
                # As text: CloudFormation would turn the numbers in it into strings.
                "Request": Stack.of(self).to_json_string(request),
                "WaitHandle": handle.ref,
            },
        )

    def _start_statements(
        self, data: Mapping[str, assets.Asset], channels: Mapping[str, Channel]
    ) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(
                sid="ReadAssets",
                actions=["s3:GetObject"],
                resources=[a.bucket.arn_for_objects(a.s3_object_key) for a in data.values()],
            ),
            iam.PolicyStatement(
                sid="StageData",
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[
                    self._bucket.arn_for_objects(self._data_key(channel))
                    for channel in channels.values()
                ],
            ),
            *self._publish_statements(),
            iam.PolicyStatement(
                sid="RunJobs",
                actions=[
                    "sagemaker:AddTags",
                    "sagemaker:CreateTrainingJob",
                    "sagemaker:DescribeTrainingJob",
                    "sagemaker:StopTrainingJob",
                ],
                resources=[self._job_arns],
            ),
            iam.PolicyStatement(
                sid="FindJobs",
                actions=["sagemaker:ListTrainingJobs"],
                resources=["*"],  # a list knows no resource
            ),
            iam.PolicyStatement(
                sid="PassExecutionRole",
                actions=["iam:PassRole"],
                resources=[self.role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            ),
        ]

    def _publish_statements(self) -> list[iam.PolicyStatement]:
        """What it takes to copy a finished model to its address."""
        return [
            iam.PolicyStatement(
                sid="ReadFinishedModels",
                actions=["s3:GetObject"],
                resources=[self._bucket.arn_for_objects(f"{self._prefix}/jobs/*")],
            ),
            iam.PolicyStatement(
                sid="PublishModels",
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[self._bucket.arn_for_objects(f"{self._prefix}/models/*")],
            ),
            iam.PolicyStatement(
                sid="FindDataAndModels",
                actions=["s3:ListBucket"],
                resources=[self._bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": [f"{self._prefix}/*"]}},
            ),
        ]

    @property
    def _job_arns(self) -> str:
        stack = Stack.of(self)
        partition = f"arn:{Aws.PARTITION}:sagemaker:{stack.region}:{stack.account}"
        return f"{partition}:training-job/{self._name}-*"

    def _build_finish(self, handle: CfnWaitConditionHandle) -> Function:
        finish = Function(
            self,
            "Finish",
            description="Publishes the model of a training job and signals the deployment",
            code=CODE,
            handler="handlers.finish.handler",
            timeout=Duration.minutes(5),
            environment={
                "JOB_PREFIX": f"{self._name}-{self.fingerprint[:12]}",
                "WAIT_HANDLE": handle.ref,
            },
        )
        stack = Stack.of(self)
        log_group = f"arn:{Aws.PARTITION}:logs:{stack.region}:{stack.account}:log-group:{LOG_GROUP}"
        for statement in (
            *self._publish_statements(),
            iam.PolicyStatement(
                sid="DescribeJobs",
                actions=["sagemaker:DescribeTrainingJob"],
                resources=[self._job_arns],
            ),
            iam.PolicyStatement(
                sid="FindJobLogs",
                actions=["logs:DescribeLogStreams"],
                resources=[f"{log_group}:*"],
            ),
            iam.PolicyStatement(
                sid="ReadJobLogs",
                actions=["logs:GetLogEvents"],
                resources=[f"{log_group}:log-stream:{self._name}-*"],
            ),
        ):
            finish.add_to_role_policy(statement)
        return finish

    def _build_rule(self, finish: Function) -> events.Rule:
        return events.Rule(
            self,
            "OnEnd",
            description="A training job of this environment has ended",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Training Job State Change"],
                detail={
                    "TrainingJobName": events.Match.prefix(f"{self._name}-"),
                    "TrainingJobStatus": ["Completed", "Failed", "Stopped"],
                },
            ),
            targets=[targets.LambdaFunction(finish)],
        )
