"""The settings of an environment: from `cdk.json` and the command line, checked before use.

`cdk.json` holds them under `context.environments.<name>`; `-c env=<name>` chooses one, and
`-c num_topics=20` or `-c endpoint.instance_type=ml.m5.large` overrides a single value.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

DEFAULT_ENVIRONMENT = "dev"
RESERVED = {"env", "environments"}
SETTING = re.compile(r"\w+(\.\w+)*")


class SettingsError(ValueError):
    """A setting is wrong; the message has a line for each: the key, the value, what is allowed."""


InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSettings(_Strict):
    """How the training job runs; none of it changes the model, so none of it trains again."""

    instance_type: InstanceType = "ml.c4.2xlarge"
    volume_gb: int = Field(10, ge=1, le=16384)
    max_runtime_minutes: int = Field(60, ge=1, le=700)
    spot: bool = False  # on spare capacity: cheaper, and may have to wait


class EndpointSettings(_Strict):
    """What the endpoint runs on."""

    instance_type: InstanceType = "ml.m4.xlarge"
    instance_count: int = Field(1, ge=1, le=100)


class Settings(_Strict):
    """Everything that may differ between two environments."""

    env: str = Field(pattern=r"^[a-z][a-z0-9-]{0,19}$")
    project: str = Field("topic-model", pattern=r"^[a-z][a-z0-9-]{0,19}$")
    account: str | None = Field(None, pattern=r"^\d{12}$")
    region: str | None = Field(None, pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    corpus: Path = Path("build/corpus")  # the folder that data_prep wrote
    bucket: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    role: str | None = Field(None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$")
    prefix: str = Field("sagemaker/lda-model", pattern=r"^[\w!.*'()-]+(/[\w!.*'()-]+)*$")
    retain_data: bool = False
    num_topics: int = Field(10, ge=1)
    alpha0: float = Field(1.0, gt=0, allow_inf_nan=False)
    max_restarts: int = Field(10, ge=1)
    max_iterations: int = Field(1000, ge=1)
    tol: float = Field(1e-8, gt=0, allow_inf_nan=False)
    revision: str = Field("", max_length=100)  # any new text trains again
    commit: str | None = Field(None, pattern=r"^[0-9a-f]{7,40}$")  # noted with the model
    notices: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")  # mail of a job's end
    training: TrainingSettings = TrainingSettings()
    endpoint: EndpointSettings = EndpointSettings()

    @property
    def name(self) -> str:
        """The name that resources of this environment share: `<project>-<env>`."""
        return f"{self.project}-{self.env}"


def load(context: Mapping[str, Any]) -> Settings:
    """The settings of the environment that the CDK `context` chooses.

    Raises:
        SettingsError: The environment is not declared, or a key or value is not allowed.
    """
    environments = context.get("environments", {})
    env = context.get("env", DEFAULT_ENVIRONMENT)
    if not isinstance(environments, Mapping) or env not in environments:
        declared = ", ".join(sorted(environments)) or "none"
        raise SettingsError(f"env is {env!r}; cdk.json's context.environments declares: {declared}")
    if not isinstance(environments[env], Mapping):
        raise SettingsError(f"environments.{env} is {environments[env]!r}; an object is needed")
    values: dict[str, Any] = {**environments[env], "env": env}
    for key, value in sorted(_overrides(context).items()):  # a group before what is in it
        group, _, name = key.rpartition(".")
        target = values
        if group:
            declared_group = values.get(group)
            target = dict(declared_group) if isinstance(declared_group, Mapping) else {}
            values[group] = target
        target[name] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem) for problem in error.errors())) from None


def _overrides(context: Mapping[str, Any]) -> dict[str, Any]:
    """What `-c` said of settings: the CDK's own keys all have a `:`, a `/` or a `-` in them."""
    return {k: v for k, v in context.items() if k not in RESERVED and SETTING.fullmatch(k)}


def _explain(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        group = Settings.model_fields.get(str(problem["loc"][0]))
        model: Any = group.annotation if group and len(problem["loc"]) > 1 else Settings
        return f"{key} is not a setting; these are: {', '.join(model.model_fields)}"
    return f"{key} is {problem['input']!r}; {problem['msg'].removeprefix('Input ')}"
