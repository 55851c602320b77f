"""All settings: what each is, which values are allowed, and the default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stacks.settings import texts
from stacks.settings.texts import InstanceType, TagKey, TagValue

DEFAULT_WAIT_SECONDS = 300
MOST = 10**9  # of numbers that AWS documents no limit of; each service can hold it


def _split(value: object) -> object:
    """Split a list as `-c` gives it, `subnet-1,subnet-2`; null or an empty text gives no item."""
    if value is None or value == "":
        return []
    return value.split(",") if isinstance(value, str) else value


def _without_empty(value: object) -> object:
    """Remove the tags whose value is null or an empty text."""
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        return value
    return {key: one for key, one in value.items() if one is not None and one != ""}


# The lengths are SageMaker's limits.
Subnets = Annotated[
    tuple[texts.Subnet, ...],
    Field(max_length=16),
    BeforeValidator(_split, json_schema_input_type=list[texts.Subnet] | None),
]
SecurityGroups = Annotated[
    tuple[texts.SecurityGroup, ...],
    Field(max_length=5),
    BeforeValidator(_split, json_schema_input_type=list[texts.SecurityGroup] | None),
]
Names = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_split)]
TagsOf = Annotated[
    dict[TagKey, TagValue],
    BeforeValidator(_without_empty, json_schema_input_type=dict[TagKey, TagValue | None] | None),
]


class _Strict(BaseModel):
    # The text below a field is its description in the schema and in docs/settings.md.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _switch_off(cls, values: object) -> object:
        """Read an empty text as null where null is allowed, since `-c` can't give null."""
        if not isinstance(values, Mapping):
            return values
        off = {
            key
            for key, field in cls.model_fields.items()
            if type(None) in get_args(field.annotation)
        }
        return {key: None if value == "" and key in off else value for key, value in values.items()}

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_boolean(cls, value: object, info: ValidationInfo) -> object:
        """Reject true and false for numbers, which pydantic reads as 1 and 0."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = (annotation, *get_args(annotation))
        if isinstance(value, bool) and (int in kinds or float in kinds):
            raise PydanticCustomError("number", "should be a number")
        return value


class PreparationSettings(_Strict):
    """A Glue job that prepares a corpus in your account, by Spark; it costs nothing at rest."""

    source: texts.Source | None = None
    """The folder in S3 that the job may read, `s3://BUCKET/PREFIX`; it switches the job on."""

    workers: int = Field(2, ge=2, le=100)
    """How many workers a run has, each with 4 processors and 16 GB; one of them is the driver."""

    max_minutes: int = Field(60, ge=1, le=10_080)
    """Glue stops a run that takes longer than this."""


class ModelSettings(_Strict):
    """What the model is. A change of one of these settings trains a new model."""

    num_topics: int = Field(10, ge=1, le=150)
    """How many topics to find."""

    alpha0: float = Field(1.0, ge=1e-6, le=1e4)
    """The first guess of the sum of alpha: below 1 a document has few topics, above 1 many."""

    max_restarts: int = Field(10, ge=1, le=MOST)
    """How often the search for topics starts again."""

    max_iterations: int = Field(1000, ge=1, le=MOST)
    """The most iterations of each search."""

    tol: float = Field(1e-8, gt=0, allow_inf_nan=False)
    """The error at which a search ends."""

    revision: str = Field("", max_length=100)
    """Any text; a new text trains the model again, even if nothing else has changed."""


class TrainingSettings(_Strict):
    """What the training job runs on. A change of one of these settings trains nothing again."""

    instance_type: InstanceType = "ml.c4.2xlarge"
    """The type of the instance that trains; LDA uses one instance, without a GPU."""

    volume_gb: int = Field(10, ge=1, le=16384)
    """The size of the instance's disk, in GB."""

    max_runtime_minutes: int = Field(60, ge=1, le=700)
    """SageMaker stops a job that runs longer than this, and the deployment fails."""

    spot: bool = False
    """Train on spot capacity: it costs less, but the job may have to wait."""


