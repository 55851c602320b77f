"""Find the model of an environment by the parameters of its deployment.

They are there whether the endpoint runs or sleeps.
"""

import argparse
import re
from typing import Any, NamedTuple, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from topics.endpoint.state import explain

_ARTIFACT = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<prefix>.+)/models/[^/]+/[^/]+")


class TransformError(RuntimeError):
    """A transform job can't be run, it fails, or its outputs are not predictions."""


class Environment(NamedTuple):
    """An environment, as a user names it: `PROJECT/ENV`."""

    project: str
    env: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `PROJECT/ENV`; a type of argument."""
        project, _, env = text.partition("/")
        if not project or not env or "/" in env:
            raise argparse.ArgumentTypeError(
                f"{text!r} must be PROJECT/ENV, such as topic-model/dev"
            )
        return cls(project, env)

    @property
    def name(self) -> str:
        """What its endpoint and jobs are named after, as `stacks` does."""
        return f"{self.project}-{self.env}"


class Deployed(NamedTuple):
    """The model that an environment serves.

    Attributes:
        environment: The environment.
        model: The name of the SageMaker model.
        artifact: The `s3://` address of its archive.
        bucket: The environment's bucket.
        prefix: What the keys of its objects begin with, without a slash at the end.
    """

    environment: Environment
    model: str
    artifact: str
    bucket: str
    prefix: str


def find_deployed(environment: Environment) -> Deployed:
    """Return the model that an environment serves, or would serve if its endpoint were awake.

    Raises:
        TransformError: There is none, or the caller may not see it.
    """
    try:
        ssm = boto3.client("ssm")
    except BotoCoreError as error:  # there is no Region
        raise TransformError(f"the parameters of {environment.name}: {error}") from None
    names = ("model-name", "model-artifact")
    model, artifact = (_parameter(ssm, environment, name) for name in names)
    match = _ARTIFACT.fullmatch(artifact)
    if match is None:
        raise TransformError(
            f"the parameter model-artifact of {environment.name} is {artifact!r}, must be"
            " s3://BUCKET/PREFIX/models/FINGERPRINT/model.tar.gz"
        )
    return Deployed(environment, model, artifact, match["bucket"], match["prefix"])


def _parameter(ssm: Any, environment: Environment, name: str) -> str:
    parameter = f"/{environment.project}/{environment.env}/{name}"
    try:
        value: str = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        raise TransformError(
            f"there is no parameter {parameter} in {ssm.meta.region_name}: deploy the environment"
            f" {environment.env!r} of {environment.project!r} first, or name another with --env"
        ) from None
    except (ClientError, BotoCoreError) as error:
        raise TransformError(f"the parameter {parameter}: {explain(error)}") from None
    return value
