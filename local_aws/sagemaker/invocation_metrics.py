"""Put the metrics of invocations into CloudWatch, as SageMaker does.

Source: "Monitor Amazon SageMaker AI with Amazon CloudWatch" in the developer guide. Here they come
every half second, not every minute. Each value is put as it is, so percentiles are exact.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.ministack.bridge import Scope
from local_aws.sagemaker.batch import Batch
from local_aws.sagemaker.clients import service_client

NAMESPACE = "AWS/SageMaker"
VALUES = 150  # at most in one datum
DATA = 1000  # at most in one PutMetricData


@dataclass(frozen=True)
class Invocation:
    """The measurements of one InvokeEndpoint.

    Attributes:
        variant: The variant's name.
        config: The name of the instance's endpoint configuration.
        status: The HTTP status of the container, or of SageMaker if it rejected the request.
        seconds: From the request's arrival until the answer.
        model_seconds: The container's part of `seconds`; None if it was not asked.
        instances: The variant's instance count; 0 for a serverless variant.
    """

    variant: str
    config: str
    status: int
    seconds: float
    model_seconds: float | None
    instances: int


class Metrics:
    """The metrics of one endpoint."""

    def __init__(self, scope: Scope, endpoint: str) -> None:
        self._scope = scope
        self._endpoint = endpoint
        self._batch = Batch[Invocation](self._deliver)
        self.record = self._batch.add
        self.flush = self._batch.flush

    def _deliver(self, invocations: list[Invocation]) -> None:
        counted: dict[Any, Counter[float]] = defaultdict(Counter)
        for invocation in invocations:
            for name, value, unit in measures(invocation):
                for dimensions in self._dimensions(invocation):
                    counted[dimensions, name, unit][value] += 1
        now = time.time()
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                "Timestamp": now,
                "Values": [value for value, _ in part],
                "Counts": [count for _, count in part],
                "Unit": unit,
            }
            for (dimensions, name, unit), values in counted.items()
            for part in _parts(list(values.items()), VALUES)
        ]
        client = service_client("cloudwatch", self._scope)
        try:
            for part in _parts(data, DATA):
                client.put_metric_data(Namespace=NAMESPACE, MetricData=part)
        except (ClientError, BotoCoreError):
            return  # the server ends

    def _dimensions(self, invocation: Invocation) -> Iterator[tuple[tuple[str, str], ...]]:
        """Yield two sets of dimensions: without the configuration an update mixes both fleets."""
        both = (("EndpointName", self._endpoint), ("VariantName", invocation.variant))
        yield both
        yield (*both, ("EndpointConfigName", invocation.config))


def measures(invocation: Invocation) -> Iterator[tuple[str, float, str]]:
    """Yield (name, value, unit) of each metric of an invocation."""
    status = invocation.status
    refused_by_client = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    yield "Invocations", 1, "None"
    if invocation.instances:
        yield "InvocationsPerInstance", 1 / invocation.instances, "None"
    yield "Invocation4XXErrors", int(refused_by_client), "None"
    yield "Invocation5XXErrors", int(failed), "None"
    if invocation.model_seconds is None:
        return
    overhead = max(0.0, invocation.seconds - invocation.model_seconds)
    yield "InvocationModelErrors", int(status != HTTPStatus.OK), "None"
    yield "ModelLatency", round(invocation.model_seconds * 1e6), "Microseconds"
    yield "OverheadLatency", round(overhead * 1e6), "Microseconds"


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
