"""InvokeEndpoint: pass a request to a container, and measure and capture its answer."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from local_aws import faults
from local_aws.api.errors import ApiError
from local_aws.ministack.bridge import Response
from local_aws.sagemaker.account import Account
from local_aws.sagemaker.capture import Exchange
from local_aws.sagemaker.endpoint_life import Endpoint
from local_aws.sagemaker.fleet import Instance
from local_aws.sagemaker.invocation_metrics import Invocation
from local_aws.sagemaker.serving_container import NoAnswerError
from local_aws.sagemaker.traffic import BusyError, NobodyError

BODY_BYTES = 6 * 1024 * 1024
SERVERLESS_BODY_BYTES = 4 * 1024 * 1024
# Headers of endpoints with several models, containers or inference components, with explanations,
# and with sessions.
NOT_OFFERED = (
    "target-model",
    "target-container-hostname",
    "inference-component",
    "enable-explanations",
    "session-id",
)
PASSED = {  # the headers that the container gets
    "content-type": "Content-Type",
    "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
}


def invoke(account: Account, name: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """Pass the body to an instance's container and return its answer.

    Raises:
        ApiError: There is no such endpoint, or SageMaker or the container rejects the request.
    """
    arrived = time.perf_counter()
    with account.lock:
        endpoint = account.endpoints.get(name)
    if endpoint is None:
        raise _nowhere(account, name)
    for header in NOT_OFFERED:
        if f"x-amzn-sagemaker-{header}" in headers:
            raise ApiError(
                "ValidationError", f"X-Amzn-SageMaker-{header.title()} is not offered here."
            )
    wanted = headers.get("x-amzn-sagemaker-target-variant")
    try:
        with endpoint.traffic.lease(wanted) as instance:
            return _ask(endpoint, instance, body, headers, arrived)
    except NobodyError:
        if wanted in (None, *endpoint.fleets):
            raise _nowhere(account, name) from None
        raise ApiError(
            "ValidationError", f"Variant {wanted} of endpoint {name} not found."
        ) from None
    except BusyError as error:
        _measure(endpoint, error.instance, HTTPStatus.TOO_MANY_REQUESTS, arrived, None)
        raise ApiError(
            "ThrottlingException", "Rate exceeded: the variant's MaxConcurrency is in use."
        ) from None


def _nowhere(account: Account, name: str) -> ApiError:
    return ApiError(
        "ValidationError", f"Endpoint {name} of account {account.scope.account} not found."
    )


def _ask(
    endpoint: Endpoint, instance: Instance, body: bytes, headers: Mapping[str, str], arrived: float
) -> Response:
    if refusal := _refusal(instance, body):
        _measure(endpoint, instance, refusal.status, arrived, None)
        raise refusal
    asked = time.perf_counter()
    passed = {PASSED[name]: value for name, value in headers.items() if name in PASSED}
    when = datetime.now(UTC)
    try:
        status, content_type, answer = instance.invoke(body, passed)
    except NoAnswerError as error:
        status, content_type, answer = 500, "text/plain", str(error).encode()
    _measure(endpoint, instance, status, arrived, time.perf_counter() - asked)
    if status != HTTPStatus.OK:
        raise _model_error(endpoint, status, answer)
    if (capture := endpoint.capture) is not None:
        media = headers.get("content-type", "")
        inference_id = headers.get("x-amzn-sagemaker-inference-id")
        capture.record(Exchange(instance, media, body, content_type, answer, inference_id, when))
    variant = {"x-Amzn-Invoked-Production-Variant": instance.variant}
    # In lower case, since MiniStack replaces a `Content-Type` that is JSON by that of an API.
    return 200, {"content-type": content_type} | variant, answer


def _refusal(instance: Instance, body: bytes) -> ApiError | None:
    """Return SageMaker's own error for a request that must not reach the container, or None."""
    if faults.strike("invoke.throttle"):
        return ApiError("ThrottlingException", "Rate exceeded")
    if faults.strike("invoke.not-ready"):
        return ApiError("ModelNotReadyException", "The model is not ready to serve.", 429)
    limit = BODY_BYTES if instance.concurrency is None else SERVERLESS_BODY_BYTES
    if len(body) > limit:
        return ApiError("413", f"HTTP content length exceeded {limit} bytes.", 413)
    return None


def _measure(
    endpoint: Endpoint,
    instance: Instance,
    status: int,
    arrived: float,
    model_seconds: float | None,
) -> None:
    variant = instance.variant
    fleet = endpoint.fleets.get(variant)
    instances = 0 if fleet is None or fleet.serverless else len(fleet.instances)
    seconds = time.perf_counter() - arrived
    endpoint.metrics.record(
        Invocation(variant, instance.config, status, seconds, model_seconds, instances)
    )


def _model_error(endpoint: Endpoint, status: int, answer: bytes) -> ApiError:
    text = answer.decode(errors="replace")[:1024]
    side = "client" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server"
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    scope = endpoint.data.scope
    return ApiError(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{text}". See '
        f"https://{scope.region}.console.aws.amazon.com/cloudwatch/home?region={scope.region}"
        f"#logEventViewer:group={group} in account {scope.account} for more information.",
        424,
        {
            "OriginalStatusCode": status,
            "OriginalMessage": text,
            "LogStreamArn": scope.arn(f"log-group:{group}", "logs"),
        },
    )
