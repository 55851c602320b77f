"""Asks a deployed SageMaker endpoint for the topic mixtures of documents.

Sources: `InvokeEndpoint` in the Amazon SageMaker API reference; "Common Data Formats for
Inference" in its developer guide.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

# InvokeEndpoint takes 6 MiB. An answer is bounded too, and shorter than what was asked.
MAX_REQUEST_BYTES = 5 * 1024 * 1024
MAX_REQUEST_DOCUMENTS = 1000  # an invocation may take 60 s
MAX_RESPONSE_BYTES = 6 * 1024 * 1024


class EndpointError(RuntimeError):
    """The endpoint can't be asked, or what it answers is no prediction."""


def predict(endpoint: str, counts: sparse.csr_array) -> Iterator[NDArray[np.float64]]:
    """Yield the topic mixtures of documents, in order, one request's at a time.

    Args:
        endpoint: Name of the endpoint, in the account and Region of the environment.
        counts: (documents, vocabulary) word counts.

    Yields:
        (documents of a request, K) float64.

    Raises:
        EndpointError: The endpoint is missing, refuses, fails, or answers something else.
    """
    try:
        runtime = boto3.client("sagemaker-runtime")
        topics = None
        for body, documents in _requests(counts):
            mixtures = _parse_answer(_invoke(runtime, endpoint, body), documents)
            if topics not in (None, mixtures.shape[1]):
                raise EndpointError(
                    f"the endpoint {endpoint!r} answered with {mixtures.shape[1]} topics after"
                    f" {topics}: its model has changed meanwhile"
                )
            topics = mixtures.shape[1]
            yield mixtures
    except ClientError as error:
        raise EndpointError(f"the endpoint {endpoint!r}: {_explain(error)}") from None
    except BotoCoreError as error:
        raise EndpointError(f"the endpoint {endpoint!r} can't be reached: {error}") from None


def _requests(counts: sparse.csr_array) -> Iterator[tuple[bytes, int]]:
    """Write documents as CSV, in bodies that a request can carry, each with their number."""
    rows: list[bytes] = []
    size = 0
    for row in _csv_rows(counts):
        if rows and (size + len(row) > MAX_REQUEST_BYTES or len(rows) == MAX_REQUEST_DOCUMENTS):
            yield b"".join(rows), len(rows)
            rows, size = [], 0
        rows.append(row)
        size += len(row)
    if rows:
        yield b"".join(rows), len(rows)


def _csv_rows(counts: sparse.csr_array) -> Iterator[bytes]:
    cells = ["0"] * counts.shape[1]
    for start, stop in pairwise(counts.indptr):
        words = counts.indices[start:stop].tolist()
        for word, count in zip(words, counts.data[start:stop].tolist(), strict=True):
            cells[word] = format(count, ".9g")  # 9 digits tell all float32 numbers apart
        yield (",".join(cells) + "\n").encode()
        for word in words:
            cells[word] = "0"


def _invoke(runtime: "SageMakerRuntimeClient", endpoint: str, body: bytes) -> bytes:
    response = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="text/csv", Accept="application/json", Body=body
    )
    return response["Body"].read(MAX_RESPONSE_BYTES + 1)


def _parse_answer(content: bytes, documents: int) -> NDArray[np.float64]:
    """Check an answer, which is not trusted, and return its (documents, K) mixtures."""
    if len(content) > MAX_RESPONSE_BYTES:
        raise EndpointError(f"the endpoint answered with more than {MAX_RESPONSE_BYTES} bytes")
    try:
        rows = [prediction["topic_mixture"] for prediction in json.loads(content)["predictions"]]
        mixtures = np.array(rows, np.float64)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        start = content[:80].decode(errors="replace")
        raise EndpointError(
            f"the endpoint's answer does not have the form"
            f' {{"predictions": [{{"topic_mixture": [...]}}]}}: it starts with {start!r}'
        ) from None
    if mixtures.ndim != 2 or len(mixtures) != documents or not mixtures.size:
        raise EndpointError(
            f"the endpoint answered {documents} documents with mixtures of shape {mixtures.shape}"
        )
    if not np.isfinite(mixtures).all():
        raise EndpointError("the endpoint answered with a mixture that is not finite")
    return mixtures


def _explain(error: ClientError) -> str:
    response: Any = error.response
    code = response["Error"]["Code"]
    message = response.get("OriginalMessage") or response["Error"].get("Message", "")
    return f"{code}: {' '.join(message.split())}"
