"""What an environment uses, and how much of it, from its settings and its corpus.

Each item names its product in the AWS Price List: a service, and the end of a usage type. Sources:
the pricing pages of SageMaker AI, S3, CloudWatch, KMS and Glue.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from data_prep.manifest import Manifest
from stacks.settings import Settings

MONTH = "a month"
TRAINING = "a training run"
TRANSFORM = "a transform job, for each instance and hour"
TRANSFORM_TYPE = "ml.m4.xlarge"  # what `topics transform` takes if the user names no other
PREPARATION = "a preparation run"
HOURS_A_MONTH = 730  # as AWS counts
GIGABYTE = 1 << 30
ALARMS, ROLLBACK_ALARMS = 2, 3  # besides the idle alarm; a test counts those of the templates

LEFT_OUT = (
    "taxes, discounts and free tiers; storage for data capture and old versions; storage volumes "
    "of endpoint instances; the alarms that scaling creates; requests to S3; data in and out of "
    "the endpoint and of AWS; logs, the dashboard, functions, notices and parameters, which cost "
    "little; a second fleet while an update moves traffic; what a spot job saves"
)


@dataclass(frozen=True)
class Product:
    """A product of the AWS Price List.

    Attributes:
        service: The service code.
        usage: The usage type, without the Region's prefix.
        field: An attribute to search by, besides the Region.
        value: The attribute's value.
    """

    service: str
    usage: str
    field: str
    value: str


@dataclass(frozen=True)
class Item:
    """An amount of something that is billed.

    Attributes:
        name: What it is.
        amount: How many units of it.
        unit: The unit.
        per: `MONTH`, `TRAINING`, `TRANSFORM` or `PREPARATION`.
        product: The product that has its price.
        divisor: How many of `unit` make one unit of the price.
    """

    name: str
    amount: float
    unit: str
    per: str
    product: Product
    divisor: float = 1


def items(
    settings: Settings, corpus: Manifest | None, *, requests: int, request_ms: float
) -> Iterator[Item]:
    """Yield what is billed for the environment, usually the largest item first.

    Args:
        settings: The environment's settings.
        corpus: The prepared corpus; if None, storage is left out.
        requests: Requests a month, for a serverless endpoint.
        request_ms: Milliseconds that one request takes.
    """
    if settings.endpoint.enabled:
        if settings.serverless.memory_mb is None:
            yield from _instances(settings)
        else:
            yield _serverless(settings.serverless.memory_mb, requests, request_ms)
        yield Item(
            "alarms",
            ALARMS
            + (settings.alarms.idle_hours is not None)
            + (ROLLBACK_ALARMS if settings.wait_seconds else 0),
            "alarms",
            MONTH,
            Product("AmazonCloudWatch", "CW:AlarmMonitorUsage", "productFamily", "Alarm"),
        )
    # EventBridge can't use AWS's own key of SNS, so notices need another one.
    if settings.encryption_key == "create" or (settings.notices and not settings.encryption_key):
        yield Item(
            "the key",
            1,
            "keys",
            MONTH,
            Product("awskms", "KMS-Keys", "productFamily", "Encryption Key"),
        )
    if corpus is not None:
        model = settings.model.num_topics * corpus.vocabulary.size * 4  # bytes of float32
        yield Item(
            "the bucket: data and one model",
            (sum(part.bytes for part in corpus.parts.values()) + model) / GIGABYTE,
            "GB",
            MONTH,
            Product("AmazonS3", "TimedStorage-ByteHrs", "volumeType", "Standard"),
        )
    yield from _training(settings)
    yield Item(
        f"transform: {TRANSFORM_TYPE}",
        1,
        "hours",
        TRANSFORM,
        Product("AmazonSageMaker", f"Tsform:{TRANSFORM_TYPE}", "instanceName", TRANSFORM_TYPE),
    )
    if settings.preparation.source is not None:
        yield _preparation(settings)


def _instances(settings: Settings) -> Iterator[Item]:
    kind = settings.endpoint.instance_type
    product = Product("AmazonSageMaker", f"Host:{kind}", "instanceName", kind)
    most = settings.scaling.max_instances
    if most is None:
        count = settings.endpoint.instance_count
        yield Item(f"endpoint: {kind}", count * HOURS_A_MONTH, "hours", MONTH, product)
        return
    for word, count in (("at least", settings.scaling.min_instances), ("at most", most)):
        yield Item(f"endpoint: {kind}, {word}", count * HOURS_A_MONTH, "hours", MONTH, product)


def _serverless(memory_mb: int, requests: int, request_ms: float) -> Item:
    gigabytes = memory_mb // 1024
    return Item(
        f"endpoint: serverless of {gigabytes} GB, {requests:,} requests of {request_ms:g} ms",
        math.ceil(requests * request_ms / 1000),
        "seconds",
        MONTH,
        Product(
            "AmazonSageMaker", f"ServerlessInf:Mem-{gigabytes}GB", "productFamily", "ML Serverless"
        ),
    )


def _training(settings: Settings) -> Iterator[Item]:
    """Yield the items of a training run at its time limit: the real time is known only later."""
    training = settings.training
    hours = training.max_runtime_minutes / 60
    kind = training.instance_type
    yield Item(
        f"training: {kind}, at most",
        hours,
        "hours",
        TRAINING,
        Product("AmazonSageMaker", f"Train:{kind}", "instanceName", kind),
    )
    yield Item(
        f"training: volume of {training.volume_gb} GB, at most",
        training.volume_gb * hours,
        "GB hours",
        TRAINING,
        Product("AmazonSageMaker", "Train:VolumeUsage.gp2", "productFamily", "Storage"),
        divisor=HOURS_A_MONTH,
    )


def _preparation(settings: Settings) -> Item:
    """Return what a preparation run bills at its time limit; at rest the job bills nothing."""
    preparation = settings.preparation
    return Item(
        f"preparation: {preparation.workers} workers, at most",
        preparation.workers * preparation.max_minutes / 60,
        "DPU hours",  # a worker of the type G.1X is one DPU
        PREPARATION,
        Product("AWSGlue", "ETL-DPU-Hour", "group", "ETL Job run"),
    )
