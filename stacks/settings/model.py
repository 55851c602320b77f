"""All settings: what each is, what is allowed, and the default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stacks.settings import texts
from stacks.settings.texts import InstanceType, TagKey, TagValue

DEFAULT_WAIT_SECONDS = 300


def _split(value: object) -> object:
    """A list as `-c` gives it: `subnet-1,subnet-2`; null is an empty one, and so is no text."""
    if value is None or value == "":
        return []
    return value.split(",") if isinstance(value, str) else value


def _without_empty(value: object) -> object:
    """Tags less those that null or an empty text takes back."""
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        return value
    return {key: one for key, one in value.items() if one is not None and one != ""}


# As many as SageMaker attaches to.
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
    # What stands under a field describes it, for the schema, `operations settings` and the docs.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _switch_off(cls, values: object) -> object:
        """Read an empty text as null where null is allowed: `-c` can't say null."""
        if not isinstance(values, Mapping):
            return values
        off = {
            key
            for key, field in cls.model_fields.items()
            if type(None) in get_args(field.annotation)
        }
        return {key: None if value == "" and key in off else value for key, value in values.items()}


class ModelSettings(_Strict):
    """What the model is: a change of one of these trains another model."""

    num_topics: int = Field(10, ge=1, le=150)
    """Topics to find."""

    alpha0: float = Field(1.0, ge=1e-6, le=1e4)
    """The first guess of the sum of alpha; below 1 a document has few topics, above it many."""

    max_restarts: int = Field(10, ge=1)
    """Restarts of the search for topics."""

    max_iterations: int = Field(1000, ge=1)
    """Iterations of each search, at most."""

    tol: float = Field(1e-8, gt=0, allow_inf_nan=False)
    """The error at which a search ends."""

    revision: str = Field("", max_length=100)
    """Any text; a new one trains the model again, although nothing else has changed."""


class TrainingSettings(_Strict):
    """What the training job runs on. A change of these trains nothing again."""

    instance_type: InstanceType = "ml.c4.2xlarge"
    """The instance that trains; LDA uses one, without a GPU."""

    volume_gb: int = Field(10, ge=1, le=16384)
    """The size of its disk, in GB."""

    max_runtime_minutes: int = Field(60, ge=1, le=700)
    """A job that runs longer is stopped, and the deployment fails."""

    spot: bool = False
    """Train on spare capacity: it costs less, and the job may have to wait."""


class EndpointSettings(_Strict):
    """What the endpoint runs on."""

    enabled: bool = True
    """`false` puts it to sleep: the endpoint goes and bills nothing, the model stays."""

    instance_type: InstanceType = "ml.m4.xlarge"
    """The type of its instances."""

    instance_count: int = Field(1, ge=1, le=100)
    """How many instances there are; with `scaling`, how many there are at first."""

    capture_percent: int = Field(0, ge=0, le=100)
    """The share of requests and answers that is kept in the bucket, below `PREFIX/capture/`."""


class UpdateSettings(_Strict):
    """How requests move to a new model, while alarms watch it and can turn the update back."""

    strategy: Literal["all_at_once", "canary", "linear", "rolling"] = "all_at_once"
    """All requests at once, or in steps, which takes two instances or more."""

    step_percent: int = Field(25, ge=1, le=50)
    """The share of the instances in the first step of `canary`, or in each of the others."""

    wait_seconds: int | None = Field(None, ge=0, le=3600)
    """How long alarms watch after each step; by default 300 with steps, and 0 without."""


class ScalingSettings(_Strict):
    """As many instances as the requests need."""

    max_instances: int | None = Field(None, ge=1, le=100)
    """The most instances; a number switches scaling on."""

    min_instances: int = Field(1, ge=1, le=100)
    """The fewest instances."""

    invocations_per_minute: float = Field(600, gt=0, allow_inf_nan=False)
    """Requests a minute that one instance is to have."""

    scale_in_seconds: int = Field(600, ge=0, le=3600)
    """The pause after instances were taken away."""

    scale_out_seconds: int = Field(300, ge=0, le=3600)
    """The pause after instances were added."""

    instance_type: InstanceType | None = None
    """`endpoint.instance_type` once more, which can't change while scaling is on."""


class ServerlessSettings(_Strict):
    """An endpoint without instances, billed by the request."""

    memory_mb: int | None = Field(None, ge=1024, le=6144, multiple_of=1024)
    """Its memory, in MB; a number makes the endpoint serverless."""

    max_concurrency: int = Field(5, ge=1, le=200)
    """How many requests it answers at a time."""


class NetworkSettings(_Strict):
    """Where the training job and the endpoint are attached."""

    isolation: bool | None = None
    """Keep their containers from any network; on by default, where SageMaker can do it."""

    vpc: texts.Vpc | None = None
    """A VPC of yours to attach them to."""

    subnets: Subnets = ()
    """Subnets of `vpc`, two or more, which reach S3 and CloudWatch Logs."""

    security_groups: SecurityGroups = ()
    """Security groups of `vpc`; by default one that lets everything out."""


