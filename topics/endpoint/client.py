"""Ask a deployed SageMaker endpoint for the topic mixtures of documents.

Sources: `InvokeEndpoint` in the Amazon SageMaker API reference; "Common Data Formats for
Inference" in its developer guide; for the waits, "Exponential Backoff And Jitter" in the AWS
Architecture Blog.
"""

import json
import random
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError
from scipy import sparse

from topics.endpoint.answers import Mixture, fault_of
from topics.endpoint.payload import CONTENT_TYPES, Request, write_requests
from topics.endpoint.state import EndpointError, explain, why_not_found

if TYPE_CHECKING:
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

PARALLEL = 4  # requests at a time
MAX_ATTEMPTS = 8  # of a request; the waits between them sum to 32 s on average, 64 s at most
MAX_RESPONSE_BYTES = 6 * 1024 * 1024

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 32.0  # seconds; doubled from attempt to attempt
_READ_SECONDS = 70  # SageMaker itself gives up after 60
_AGAIN = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalDependencyException",
}

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def predict(
    endpoint: str,
    blocks: Iterable[sparse.csr_array],
    *,
    content_type: str = "csv",
    parallel: int = PARALLEL,
) -> Generator[Mixture | None]:
    """Yield the topic mixture of each document, in order.

    Several requests are sent in parallel; at most twice as many are held in memory. Requests that
    are throttled, or that meet a model that is not ready, are sent again after growing waits.

    Args:
        endpoint: Name of the endpoint, in the account and Region of the environment.
        blocks: (documents, vocabulary) word counts, one after the other; float32.
        content_type: One of `payload.CONTENT_TYPES`; the answers do not depend on it.
        parallel: Number of parallel requests.

    Yields:
        (K,) float64 with sum 1; None for a document without words, which is not sent.

    Raises:
        EndpointError: The endpoint is missing, refuses, fails, or its answer is not a prediction.
        InputError: A document is too large for a request.
    """
    topics = None
    try:
        with closing(boto3.client("sagemaker-runtime", config=_config(parallel))) as runtime:
            asking = _Asking(runtime, endpoint, CONTENT_TYPES[content_type].media)
            requests = write_requests(blocks, content_type)
            for request, mixtures in _map_in_order(asking.ask, requests, parallel, asking.stop):
                if len(mixtures) and topics not in (None, mixtures.shape[1]):
                    raise EndpointError(
                        f"the endpoint {endpoint!r} answered with {mixtures.shape[1]} topics"
                        f" after {topics}: its model has changed meanwhile"
                    )
                if len(mixtures):
                    topics = mixtures.shape[1]
                answered = iter(mixtures)
                for asked in request.asked:
                    yield next(answered) if asked else None
    except ClientError as error:
        raise EndpointError(_explain(endpoint, error)) from None
    except BotoCoreError as error:
        raise EndpointError(f"the endpoint {endpoint!r} can't be reached: {error}") from None


def _config(parallel: int) -> Config:
    return Config(
        max_pool_connections=parallel,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 1},  # only _Asking retries
    )


class _Asking:
    """Sends requests, from several threads."""

    def __init__(self, runtime: "SageMakerRuntimeClient", endpoint: str, media: str) -> None:
        self._runtime = runtime
        self._endpoint = endpoint
        self._media = media
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End all waits, since the answers are no longer wanted."""
        self._stopped.set()

    def ask(self, request: Request) -> tuple[Request, Mixture]:
        """Return a request with its (documents, K) mixtures; empty if it holds no document."""
        documents = sum(request.asked)
        if not documents:
            return request, np.empty((0, 0))
        return request, _parse_answer(self._invoke_patiently(request.body), documents)

    def _invoke_patiently(self, body: bytes) -> bytes:
        for attempt in range(MAX_ATTEMPTS - 1):
            try:
                return self._invoke(body)
            except (ClientError, ConnectionClosedError) as error:
                if isinstance(error, ClientError) and not _is_passing(error):
                    raise
            longest = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT)
            if self._stopped.wait(random.uniform(0, longest)):
                raise EndpointError("no longer asked")
        return self._invoke(body)

    def _invoke(self, body: bytes) -> bytes:
        response = self._runtime.invoke_endpoint(
            EndpointName=self._endpoint,
            ContentType=self._media,
            Accept="application/json",
            Body=body,
        )
        return response["Body"].read(MAX_RESPONSE_BYTES + 1)


def _explain(endpoint: str, error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    if code == "ValidationError" and "not found" in error.response["Error"].get("Message", ""):
        return why_not_found(endpoint)
    again = f" (asked {MAX_ATTEMPTS} times)" if _is_passing(error) else ""
    return f"the endpoint {endpoint!r}: {explain(error)}{again}"


def _is_passing(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in _AGAIN


def _map_in_order(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    parallel: int,
    stop: Callable[[], None],
) -> Iterator[_Result]:
    """Yield the result of `work` for each item, in order; call `stop` at the end."""
    pending: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(parallel)
    try:
        for item in items:
            if len(pending) == 2 * parallel:
                yield pending.popleft().result()
            pending.append(pool.submit(work, item))
        while pending:
            yield pending.popleft().result()
    finally:
        stop()
        pool.shutdown(cancel_futures=True)


def _parse_answer(content: bytes, documents: int) -> Mixture:
    """Check an answer, which is not trusted, and return its (documents, K) mixtures."""
    if len(content) > MAX_RESPONSE_BYTES:
        raise EndpointError(f"the endpoint answered with more than {MAX_RESPONSE_BYTES} bytes")
    try:
        rows = [prediction["topic_mixture"] for prediction in json.loads(content)["predictions"]]
        kinds = {kind for row in rows if isinstance(row, list) for kind in set(map(type, row))}
        if not kinds <= {int, float}:  # NumPy would take "0.5" and true for numbers
            raise TypeError
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
    if problem := fault_of(mixtures):
        raise EndpointError(f"the endpoint answered with {problem}")
    return mixtures
