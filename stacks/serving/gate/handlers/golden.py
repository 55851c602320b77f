"""Read the golden documents, send them to the endpoint, and check each answer."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

GOLDEN_BYTES = 1 << 20
ANSWER_BYTES = 1 << 20
LARGEST = 1e300  # larger are infinity, and integers that no float can hold
SUM_TOLERANCE = 1e-3  # the endpoint writes mixtures in the precision of float32
# A new instance may throttle, and a serverless one may have to start: neither is a wrong answer.
RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 8}, read_timeout=65)

Mixtures = list[list[float]]


class GateError(Exception):
    """The endpoint does not pass; the message says what it does."""


def read(bucket: str, key: str) -> dict[str, Any]:
    """Read the golden documents of a prepared corpus from S3."""
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    documents: dict[str, Any] = json.loads(body.read(GOLDEN_BYTES))
    return documents


def ask(endpoint: str, golden: Mapping[str, Any], topics: int | None = None) -> Mixtures:
    """Send the documents to the endpoint, and return its answers, one mixture a document.

    Args:
        endpoint: The endpoint's name.
        golden: The documents.
        topics: How many numbers each mixture must have; if None, any number, the same for all.

    Raises:
        GateError: The endpoint does not answer, or an answer is not a mixture.
    """
    documents = golden["documents"]
    instances = [
        {"data": {"features": {**document, "shape": [golden["feature_dim"]]}}}
        for document in documents
    ]
    content = _invoke(endpoint, json.dumps({"instances": instances}).encode())
    try:
        mixtures = [
            prediction["topic_mixture"] for prediction in json.loads(content)["predictions"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise GateError(f"it answered without predictions: {content[:80]!r}") from None
    if len(mixtures) != len(documents):
        raise GateError(f"it answered {len(documents)} documents with {len(mixtures)} mixtures")
    for number, mixture in enumerate(mixtures, 1):
        if problem := _problem(mixture, topics):
            raise GateError(f"its answer to golden document {number} {problem}")
        topics = len(mixture)
    return mixtures


def _invoke(endpoint: str, body: bytes) -> bytes:
    try:
        answer = boto3.client("sagemaker-runtime", config=RETRIES).invoke_endpoint(
            EndpointName=endpoint,
            ContentType="application/json",
            Accept="application/json",
            Body=body,
        )
        return answer["Body"].read(ANSWER_BYTES)
    except (ClientError, BotoCoreError) as error:
        # The text comes from the model; escaped, it is one harmless line.
        raise GateError(f"it did not answer golden documents: {str(error)!a}") from error


def _problem(mixture: Any, topics: int | None) -> str | None:
    if not isinstance(mixture, list) or not mixture:
        return f"is {repr(mixture)[:80]}, not a list of numbers"
    if topics not in (None, len(mixture)):
        return f"has {len(mixture)} numbers; the model has {topics} topics"
    if not all(type(share) in (int, float) and abs(share) < LARGEST for share in mixture):
        return "has an item that is not a finite number"
    if min(mixture) < 0 or abs(sum(mixture) - 1) > SUM_TOLERANCE:
        return f"is no mixture: its sum is {sum(mixture):g}, its least share {min(mixture):g}"
    return None