class AlarmSettings(_Strict):
    """What is worth a notice."""

    server_errors: int = Field(1, ge=1)
    """This many answers of the class 5xx within five minutes."""

    latency_ms: float = Field(1000, gt=0, allow_inf_nan=False)
    """One of a hundred answers takes longer than this, in milliseconds."""

    idle_hours: int | None = Field(24, ge=1, le=168)
    """Nobody has asked the endpoint for this many hours."""


class PipelineSettings(_Strict):
    """A CodePipeline that deploys what is merged; read from `defaults` alone."""

    connection: texts.Connection | None = None
    """The ARN of a connection of CodeConnections to the repository; it switches the pipeline on.

    The pipeline is in its account and Region.
    """

    branch: texts.Branch = "main"
    """The branch that is deployed."""

    source: texts.Source | None = None
    """The folder that the corpus is fetched from, `s3://BUCKET/PREFIX`."""

    corpus: texts.File = "corpus.txt"
    """The corpus, a file in `source`."""

    vocab: texts.File | None = None
    """The vocabulary, a file in `source`; raw text needs none."""

    environments: Names = ("dev", "prod")
    """What is deployed, in this order; somebody approves all but the first."""


class GitHubSettings(_Strict):
    """How AWS knows the repository whose workflows deploy."""

    ids: texts.GitHubIds | None = None
    """`OWNER-ID/REPOSITORY-ID`, the numbers that GitHub gave to owner and repository."""

    provider: Literal["create", "existing"] = "create"
    """An account has one OIDC provider for GitHub: make it, or use the one that it has."""


class Settings(_Strict):
    """Everything that may differ between two environments."""

    env: texts.Name
    """The environment's name, the key under `environments`."""

    project: texts.Name = "topic-model"
    """With the environment's name, the beginning of every resource's name."""

    owner: TagValue | None = None
    """The tag `owner` of everything."""

    cost_center: TagValue | None = None
    """The tag `cost-center` of everything."""

    tags: TagsOf = {}
    """More tags of everything."""

    account: texts.Account | None = None
    """The account to deploy to; by default the caller's."""

    region: texts.Region | None = None
    """The Region to deploy to; by default the caller's."""

    prepared: Path = Path("build/prepared")
    """The folder that `data_prep convert` wrote."""

    bucket: texts.Bucket | None = None
    """A bucket that exists; by default one is made."""

    role: texts.RoleArn | None = None
    """An execution role that exists; by default one is made.

    It must be allowed to read `PREFIX/data/` and `PREFIX/models/`, to write `PREFIX/jobs/`, and
    with `encryption_key` to encrypt and decrypt by that key.
    """

    prefix: texts.Prefix = "sagemaker/lda-model"
    """Where data and models are in the bucket."""

    retain_data: bool = False
    """Keep the bucket and its key when the environment is destroyed."""

    termination_protection: bool = False
    """Let no stack be deleted until this is off again."""

    permissions_boundary: texts.Boundary | None = None
    """A managed policy, by name or ARN, that bounds every role."""

    bootstrap_qualifier: texts.Qualifier | None = None
    """The qualifier of a bootstrap of your own; by default the CDK's."""

    commit: texts.Commit | None = None
    """The commit that is deployed; it is noted with the model."""

    repository: texts.Repository | None = None
    """The repository on GitHub that deploys, `OWNER/NAME`."""

    notices: texts.Mail | None = None
    """A mail address that is told of each job's end and of alarms.

    A notice may come twice: SageMaker may send an event more than once.
    """

    encryption_key: texts.Key | None = None
    """`create`, or the ARN of your key: encrypts bucket, disks, logs and notices."""

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
        """The name that resources of this environment share: `<project>-<env>`."""
        return f"{self.project}-{self.env}"

    @property
    def stacks(self) -> tuple[str, ...]:
        """The names of this environment's stacks; one of a bucket that is there has no storage."""
        return tuple(f"{self.name}-{part}" for part in ("storage", "training", "serving"))

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of everything that takes tags."""
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
        """Whether the endpoint has no instances."""
        return self.serverless.memory_mb is not None

    @property
    def isolated(self) -> bool:
        """Whether the endpoint's container reaches nothing: serverless ones can't be kept from."""
        return not self.is_serverless if self.network.isolation is None else self.network.isolation

    @property
    def wait_seconds(self) -> int:
        """How long alarms watch after each step of an update."""
        if self.updates.wait_seconds is not None:
            return self.updates.wait_seconds
        return 0 if self.updates.strategy == "all_at_once" else DEFAULT_WAIT_SECONDS
