"""What a model may be here: one container of a built-in algorithm, with a compressed artifact."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.api import s3_address
from local_aws.api.errors import ApiError, invalid
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker import images
from local_aws.sagemaker.clients import role_client

Model = Mapping[str, Any]  # as CreateModel takes it

CONTAINER = {
    "ContainerHostname",
    "Environment",
    "Image",
    "ImageConfig",
    "Mode",
    "ModelDataSource",
    "ModelDataUrl",
}
COMPRESSED = {"S3DataType": "S3Object", "CompressionType": "Gzip"}  # of a ModelDataSource


def container_of(model: Model) -> dict[str, Any]:
    """Return the container of a model that `check` has let through."""
    container: dict[str, Any] = model.get("PrimaryContainer") or model["Containers"][0]
    return container


def artifact_of(container: Mapping[str, Any]) -> str:
    """Return the address of a container's artifact."""
    if "ModelDataUrl" in container:
        return str(container["ModelDataUrl"])
    return str(container["ModelDataSource"]["S3DataSource"]["S3Uri"])


def describe(model: Model) -> dict[str, Any]:
    """Return what DescribeModel answers, with what a request may leave out."""
    answer = {"EnableNetworkIsolation": False} | dict(model)
    if "PrimaryContainer" in model:
        answer["PrimaryContainer"] = {"Mode": "SingleModel"} | model["PrimaryContainer"]
    if "Containers" in model:
        answer["Containers"] = [{"Mode": "SingleModel"} | one for one in model["Containers"]]
    return answer


def check(model: Model, scope: Scope) -> None:
    """Reject a model that can't be served here, or whose image or artifact is not there.

    Raises:
        ApiError: It is rejected.
    """
    if problems := [*_problems(model)]:
        raise invalid(" ".join(problems))
    container = container_of(model)
    images.check_for_model(container["Image"])
    _check_artifact(artifact_of(container), model["ExecutionRoleArn"], scope)


def _problems(model: Model) -> Iterator[str]:
    given = [model["PrimaryContainer"]] if "PrimaryContainer" in model else []
    given += model.get("Containers", [])
    if not given:
        yield "A model must have a PrimaryContainer or Containers."
    if len(given) > 1:
        yield f"{len(given)} containers: inference pipelines are not offered here; use one."
    if "InferenceExecutionConfig" in model:
        yield "InferenceExecutionConfig, which is for several containers, is not offered here."
    if "ExecutionRoleArn" not in model:
        yield "ExecutionRoleArn is required: SageMaker reads the artifact as this role."
    for container in given:
        yield from _container_problems(container)


def _container_problems(container: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name} is not offered here." for name in sorted(container.keys() - CONTAINER))
    if "Image" not in container:
        yield "A container must have an Image; model packages are not offered here."
    if container.get("Mode", "SingleModel") != "SingleModel":
        yield f"Mode {container['Mode']} is not offered here; use SingleModel."
    if container.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") != "Platform":
        yield "RepositoryAccessMode Vpc is not offered here; use Platform."
    sources = [name for name in ("ModelDataUrl", "ModelDataSource") if name in container]
    if len(sources) != 1:
        found = " and ".join(sources) or "neither"
        yield f"A built-in algorithm needs ModelDataUrl or ModelDataSource, got {found}."
    elif sources == ["ModelDataSource"]:
        source = container["ModelDataSource"].get("S3DataSource", {})
        if not COMPRESSED.items() <= source.items():
            yield (
                "ModelDataSource must have an S3DataSource of S3DataType S3Object and "
                "CompressionType Gzip; others are not offered here."
            )


def _check_artifact(address: str, role: str, scope: Scope) -> None:
    if not bridge.trusts_sagemaker(role, scope.arn("*"), scope):
        raise _no_access(address, role, scope)
    bucket, key = s3_address.split(address)
    try:
        role_client("s3", role, scope).head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("403", "AccessDenied"):
            raise _no_access(address, role, scope) from None
        raise invalid(f"Could not find model data at {address}.") from None
    except BotoCoreError:  # such as an address without a key
        raise invalid(f"Could not find model data at {address}.") from None


def _no_access(address: str, role: str, scope: Scope) -> ApiError:
    return invalid(
        f'Could not access model data at {address}. Please ensure that the role "{role}" exists '
        'and that its trust relationship policy allows the action "sts:AssumeRole" for the '
        'service principal "sagemaker.amazonaws.com". Also ensure that the role has '
        f'"s3:GetObject" permissions and that the object is located in {scope.region}.'
    )
