"""`Instance` is one serving process; `Fleet` is all instances of a production variant."""

import hashlib
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from local_aws.sagemaker import models
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.serving_container import START_UP_SECONDS, ServingContainer, start_all


class Instance(ServingContainer):
    """An instance of a production variant.

    Attributes:
        variant: The variant's name.
        config: The name of its endpoint configuration.
        concurrency: How many invocations it handles at the same time; None is no limit.
    """

    def __init__(
        self, data: AccountData, endpoint: str, config: str, variant: Mapping[str, Any]
    ) -> None:
        self.variant: str = variant["VariantName"]
        self.config = config
        self.concurrency: int | None = variant.get("ServerlessConfig", {}).get("MaxConcurrency")
        super().__init__(
            data,
            variant["ModelName"],
            (f"/aws/sagemaker/Endpoints/{endpoint}", f"{self.variant}/i-{time.time_ns():x}"),
            place=f"production variant {self.variant}",
            start_up_seconds=variant.get(
                "ContainerStartupHealthCheckTimeoutInSeconds", START_UP_SECONDS
            ),
        )


class Fleet:
    """The instances of one production variant under one endpoint configuration.

    A serverless variant is one instance that handles MaxConcurrency invocations at the same time.

    Attributes:
        variant: The variant as the configuration describes it.
        images: The variant's DeployedImages; none if its model is gone.
        weight: Its share of the traffic, relative to the other variants.
        desired: How many instances it should have.
        instances: The instances in service.
    """

    def __init__(
        self, data: AccountData, endpoint: str, config: str, variant: Mapping[str, Any]
    ) -> None:
        self.variant = dict(variant)
        self.images = _images(data.models.get(variant["ModelName"]))
        self.name: str = variant["VariantName"]
        self.weight: float = variant.get("InitialVariantWeight", 1.0)
        self.desired: int = variant.get("InitialInstanceCount", 1)
        self.instances: list[Instance] = []
        self._data = data
        self._endpoint = endpoint
        self._config = config

    @property
    def serverless(self) -> bool:
        """Whether the variant is serverless, so it has no instance count."""
        return "ServerlessConfig" in self.variant

    def grow(self, count: int) -> None:
        """Start instances until there are `count`, all at the same time.

        Raises:
            InstanceStartError: One can't start; the other new ones are ended.
        """
        missing = count - len(self.instances)
        if missing <= 0:
            return
        start = partial(Instance, self._data, self._endpoint, self._config, self.variant)
        self.instances += start_all(start, missing)

    def release(self, count: int) -> list[Instance]:
        """Remove all instances but `count` and return them; the caller ends them when idle."""
        released, self.instances = self.instances[count:], self.instances[:count]
        return released


def _images(model: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    image = models.container_of(model)["Image"]
    repository, _, tag = image.partition(":")
    digest = hashlib.sha256(tag.encode()).hexdigest()  # of what stands for the image
    return [
        {
            "SpecifiedImage": image,
            "ResolvedImage": f"{repository}@sha256:{digest}",
            "ResolutionTime": time.time(),
        }
    ]
