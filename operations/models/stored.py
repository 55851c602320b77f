"""The models in a bucket: what is known of each, and which are needed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.progress import Progress
from operations.environment import Clients, pages
from stacks.settings import Settings, SettingsError

FINGERPRINT = "[0-9a-f]{64}"
DATA = "data-"  # the beginning of the metadata with the digests of a model's data


@dataclass(frozen=True)
class Place:
    """The folder of an environment's data and models."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def objects(self, folder: str, client: Clients) -> Iterator[dict[str, Any]]:
        """Yield the objects in a folder below the prefix, as S3 lists them."""
        return pages(
            client("s3"),
            "list_objects_v2",
            "Contents",
            Bucket=self.bucket,
            Prefix=f"{self.prefix}/{folder}",
        )


@dataclass(frozen=True)
class Model:
    """A published model.

    Attributes:
        fingerprint: 64 hexadecimal digits.
        made: When it was published.
        bytes: The size of its archive.
        metadata: The job's tags and metrics, as the archive's metadata.
        num_topics: The number of topics; None if SageMaker does not know its job any more.
        documents: The number of documents that it was trained on; None as well.
        needed_by: What uses it: a model of SageMaker, a stack, or a job; None if nothing does.
    """

    fingerprint: str
    made: datetime
    bytes: int
    metadata: Mapping[str, str]
    num_topics: int | None
    documents: int | None
    needed_by: str | None

    def address(self, place: Place) -> str:
        """Return the S3 address of the archive."""
        return f"{place}/models/{self.fingerprint}/model.tar.gz"

    @property
    def data(self) -> set[str]:
        """The digests of the data that it was trained on."""
        return {value for key, value in self.metadata.items() if key.startswith(DATA)}


def place_of(settings: Settings, client: Clients) -> Place:
    """Return where an environment's models are.

    Raises:
        SettingsError: The environment is not deployed, and has no bucket of its own.
        ClientError: CloudFormation can't be asked.
    """
    if settings.bucket:
        return Place(settings.bucket, settings.prefix)
    name = f"{settings.name}-storage"
    cloudformation = client("cloudformation")
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        raise SettingsError(
            f"{settings.name} has no stack {name} in {cloudformation.meta.region_name}: "
            "deploy it first, or choose its Region"
        ) from None
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    return Place(outputs["BucketName"], settings.prefix)


def list_models(place: Place, client: Clients) -> list[Model]:
    """Return all models in a folder, the newest first."""
    needed = dict(_needed(place, client))
    key = re.compile(rf"{re.escape(place.prefix)}/models/({FINGERPRINT})/model\.tar\.gz")
    found = []
    with Progress("looking at models") as progress:
        for entry in place.objects("models/", client):
            if match := key.fullmatch(entry["Key"]):
                found.append(_describe(place, match[1], entry, needed.get(match[1]), client))
                progress.advance(1)
    return sorted(found, key=lambda model: model.made, reverse=True)


def _describe(
    place: Place, fingerprint: str, entry: Any, needed_by: str | None, client: Clients
) -> Model:
    head = client("s3").head_object(Bucket=place.bucket, Key=entry["Key"])
    metadata = head["Metadata"]
    hyperparameters = _hyperparameters(metadata.get("job"), client)
    return Model(
        fingerprint,
        head["LastModified"],
        head["ContentLength"],
        metadata,
        _number(hyperparameters, "num_topics"),
        _number(hyperparameters, "mini_batch_size"),  # LDA takes all documents at once
        needed_by,
    )


def _hyperparameters(job: str | None, client: Clients) -> Mapping[str, str]:
    sagemaker = client("sagemaker")
    if job is None:
        return {}
    try:
        described = sagemaker.describe_training_job(TrainingJobName=job)
    except sagemaker.exceptions.ClientError as error:
        if "not found" in str(error).lower():
            return {}
        raise
    return dict(described.get("HyperParameters", {}))


def _number(hyperparameters: Mapping[str, str], name: str) -> int | None:
    text = hyperparameters.get(name, "")
    return int(text) if text.isdecimal() else None


def _needed(place: Place, client: Clients) -> Iterator[tuple[str, str]]:
    """Yield the fingerprints that something needs, and what it is; the strongest reason last."""
    key = re.compile(rf"{re.escape(place.prefix)}/models/({FINGERPRINT})/")
    for stack, text in _templates(client):
        for fingerprint in key.findall(text):
            yield fingerprint, f"stack {stack}"
    address = re.compile(rf"{re.escape(str(place))}/models/({FINGERPRINT})/model\.tar\.gz")
    sagemaker = client("sagemaker")
    serving = _served_models(sagemaker)
    for name in (model["ModelName"] for model in pages(sagemaker, "list_models", "Models")):
        described = sagemaker.describe_model(ModelName=name)
        containers = [described.get("PrimaryContainer", {}), *described.get("Containers", [])]
        for container in containers:
            if match := address.fullmatch(container.get("ModelDataUrl", "")):
                yield match[1], f"endpoint {serving[name]}" if name in serving else f"model {name}"


def _served_models(sagemaker: Any) -> dict[str, str]:
    """Return the models behind endpoints, each with an endpoint that has it."""
    found = {}
    for endpoint in pages(sagemaker, "list_endpoints", "Endpoints"):
        described = sagemaker.describe_endpoint(EndpointName=endpoint["EndpointName"])
        name = described.get("EndpointConfigName")
        if name is None:
            continue
        config = sagemaker.describe_endpoint_config(EndpointConfigName=name)
        for variant in config["ProductionVariants"]:
            found[variant["ModelName"]] = endpoint["EndpointName"]
    return found


def _templates(client: Clients) -> Iterator[tuple[str, str]]:
    """Yield all stacks, each with the texts of its template and its outputs."""
    cloudformation = client("cloudformation")
    for stack in pages(cloudformation, "describe_stacks", "Stacks"):
        template = cloudformation.get_template(StackName=stack["StackName"])["TemplateBody"]
        text = template if isinstance(template, str) else _flat(template)
        outputs = (each["OutputValue"] for each in stack.get("Outputs", []))
        yield stack["StackName"], " ".join([text, *outputs])


def _flat(value: Any) -> str:
    """Return all texts of a template."""
    if isinstance(value, Mapping):
        return " ".join(map(_flat, value.values()))
    if isinstance(value, list):
        return " ".join(map(_flat, value))
    return str(value)
