"""Models, endpoint configurations and real-time endpoints.

An endpoint's production variant is one process that serves the image, however many instances it
asks for. An update starts the new process and waits for its pings before traffic moves; when it
does not come up, the old one goes on serving and the endpoint says why.
"""

import contextlib
import http.client
import json
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import ministack_internals
from local_aws.ministack_internals import Response
from local_aws.sagemaker import container, logs
from local_aws.sagemaker.account import Account
from local_aws.sagemaker.errors import SageMakerError, invalid
from topics import artifact

PING_SECONDS = 0.1  # between two pings of a container that starts
START_UP_SECONDS = 8 * 60  # SageMaker's default for ContainerStartupHealthCheckTimeoutInSeconds
INVOCATION_SECONDS = 60
BODY_BYTES = 6 * 1024 * 1024
LISTENING = "listening on "
IN_PROGRESS = ("Creating", "Updating", "Deleting")


class StartError(Exception):
    """A variant did not come into service; the message is the endpoint's FailureReason."""


class Variant:
    """A production variant that serves: the process, its port and its folder."""

    def __init__(self, account: Account, endpoint: str, variant: Mapping[str, Any]) -> None:
        self.description = dict(variant)
        self.name: str = variant["VariantName"]
        self._folder = tempfile.TemporaryDirectory(prefix="endpoint-")
        self._container: container.Container | None = None
        try:
            self._start(account, endpoint, variant)
        except BaseException:
            self.stop()
            raise

    def _start(self, account: Account, endpoint: str, variant: Mapping[str, Any]) -> None:
        with account.lock:
            model = account.models.get(variant["ModelName"])
        if model is None:
            raise StartError(f"Could not find model {variant['ModelName']!r}.")
        root = Path(self._folder.name)
        container.write_configuration(root, {})
        role = model["ExecutionRoleArn"]
        _fetch_model(account, model, root)
        stream = logs.Stream(
            account.client("logs", role),
            f"/aws/sagemaker/Endpoints/{endpoint}",
            f"{self.name}/i-{time.time_ns():x}",
        )
        self._container = container.Container(
            container.image_module(model["PrimaryContainer"]["Image"]),
            ["serve", "--ml-root", str(root), "--port", "0"],
            dict(model["PrimaryContainer"].get("Environment", {})),
            stream.write,
        )
        seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", START_UP_SECONDS)
        deadline = time.monotonic() + seconds
        line = self._container.first_line(seconds)
        if line is None or not line.startswith(LISTENING):
            raise StartError(_no_ping(self.name, self._container))
        self._address = line.removeprefix(LISTENING)
        while not self._ping():
            if not self._container.running() or time.monotonic() > deadline:
                raise StartError(_no_ping(self.name, self._container))
            time.sleep(PING_SECONDS)

    def _ping(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address}/ping", timeout=2) as answer:
                return bool(answer.status == http.HTTPStatus.OK)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def invoke(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Post `body` to the container: status, content type and body of its answer."""
        request = urllib.request.Request(
            f"{self._address}/invocations", data=body, headers=headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=INVOCATION_SECONDS) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("Content-Type", ""), error.read()

    def stop(self) -> None:
        """End the process and remove its folder."""
        if self._container is not None:
            self._container.stop(seconds=5)
        self._folder.cleanup()


class Endpoint:
    """A real-time endpoint: what it runs, and what it is changing to."""

    def __init__(self, account: Account, name: str, config: str) -> None:
        self.account = account
        self.name = name
        self.arn = account.scope.arn(f"endpoint/{name.lower()}")
        self.config = config
        self.status = "Creating"
        self.failure = ""
        self.created = self.modified = time.time()
        self.variants: list[Variant] = []
        self.changed = threading.Condition(account.lock)

    def deploy(self, config: str) -> None:
        """Move to the configuration `config` in a thread of its own."""
        threading.Thread(target=self._deploy, args=(config,), daemon=True).start()

    def _deploy(self, config: str) -> None:
        with self.account.lock:
            described = self.account.endpoint_configs.get(config)
        started: list[Variant] = []
        try:
            if described is None:
                raise StartError(f'Could not find endpoint configuration "{config}".')
            for variant in described["ProductionVariants"]:
                # One by one: those that started are stopped when a later one does not.
                started.append(Variant(self.account, self.name, variant))  # noqa: PERF401
        except Exception as error:  # whatever breaks, the endpoint must leave its state
            for variant in started:
                variant.stop()
            self._end_change("InService" if self.variants else "Failed", str(error))
            return
        with self.account.lock:
            old, self.variants, self.config = self.variants, started, config
        self._end_change("InService", "")
        for variant in old:
            variant.stop()

    def _end_change(self, status: str, failure: str) -> None:
        with self.changed:
            self.status, self.failure, self.modified = status, failure, time.time()
            self.changed.notify_all()
        ministack_internals.emit_event(
            self.account.scope,
            "SageMaker Endpoint State Change",
            {"EndpointName": self.name, "EndpointArn": self.arn, "EndpointStatus": status.upper()},
            self.arn,
        )

    def wait(self) -> None:
        """Return when no change is under way."""
        with self.changed:
            self.changed.wait_for(lambda: self.status not in IN_PROGRESS)

    def describe(self) -> dict[str, Any]:
        """The endpoint as DescribeEndpoint answers."""
        with self.account.lock:
            answer: dict[str, Any] = {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config,
                "EndpointStatus": self.status,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
            }
            if self.failure:
                answer["FailureReason"] = self.failure
            if self.variants:
                answer["ProductionVariants"] = [
                    {
                        "VariantName": variant.name,
                        "CurrentWeight": variant.description.get("InitialVariantWeight", 1.0),
                        "CurrentInstanceCount": variant.description.get("InitialInstanceCount", 1),
                    }
                    for variant in self.variants
                ]
            return answer

    def stop(self) -> None:
        """End all variants."""
        with self.account.lock:
            variants, self.variants = self.variants, []
        for variant in variants:
            variant.stop()


def create_model(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateModel: the role must be able to read the artifact, which must exist."""
    name = request["ModelName"]
    arn = account.scope.arn(f"model/{name.lower()}")
    _check_model_data(account, request)
    with account.lock:
        if name in account.models:
            raise invalid(f'Cannot create already existing model "{arn}".')
        account.models[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "ModelArn": arn,
            "CreationTime": time.time(),
        }
        account.tag(arn, request.get("Tags", []))
    return {"ModelArn": arn}


def _check_model_data(account: Account, request: Mapping[str, Any]) -> None:
    address = request["PrimaryContainer"]["ModelDataUrl"]
    role = request["ExecutionRoleArn"]
    if not ministack_internals.trusts_sagemaker(role, account.scope.arn("*"), account.scope):
        raise invalid(_no_access(address, role))
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        account.client("s3", role).head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
            raise invalid(f"Could not find model data at {address}.") from None
        raise invalid(_no_access(address, role)) from None


def _no_access(address: str, role: str) -> str:
    return (
        f"Could not access model data at {address}. Please ensure that the role '{role}' exists "
        "and that its trust relationship policy allows the action 'sts:AssumeRole' for the "
        "service principal 'sagemaker.amazonaws.com'. Also ensure that the role has "
        "'s3:GetObject' permissions and that the object is located in the Region."
    )


def create_endpoint_config(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig: its models must exist."""
    name = request["EndpointConfigName"]
    arn = account.scope.arn(f"endpoint-config/{name.lower()}")
    with account.lock:
        for variant in request["ProductionVariants"]:
            found(account, "model", account.models, variant.get("ModelName", ""))
        if name in account.endpoint_configs:
            raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        account.endpoint_configs[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "EndpointConfigArn": arn,
            "CreationTime": time.time(),
        }
        account.tag(arn, request.get("Tags", []))
    return {"EndpointConfigArn": arn}


def create_endpoint(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEndpoint: returns at once with the endpoint in Creating."""
    name, config = request["EndpointName"], request["EndpointConfigName"]
    endpoint = Endpoint(account, name, config)
    with account.lock:
        if name in account.endpoints:
            raise invalid(f'Cannot create already existing endpoint "{endpoint.arn}".')
        found(account, "endpoint configuration", account.endpoint_configs, config)
        account.endpoints[name] = endpoint
        account.tag(endpoint.arn, request.get("Tags", []))
    endpoint.deploy(config)
    return {"EndpointArn": endpoint.arn}


def update_endpoint(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateEndpoint: the old configuration serves until the new one is in service."""
    with account.lock:
        endpoint = found(account, "endpoint", account.endpoints, request["EndpointName"])
        config = request["EndpointConfigName"]
        found(account, "endpoint configuration", account.endpoint_configs, config)
        if endpoint.status in IN_PROGRESS:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        if endpoint.status == "Failed":
            raise invalid(f'Cannot update failed endpoint "{endpoint.arn}".')
        if config == endpoint.config:
            raise invalid("Cannot update an endpoint to the configuration that it has.")
        endpoint.status, endpoint.failure = "Updating", ""
    endpoint.deploy(config)
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteEndpoint: refused while a change is under way."""
    with account.lock:
        endpoint = found(account, "endpoint", account.endpoints, request["EndpointName"])
        if endpoint.status in IN_PROGRESS:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        del account.endpoints[endpoint.name]
        account.tags.pop(endpoint.arn, None)
    endpoint.stop()
    return {}


def delete(account: Account, kind: str, table: dict[str, dict[str, Any]], name: str) -> None:
    """Delete a model or endpoint configuration."""
    with account.lock:
        found(account, kind, table, name)
        del table[name]
        account.tags.pop(_arn(account, kind, name), None)


def found(account: Account, kind: str, table: Mapping[str, Any], name: str) -> Any:
    """`table[name]`, or the API's error that there is none."""
    with account.lock:
        if name not in table:
            raise invalid(f'Could not find {kind} "{_arn(account, kind, name)}".')
        return table[name]


def _arn(account: Account, kind: str, name: str) -> str:
    resource = {"endpoint configuration": "endpoint-config"}.get(kind, kind)
    return account.scope.arn(f"{resource}/{name.lower()}")


def invoke(account: Account, name: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """InvokeEndpoint: pass the body to the container and its answer back."""
    with account.lock:
        endpoint = account.endpoints.get(name)
        variant = endpoint.variants[0] if endpoint is not None and endpoint.variants else None
    if endpoint is None or variant is None:
        raise SageMakerError(
            "ValidationError", f"Endpoint {name} of account {account.scope.account} not found."
        )
    if len(body) > BODY_BYTES:
        raise SageMakerError(
            "ValidationError", f"Body has {len(body)} bytes; {BODY_BYTES} are allowed.", 413
        )
    passed = {
        target: headers[source]
        for source, target in (("content-type", "Content-Type"), ("accept", "Accept"))
        if source in headers
    }
    try:
        status, content_type, answer = variant.invoke(body, passed)
    except (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException) as e:
        status, content_type, answer = 500, "text/plain", f"no answer: {e}".encode()
    if status != http.HTTPStatus.OK:
        raise _model_error(endpoint, variant, status, answer)
    return (
        200,
        {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": variant.name},
        answer,
    )


def _model_error(endpoint: Endpoint, variant: Variant, status: int, answer: bytes) -> Exception:
    text = answer.decode(errors="replace")[:1024]
    side = "client" if status < http.HTTPStatus.INTERNAL_SERVER_ERROR else "server"
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    return SageMakerError(
        "ModelError",
        f'Received {side} error ({status}) from {variant.name} with message "{text}". See the '
        f"log group {group} for more information.",
        424,
        {
            "OriginalStatusCode": status,
            "OriginalMessage": text,
            "LogStreamArn": endpoint.account.scope.arn(f"log-group:{group}", "logs"),
        },
    )


def _fetch_model(account: Account, model: Mapping[str, Any], root: Path) -> None:
    address = model["PrimaryContainer"]["ModelDataUrl"]
    bucket, _, key = address.removeprefix("s3://").partition("/")
    archive = root / "model.tar.gz"
    try:
        account.client("s3", model["ExecutionRoleArn"]).download_file(bucket, key, str(archive))
        model_file = artifact.read_member(archive)
        (root / "model" / artifact.MEMBER).write_bytes(model_file)
    except (ClientError, BotoCoreError, artifact.ArtifactError) as error:
        raise StartError(f"Failed to download model data from {address}: {error}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            archive.unlink()


def _no_ping(variant: str, running: container.Container) -> str:
    last = json.dumps(running.lines[-1]) if running.lines else "nothing"
    return (
        f"The primary container for production variant {variant} did not pass the ping health "
        f"check. Please check CloudWatch logs for this endpoint. Its last line was {last}."
    )


def clean_up(account: Account) -> None:
    """End all containers; for the end of the server."""
    for endpoint in list(account.endpoints.values()):
        endpoint.stop()