class EndpointSettings(_Strict):
    """What the endpoint runs on."""

    enabled: bool = True
    """`false` deletes the endpoint, so that it costs nothing; the model stays."""

    instance_type: InstanceType = "ml.m4.xlarge"
    """The type of the endpoint's instances."""

    instance_count: int = Field(1, ge=1, le=100)
    """How many instances there are; with `scaling`, how many there are at first."""

    capture_percent: int = Field(0, ge=0, le=100)
    """The percentage of requests and answers to keep in the bucket, below `PREFIX/capture/`."""


class UpdateSettings(_Strict):
    """How requests move to a new model. Alarms watch it and can roll the update back."""

    strategy: Literal["all_at_once", "canary", "linear", "rolling"] = "all_at_once"
    """Move all requests at once, or in steps; steps need two instances or more."""

    step_percent: int = Field(25, ge=1, le=50)
    """The percentage of instances in the first step of `canary`, or in each step of the others."""

    wait_seconds: int | None = Field(None, ge=0, le=3600)
    """How long alarms watch after each step; by default 300 with steps, 0 without."""


class ScalingSettings(_Strict):
    """Fit the number of instances to the number of requests."""

    max_instances: int | None = Field(None, ge=1, le=100)
    """The most instances; setting it switches scaling on."""

    min_instances: int = Field(1, ge=1, le=100)
    """The fewest instances."""

    invocations_per_minute: float = Field(600, gt=0, le=MOST)
    """How many requests a minute each instance should get."""

    scale_in_seconds: int = Field(600, ge=0, le=3600)
    """How long to wait after removing instances."""

    scale_out_seconds: int = Field(300, ge=0, le=3600)
    """How long to wait after adding instances."""

    instance_type: InstanceType | None = None
    """The same as `endpoint.instance_type`, which can't change while scaling is on."""


class ServerlessSettings(_Strict):
    """An endpoint without instances, billed by the request."""

    memory_mb: int | None = Field(None, ge=1024, le=6144, multiple_of=1024)
    """The endpoint's memory, in MB; setting it makes the endpoint serverless."""

    max_concurrency: int = Field(5, ge=1, le=200)
    """How many requests the endpoint answers at the same time."""


class NetworkSettings(_Strict):
    """The network of the training job and the endpoint."""

    isolation: bool | None = None
    """Give their containers no network access; on by default, where SageMaker can do it."""

    vpc: texts.Vpc | None = None
    """An existing VPC to attach them to."""

    subnets: Subnets = ()
    """Subnets of `vpc`, two or more, that can reach S3 and CloudWatch Logs."""

    security_groups: SecurityGroups = ()
    """Security groups of `vpc`; by default a new one that allows all outgoing traffic."""


class AlarmSettings(_Strict):
    """When an alarm goes off."""

    server_errors: int = Field(1, ge=1, le=MOST)
    """At this many 5xx answers within five minutes."""

    latency_ms: float = Field(1000, gt=0, le=MOST)
    """When 1 % of the answers take longer than this, in milliseconds."""

    idle_hours: int | None = Field(24, ge=1, le=168)
    """After this many hours without a request."""


class PipelineSettings(_Strict):
    """A CodePipeline that deploys what is merged; it reads these settings only from `defaults`."""

    connection: texts.Connection | None = None
    """The ARN of a CodeConnections connection to the repository; it switches the pipeline on.

    The pipeline is made in the connection's account and Region.
    """

    branch: texts.Branch = "main"
    """The branch to deploy."""

    source: texts.Source | None = None
    """The folder in S3 to fetch the corpus from, `s3://BUCKET/PREFIX`."""

    corpus: texts.File | None = "corpus.txt"
    """The name of the corpus in `source`; null if `source` is a prepared corpus, to stay there."""

    vocab: texts.File | None = None
    """The name of the vocabulary in `source`; raw text and prepared corpora need none."""

    environments: Names = ("dev", "prod")
    """The environments to deploy, in this order; somebody must approve all but the first."""


class GitHubSettings(_Strict):
    """How AWS identifies the repository whose workflows deploy."""

    ids: texts.GitHubIds | None = None
    """`OWNER-ID/REPOSITORY-ID`, GitHub's numbers of the owner and the repository."""

    provider: Literal["create", "existing"] = "create"
    """Create GitHub's OIDC provider, or use the existing one; an account has only one."""


