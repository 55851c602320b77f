"""Everything that may differ between two environments, with what is allowed and the default."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

DEFAULT_WAIT_SECONDS = 300
RESOURCE_ID = r"-([0-9a-f]{8}|[0-9a-f]{17})$"  # what EC2's ids end with
PREFIX_PART = r"[\w!'()-][\w!.'()-]*"
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]


def _split(value: object) -> object:
    """A list as `-c` gives it: `subnet-1,subnet-2`."""
    return value.split(",") if isinstance(value, str) else value


# What all services take, and S3 as metadata of a model.
TagKey = Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9-]{0,39}$")]
TagValue = Annotated[str, Field(pattern=r"^[a-zA-Z0-9 +=._:/@-]{1,128}$")]
Subnets = Annotated[
    tuple[Annotated[str, Field(pattern=r"^subnet" + RESOURCE_ID)], ...], BeforeValidator(_split)
]
SecurityGroups = Annotated[
    tuple[Annotated[str, Field(pattern=r"^sg" + RESOURCE_ID)], ...], BeforeValidator(_split)
]

Names = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_split)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSettings(_Strict):
    """How the training job runs; none of it changes the model, so none of it trains again."""

    instance_type: InstanceType = "ml.c4.2xlarge"
    volume_gb: int = Field(10, ge=1, le=16384)
    max_runtime_minutes: int = Field(60, ge=1, le=700)
    spot: bool = False  # on spare capacity: cheaper, and may have to wait


class EndpointSettings(_Strict):
    """What the endpoint runs on; a serverless one has no instances."""

    enabled: bool = True  # off: asleep, which bills nothing and keeps the model
    instance_type: InstanceType = "ml.m4.xlarge"
    instance_count: int = Field(1, ge=1, le=100)
    capture_percent: int = Field(0, ge=0, le=100)  # of requests and answers, kept in the bucket


class UpdateSettings(_Strict):
    """How traffic moves to a new configuration, while alarms watch and would turn it back."""

    strategy: Literal["all_at_once", "canary", "linear", "rolling"] = "all_at_once"
    step_percent: int = Field(25, ge=1, le=50)  # of the instances: canary, or each step
    wait_seconds: int | None = Field(None, ge=0, le=3600)  # of alarms, after each step


class ScalingSettings(_Strict):
    """How many instances there are; on when `max_instances` is given."""

    max_instances: int | None = Field(None, ge=1, le=100)
    min_instances: int = Field(1, ge=1, le=100)
    invocations_per_minute: float = Field(600, gt=0, allow_inf_nan=False)  # of an instance
    scale_in_seconds: int = Field(600, ge=0, le=3600)  # pause after one
    scale_out_seconds: int = Field(300, ge=0, le=3600)
    instance_type: InstanceType | None = None  # the endpoint's, while it is scaled


class ServerlessSettings(_Strict):
    """An endpoint without instances, billed by the request; on when `memory_mb` is given."""

    memory_mb: int | None = Field(None, ge=1024, le=6144, multiple_of=1024)
    max_concurrency: int = Field(5, ge=1, le=200)


class NetworkSettings(_Strict):
    """Where the job and the endpoint are attached, and whether their containers reach anything."""

    isolation: bool | None = None  # None: on, where SageMaker can do it
    vpc: str | None = Field(None, pattern=r"^vpc" + RESOURCE_ID)
    subnets: Subnets = ()
    security_groups: SecurityGroups = ()  # none: one that lets everything out


class AlarmSettings(_Strict):
    """What is worth a notice."""

    server_errors: int = Field(1, ge=1)  # answers of the class 5xx in five minutes
    latency_ms: float = Field(1000, gt=0, allow_inf_nan=False)  # that 1 % of answers exceed
    idle_hours: int | None = Field(24, ge=1, le=168)  # without a request


class PipelineSettings(_Strict):
    """Deployment by CodePipeline, as `defaults` say; on when `connection` is given."""

    # Of CodeConnections, to the repository; its account and Region are the pipeline's.
    connection: str | None = Field(
        None,
        pattern=r"^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}"
        r":connection/[0-9a-f-]+$",
    )
    branch: str = Field("main", pattern=r"^[\w./-]+$")
    # The folder of S3 that the corpus is fetched from, s3://BUCKET/PREFIX, and the files in it.
    source: str | None = Field(
        None, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w-][\w.-]*)+$"
    )
    corpus: str = Field("corpus.txt", pattern=r"^\w[\w.-]*$")
    vocab: str | None = Field(None, pattern=r"^\w[\w.-]*$")  # None: the corpus is raw text
    environments: Names = ("dev", "prod")  # in this order; all but the first are approved


class GitHubSettings(_Strict):
    """What else AWS must know of the repository, to trust its workflows (`stacks.github_oidc`)."""

    # OWNER-ID/REPOSITORY-ID, the numbers by which GitHub knows OWNER/NAME for ever.
    ids: str | None = Field(None, pattern=r"^\d{1,20}/\d{1,20}$")
    # An account has one OIDC provider for GitHub: whether it is there already.
    provider: Literal["create", "existing"] = "create"


class Settings(_Strict):
    """Everything that may differ between two environments."""

    env: str = Field(pattern=r"^[a-z][a-z0-9-]{0,19}$")
    project: str = Field("topic-model", pattern=r"^[a-z][a-z0-9-]{0,19}$")
    owner: TagValue | None = None
    cost_center: TagValue | None = None
    tags: dict[TagKey, TagValue] = {}  # more of them
    account: str | None = Field(None, pattern=r"^\d{12}$")
    region: str | None = Field(None, pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    corpus: Path = Path("build/corpus")  # the folder that data_prep wrote
    bucket: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    role: str | None = Field(None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$")
    # No star, which IAM takes for any text, and no part `..`, which programs resolve.
    prefix: str = Field("sagemaker/lda-model", pattern=rf"^{PREFIX_PART}(/{PREFIX_PART})*$")
    retain_data: bool = False
    termination_protection: bool = False  # no stack is deleted until it is off
    # A managed policy, by name or ARN, that bounds every role.
    permissions_boundary: str | None = Field(
        None, pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:policy/)?[\w+=,.@/-]+$"
    )
    bootstrap_qualifier: str | None = Field(None, pattern=r"^[a-z0-9]{1,10}$")  # None: the CDK's
    num_topics: int = Field(10, ge=1)
    alpha0: float = Field(1.0, gt=0, allow_inf_nan=False)
    max_restarts: int = Field(10, ge=1)
    max_iterations: int = Field(1000, ge=1)
    tol: float = Field(1e-8, gt=0, allow_inf_nan=False)
    revision: str = Field("", max_length=100)  # any new text trains again
    commit: str | None = Field(None, pattern=r"^[0-9a-f]{7,40}$")  # noted with the model
    repository: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$")  # on GitHub, OWNER/NAME
    notices: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")  # mail of a job's end
    # Of bucket, volumes, logs and notices: `create`, or the ARN of one; None: AWS's own keys.
    encryption_key: str | None = Field(
        None, pattern=r"^(create|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+)$"
    )
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
