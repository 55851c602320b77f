"""The construct: a custom resource starts the job, and a wait condition waits for its end."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import (
    Acknowledgment,
    Aws,
    CfnWaitCondition,
    CfnWaitConditionHandle,
    CustomResource,
    Duration,
    Fn,
    Size,
    Stack,
    Validations,
)
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_s3 as s3
from constructs import Construct, DependencyGroup

from stacks.parts.functions import Function, add_provider
from stacks.parts.network import Network
from stacks.training_job import permissions
from stacks.training_job.data import stage
from stacks.training_job.handlers import METRICS
from stacks.training_job.request import (
    AnyChannel,
    Store,
    check_request,
    checked_channels,
    checked_lineage,
    checked_name,
    checked_tags,
    fingerprint,
    input_data,
    stopping,
    wait_timeout,
)

CODE = Path(__file__).parent
START_TIMEOUT = Duration.minutes(14)  # staging data and stopping a job take a few minutes at most
FINISH_TIMEOUT = Duration.minutes(3)
ENDS = ("Completed", "Failed", "Stopped")


class TrainingJob(Construct):
    """A training job that runs only if its model does not exist yet.

    Image, hyperparameters, data digests and `revision` determine the model. Their SHA-256 is the
    `fingerprint`, and the model is stored under it. A deployment whose fingerprint has a model
    trains nothing. Any other deployment starts a job and waits for its end, up to `max_runtime`. If
    the job fails or is stopped, the deployment fails with the job's reason.

    The CDK uploads the data as file assets; a function copies them to `PREFIX/data/<sha256>/` in
    `bucket`. Data that is in S3 already is checked and used in place. The job writes to
    `PREFIX/jobs/<fingerprint>/<job name>/`. Its model is published as
    `PREFIX/models/<fingerprint>/model.tar.gz`, with the job's tags as metadata. An update deletes
    nothing there.

    Attributes:
        fingerprint: 64 hexadecimal digits.
        model_artifact: The S3 address of the published model, known at synthesis.
        model_key: Its key in the bucket.
        final_metrics: The job's metrics as `name=value name=value`, or `none`; known as soon as
            the model exists.
        image: The training image, which also serves the model.
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
        channels: Mapping[str, AnyChannel],
        hyperparameters: Mapping[str, str],
        instance_type: str,
        volume_size: Size,
        max_runtime: Duration,
        spot: bool = False,
        environment_tags: Mapping[str, str] | None = None,
        revision: str = "",
        encryption_key: kms.IKey | None = None,
        network_isolation: bool = False,
        network: Network | None = None,
    ) -> None:
        """Build the resources.

        Args:
            scope: The stack.
            id: The construct's id.
            name: The first part of the jobs' names; unique in account and Region, at most 41
                characters.
            image: The training image's URI.
            role: The execution role; it reads `PREFIX/data/` and what is used in place, and writes
                `PREFIX/jobs/`.
            bucket: The bucket of data and models.
            prefix: The folder of data and models in the bucket, without slashes at its ends.
            channels: Input channels by name.
            hyperparameters: As CreateTrainingJob takes them.
            instance_type: The type of the one training instance.
            volume_size: The size of the instance's volume.
            max_runtime: SageMaker stops the job after this time.
            spot: Whether to train on spot capacity; `max_runtime` then includes the wait for it.
            environment_tags: More tags of the job, also metadata of its model.
            revision: Any text; a new text changes the fingerprint, so that the job runs again.
            encryption_key: Encrypts volume, artifact and published model. If None, SageMaker's key
                and the bucket's are used.
            network_isolation: Whether the container has no network access. SageMaker itself brings
                the data and takes the model.
            network: The VPC network to attach the instance to; none if None.

        Raises:
            TrainingJobError: The job could run longer than a deployment can wait, two channels
                have the same data, or a name or a tag is not allowed.
        """
        super().__init__(scope, id)
        self.image = image
        self.role = role
        self._name = checked_name(name)
        self._store = Store(bucket, prefix)
        self._channels = checked_channels(channels)
        self._key = encryption_key
        self._timeout = wait_timeout(max_runtime)
        self.fingerprint = self._fingerprint(hyperparameters, revision)
        if encryption_key is not None:
            encryption_key.grant(role, *permissions.USE_KEY, "kms:Encrypt", "kms:CreateGrant")
        self._lineage = checked_lineage(
            {
                **checked_tags(environment_tags or {}),
                "fingerprint": self.fingerprint,
                "image": image,
                "stack-id": Aws.STACK_ID,
                **{f"data-{name}": channel.sha256 for name, channel in channels.items()},
            }
        )
        self.model_key = self._store.model_key(self.fingerprint)
        self.model_artifact = bucket.s3_url_for_object(self.model_key)
        # CloudFormation can't update a wait condition: a change needs a new one, with a new id.
        self._handle = CfnWaitConditionHandle(self, f"Handle{self._wait_id}")
        self._rules = DependencyGroup()
        finish = self._build_finish()
        self.on_state_change("OnEnd", target=targets.LambdaFunction(finish), states=ENDS)
        request = self._common_request()
        request |= stopping(max_runtime, spot=spot)
        request["HyperParameters"] = dict(hyperparameters)
        request["ResourceConfig"] |= {
            "InstanceType": instance_type,
            "VolumeSizeInGB": volume_size.to_gibibytes(),
        }
        if network_isolation:
            request["EnableNetworkIsolation"] = True
        if network is not None:
            request["VpcConfig"] = self._attach(network)
        resource = self._build_resource(request)
        # Policies are children of the function or role, and must exist before the job starts.
        resource.node.add_dependency(self._rules, finish, role)
        # It depends only on its handle, so that it waits before the first signal can come.
        condition = CfnWaitCondition(
            self,
            f"Finished{self._wait_id}",
            handle=self._handle.ref,
            timeout=str(self._timeout.to_seconds()),
            count=1,
        )
        # `Data` is the text {"<sender>": "<metrics>"}, although its schema says `object`.
        Validations.of(Stack.of(self)).acknowledge(
            Acknowledgment(
                id="CloudFormation-Validate::F6101",
                reason="A wait condition's Data is text, as the User Guide's example has it",
            )
        )
        self.final_metrics = Fn.select(3, Fn.split('"', condition.get_att("Data").to_string()))

    @property
    def _wait_id(self) -> str:
        return f"{self.fingerprint[:12]}{self._timeout.to_seconds()}"

    @property
    def _identity(self) -> str:
        return f"{self._name}-{self.fingerprint[:12]}"

    def _fingerprint(self, hyperparameters: Mapping[str, str], revision: str) -> str:
        made_of = {
            "image": self.image,
            "hyperparameters": dict(hyperparameters),
            "data": {name: channel.sha256 for name, channel in self._channels.items()},
            "revision": revision,
        }
        return fingerprint(Stack.of(self).resolve(made_of))

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Count the jobs that ended without a model.

        Args:
            **options: Options of the metric; by default the sum over five minutes.
        """
        return self._metric("Failed", {"statistic": "Sum", **options})

    def metric_duration(self, **options: Any) -> cloudwatch.Metric:
        """Measure the seconds that jobs trained.

        Args:
            **options: Options of the metric; by default the maximum over five minutes.
        """
        return self._metric("Duration", {"statistic": "Maximum", **options})

    def _metric(self, name: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRICS, metric_name=name, dimensions_map={"Name": self._name}, **options
        )

    def on_state_change(
        self,
        id: str,
        *,
        target: events.IRuleTarget | None = None,
        states: Sequence[str] | None = None,
    ) -> events.Rule:
        """Add a rule for state changes of this fingerprint's jobs; they start after it exists.

        Args:
            id: The rule's id.
            target: What the rule calls.
            states: The `TrainingJobStatus` values that it is called for; all if None.
        """
        detail: dict[str, Any] = {"TrainingJobName": events.Match.prefix(f"{self._identity}-")}
        if states is not None:
            detail["TrainingJobStatus"] = list(states)
        rule = events.Rule(
            self,
            id,
            description=f"Training jobs of {self._name} for its present inputs",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Training Job State Change"],
                detail=detail,
            ),
            targets=[] if target is None else [target],
        )
        self._rules.add(rule)
        return rule

    def _common_request(self) -> dict[str, Any]:
        """Build the part of the CreateTrainingJob request that every job of this construct has."""
        key = {} if self._key is None else {"KmsKeyId": self._key.key_arn}
        volume_key = {} if self._key is None else {"VolumeKmsKeyId": self._key.key_arn}
        output = self._store.address(f"jobs/{self.fingerprint}")
        return {
            # No MetricDefinitions: the API rejects them for built-in algorithms.
            "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": "File"},
            "InputDataConfig": input_data(self._store, self._channels),
            "OutputDataConfig": {"S3OutputPath": output, **key},
            "ResourceConfig": {"InstanceCount": 1, **volume_key},
            "RoleArn": self.role.role_arn,
            "Tags": [{"Key": key, "Value": value} for key, value in self._lineage.items()],
        }

    def _attach(self, network: Network) -> dict[str, list[str]]:
        vpc = network.vpc
        groups = network.security_groups or [ec2.SecurityGroup(self, "SecurityGroup", vpc=vpc)]
        group_ids = [group.security_group_id for group in groups]
        subnets = network.subnets or vpc.select_subnets().subnets
        subnet_ids = [subnet.subnet_id for subnet in subnets]
        for statement in permissions.train_in_vpc(Stack.of(self), subnet_ids, group_ids):
            self.role.add_to_principal_policy(statement)
        return {"SecurityGroupIds": group_ids, "Subnets": subnet_ids}

    def _build_function(
        self, id: str, handler: str, timeout: Duration, description: str, **environment: str
    ) -> Function:
        """Build a function that can signal the deployment."""
        return Function(
            self,
            id,
            description=description,
            code=CODE,
            handler=f"handlers.{handler}.handler",
            timeout=timeout,
            # Not a property of the custom resource: the CDK's provider logs properties.
            environment={
                "WAIT_HANDLE": self._handle.ref,
                "LINEAGE": " ".join(sorted(self._lineage)),
                **environment,
            },
        )

    def _allow(self, function: Function, statements: Iterable[iam.PolicyStatement]) -> None:
        """Give a function the permissions of `statements`, and the use of the encryption key."""
        for statement in statements:
            function.add_to_role_policy(statement)
        if self._key is not None:
            function.add_environment("ENCRYPTION_KEY", self._key.key_arn)
            self._key.grant(function, *permissions.USE_KEY)

    def _build_resource(self, request: Mapping[str, Any]) -> CustomResource:
        data = [stage(self, self._store, *channel) for channel in self._channels.items()]
        # A text, since CloudFormation would turn the numbers in an object into strings.
        text = Stack.of(self).to_json_string(request)
        check_request(Stack.of(self).resolve(text))
        start = self._build_function(
            "Start",
            "start",
            START_TIMEOUT,
            "Stages the data and starts the training job",
            WAIT=self._wait_id,
            REQUEST=text,
        )
        may = permissions.start_job(
            Stack.of(self),
            self._store,
            self._name,
            self.fingerprint,
            self.role,
            data,
            attached="VpcConfig" in request,
        )
        self._allow(start, may)
        return CustomResource(
            self,
            "Resource",
            resource_type="Custom::TrainingJob",
            service_token=add_provider(self, start),
            service_timeout=START_TIMEOUT.plus(Duration.minutes(1)),
            properties={
                "NamePrefix": self._name,
                "Fingerprint": self.fingerprint,
                "Bucket": self._store.bucket.bucket_name,
                "Artifact": self.model_key,
                "Data": [staged.properties for staged in data],
                # Only here so that CloudFormation sends an Update when it changes: the function
                # reads it from its own environment.
                "Request": text,
                # Changes with the wait handle, so that CloudFormation sends an Update. `start`
                # compares it with its own WAIT to tell whether its handle is for this request.
                "Wait": self._wait_id,
            },
        )

    def _build_finish(self) -> Function:
        """Build the function that handles a job's end, and one that reports its failure."""
        finish = self._build_function(
            "Finish",
            "finish",
            FINISH_TIMEOUT,
            "Publishes the model of a training job and signals the deployment",
            NAME_PREFIX=self._name,
        )
        may = permissions.finish_job(Stack.of(self), self._store, self._name, self.fingerprint)
        self._allow(finish, may)
        crashed = self._build_function(
            "Crashed",
            "crashed",
            Duration.minutes(1),
            "Signals the deployment that the end of a training job could not be handled",
            IDENTITY=self._identity,
            FINISH_LOG_GROUP=finish.log_group.log_group_name,
        )
        finish.configure_async_invoke(
            retry_attempts=1, on_failure=destinations.LambdaDestination(crashed)
        )
        return finish