class Settings(_Strict):
    """The settings of an environment."""

    env: texts.Name
    """The environment's name, its key in `environments`."""

    project: texts.Name = "topic-model"
    """The first part of every resource's name; the environment's name follows."""

    owner: TagValue | None = None
    """The value of the tag `owner` of every resource."""

    cost_center: TagValue | None = None
    """The value of the tag `cost-center` of every resource."""

    tags: TagsOf = {}
    """More tags of every resource."""

    account: texts.Account | None = None
    """The account to deploy to; by default the caller's."""

    region: texts.Region | None = None
    """The Region to deploy to; by default the caller's."""

    prepared: texts.Folder = Path("build/prepared")
    """The folder that `data_prep convert` wrote."""

    bucket: texts.Bucket | None = None
    """An existing bucket; by default a new one is created."""

    role: texts.RoleArn | None = None
    """An existing execution role; by default a new one is created.

    It must be allowed to read `PREFIX/data/` and `PREFIX/models/`, to write `PREFIX/jobs/`, and
    to encrypt and decrypt with `encryption_key` if that is set.
    """

    prefix: texts.Prefix = "sagemaker/lda-model"
    """The folder of data and models in the bucket."""

    old_versions_days: int | None = Field(30, ge=1, le=3650)
    """Days until old versions of objects and unfinished uploads are deleted from a new bucket.

    A version gets old when its object is written again or deleted. null keeps all for ever.
    """

    retain_data: bool = False
    """Keep the bucket and its key when the environment is destroyed."""

    termination_protection: bool = False
    """Protect the stacks from deletion until this is off again."""

    permissions_boundary: texts.Boundary | None = None
    """The permissions boundary of every role: a managed policy, by name or ARN."""

    bootstrap_qualifier: texts.Qualifier | None = None
    """The qualifier of your own CDK bootstrap; by default the CDK's."""

    commit: texts.Commit | None = None
    """The commit that is deployed; it is recorded with the model."""

    repository: texts.Repository | None = None
    """The GitHub repository that deploys, `OWNER/NAME`."""

    notices: texts.Mail | None = None
    """An email address that gets a mail at the end of each job and for each alarm.

    A mail may come twice: SageMaker may send an event more than once.
    """

    encryption_key: texts.Key | None = None
    """`create`, or the ARN of your KMS key: it encrypts bucket, disks, logs and notices."""

    preparation: PreparationSettings = PreparationSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    endpoint: EndpointSettings = EndpointSettings()
    updates: UpdateSettings = UpdateSettings()
    scaling: ScalingSettings = ScalingSettings()
    serverless: ServerlessSettings = ServerlessSettings()
    network: NetworkSettings = NetworkSettings()
    alarms: AlarmSettings = AlarmSettings()
    pipeline: PipelineSettings = PipelineSettings()
    github: GitHubSettings = GitHubSettings()

    @property
    def name(self) -> str:
        """How the names of this environment's resources begin: `<project>-<env>`."""
        return f"{self.project}-{self.env}"

    @property
    def stacks(self) -> tuple[str, ...]:
        """The names that this environment's stacks can have.

        With an existing `bucket` there is no storage, without `preparation.source` no preparation.
        """
        parts = ("storage", "preparation", "training", "serving")
        return tuple(f"{self.name}-{part}" for part in parts)

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of every resource."""
        known = {
            "project": self.project,
            "environment": self.env,
            "owner": self.owner,
            "cost-center": self.cost_center,
        }
        return {key: value for key, value in known.items() if value is not None} | self.tags

    @property
    def scaled(self) -> bool:
        """Whether the number of instances follows the requests."""
        return self.scaling.max_instances is not None

    @property
    def is_serverless(self) -> bool:
        """Whether the endpoint is billed by the request."""
        return self.serverless.memory_mb is not None

    @property
    def has_instances(self) -> bool:
        """Whether there is an endpoint with instances."""
        return self.endpoint.enabled and not self.is_serverless

    @property
    def isolated(self) -> bool:
        """Whether the endpoint's container has no network access; a serverless one has it."""
        return not self.is_serverless if self.network.isolation is None else self.network.isolation

    @property
    def wait_seconds(self) -> int:
        """How long alarms watch after each step of an update."""
        if self.updates.wait_seconds is not None:
            return self.updates.wait_seconds
        return 0 if self.updates.strategy == "all_at_once" else DEFAULT_WAIT_SECONDS
