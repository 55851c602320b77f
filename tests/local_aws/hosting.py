"""Models that need no training, endpoints on them, and what they answer."""

import itertools
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from botocore.config import Config

from topics.model import archive

from .conftest import SESSION, WORDS, Cloud
from .test_hosting import DOCUMENT, make_model, settled

_numbers = itertools.count()


def model(cloud: Cloud, role: str, bucket: str, topics: int) -> str:
    """A new model of so many topics; its name."""
    name = f"model-{next(_numbers)}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tar.gz")
        beta = np.full((topics, WORDS), 1 / WORDS)
        archive.save(archive.Model(np.full(topics, 0.1), beta), path)
        cloud.client("s3").upload_file(str(path), bucket, f"{name}.tar.gz")
    make_model(cloud, name, role, f"s3://{bucket}/{name}.tar.gz")
    return name


def broken_model(cloud: Cloud, role: str, bucket: str) -> str:
    """A new model whose container ends instead of answering pings."""
    name = model(cloud, role, bucket, 1)
    cloud.client("s3").put_object(Bucket=bucket, Key=f"{name}.tar.gz", Body=b"no archive")
    return name


def configuration(
    cloud: Cloud, model_name: str, config: Mapping[str, Any] | None = None, **variant: Any
) -> str:
    """A new endpoint configuration of one variant; its name."""
    name = f"config-{next(_numbers)}"
    own: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": model_name}
    if "ServerlessConfig" not in variant:
        own |= {"InstanceType": "ml.m4.xlarge", "InitialInstanceCount": 1}
    cloud.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[own | variant], **(config or {})
    )
    return name


def in_service(cloud: Cloud, config: str) -> str:
    """A new endpoint on a configuration; its name."""
    name = f"endpoint-{next(_numbers)}"
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert settled(cloud, name)["EndpointStatus"] == "InService"
    return name


def updated(cloud: Cloud, endpoint: str, config: str, **request: Any) -> dict[str, Any]:
    """Move an endpoint to a configuration; its description when that is over."""
    cloud.client("sagemaker").update_endpoint(
        EndpointName=endpoint, EndpointConfigName=config, **request
    )
    return settled(cloud, endpoint)


def deleted(cloud: Cloud, *endpoints: str) -> None:
    for endpoint in endpoints:
        cloud.client("sagemaker").delete_endpoint(EndpointName=endpoint)


def topics_of(cloud: Cloud, endpoint: str) -> Callable[[], int]:
    """A function that invokes the endpoint once, without retries: how many topics answered."""
    environment = cloud.environment
    runtime = SESSION.client(
        "sagemaker-runtime",
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        verify=environment["AWS_CA_BUNDLE"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=50, retries={"total_max_attempts": 1}),
    )

    def ask() -> int:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="text/csv", Body=DOCUMENT
        )
        (prediction,) = json.load(answer["Body"])["predictions"]
        return len(prediction["topic_mixture"])

    return ask
