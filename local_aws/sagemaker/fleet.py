"""`Instance` is one serving process; `Fleet` is all instances of a production variant."""

import contextlib
import http.client
import json
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import faults
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker import container, logs, network_interfaces
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.clients import role_client
from topics.model import archive

PING_SECONDS = 0.1  # between two pings of a starting container
START_UP_SECONDS = 8 * 60  # SageMaker's default for ContainerStartupHealthCheckTimeoutInSeconds
INVOCATION_SECONDS = 60
LISTENING = "listening on "


class InstanceStartError(Exception):
    """An instance that can't start; the message is the endpoint's FailureReason."""


class NoAnswerError(Exception):
    """An invocation without an HTTP answer of the container."""


class Instance:
    """An instance of a production variant: a process with a folder.

    Attributes:
        variant: The variant's name.
        config: The name of its endpoint configuration.
        role: The execution role of the variant's model.
        concurrency: How many invocations it handles at the same time; None is no limit.
        log: The instance's log stream.
    """

    def __init__(
        self, data: AccountData, endpoint: str, config: str, variant: Mapping[str, Any]
    ) -> None:
        self.variant: str = variant["VariantName"]
        self.config = config
        self.concurrency: int | None = variant.get("ServerlessConfig", {}).get("MaxConcurrency")
        self._folder = tempfile.TemporaryDirectory(prefix="endpoint-")
        self._container: container.Container | None = None
        self._scope = data.scope
        self._interfaces: list[str] = []
        try:
            self._start(data, endpoint, variant)
        except BaseException:
            self.stop()
            raise

    def _start(self, data: AccountData, endpoint: str, variant: Mapping[str, Any]) -> None:
        with data.lock:
            model = data.models.get(variant["ModelName"])
        if model is None:
            raise InstanceStartError(f"Could not find model {variant['ModelName']!r}.")
        root = Path(self._folder.name)
        container.write_configuration(root, {})
        self.role: str = model["ExecutionRoleArn"]
        _fetch_model(self._scope, model, root)
        try:
            self._interfaces = network_interfaces.attach(
                self._scope, model.get("VpcConfig"), self.role
            )
        except network_interfaces.AttachError as error:
            raise InstanceStartError(str(error)) from None
        self.log = logs.Stream(
            role_client("logs", self.role, self._scope),
            f"/aws/sagemaker/Endpoints/{endpoint}",
            f"{self.variant}/i-{time.time_ns():x}",
        )
        self._container = container.Container(
            container.image_module(model["PrimaryContainer"]["Image"]),
            ["serve", "--ml-root", str(root), "--port", "0", "--private"],
            dict(model["PrimaryContainer"].get("Environment", {})),
            self.log.write,
        )
        seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", START_UP_SECONDS)
        deadline = time.monotonic() + seconds
        line = self._container.first_line(seconds)
        if line is None or not line.startswith(LISTENING) or faults.strike("endpoint.no-ping"):
            raise InstanceStartError(_no_ping(self.variant, self._container))
        self._address = line.removeprefix(LISTENING)
        if slow := faults.strike("endpoint.slow-start"):
            slow.over.wait(min(slow.seconds, seconds))
        while time.monotonic() > deadline or not self._ping():
            if time.monotonic() > deadline or not self._container.running():
                raise InstanceStartError(_no_ping(self.variant, self._container))
            time.sleep(PING_SECONDS)

    def _ping(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address}/ping", timeout=2) as answer:
                return bool(answer.status == http.HTTPStatus.OK)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Post `body` to the container and return status, content type and body of its answer.

        Raises:
            NoAnswerError: The answer took too long, or the connection broke.
        """
        if error := faults.strike("invoke.model-error"):
            return http.HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", error.reason.encode()
        if slow := faults.strike("invoke.slow"):
            slow.over.wait(min(slow.seconds, INVOCATION_SECONDS))
        request = urllib.request.Request(
            f"{self._address}/invocations", data=body, headers=dict(headers), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=INVOCATION_SECONDS) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers.get("Content-Type", ""), refused.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"no answer: {error}") from None

    def stop(self) -> None:
        """End the process and remove its folder."""
        if self._container is not None:
            self._container.stop(seconds=5)
        self._folder.cleanup()
        if self._interfaces:
            network_interfaces.detach(self._scope, self.role, self._interfaces)


class Fleet:
    """The instances of one production variant under one endpoint configuration.

    A serverless variant is one instance that handles MaxConcurrency invocations at the same time.

    Attributes:
        variant: The variant as the configuration describes it.
        weight: Its share of the traffic, relative to the other variants.
        desired: How many instances it should have.
        instances: The instances in service.
    """

    def __init__(
        self, data: AccountData, endpoint: str, config: str, variant: Mapping[str, Any]
    ) -> None:
        self.variant = dict(variant)
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
        with ThreadPoolExecutor(missing) as starting:
            futures = [
                starting.submit(Instance, self._data, self._endpoint, self._config, self.variant)
                for _ in range(missing)
            ]
        errors = [error for future in futures if (error := future.exception()) is not None]
        started = [future.result() for future in futures if future.exception() is None]
        if errors:
            stop(started)
            raise errors[0]
        self.instances += started

    def release(self, count: int) -> list[Instance]:
        """Remove all instances but `count` and return them; the caller ends them when idle."""
        released, self.instances = self.instances[count:], self.instances[:count]
        return released


def stop(instances: Iterable[Instance]) -> None:
    """End `instances`, all at the same time."""
    threads = [threading.Thread(target=instance.stop) for instance in instances]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _fetch_model(scope: Scope, model: Mapping[str, Any], root: Path) -> None:
    address = model["PrimaryContainer"]["ModelDataUrl"]
    bucket, _, key = address.removeprefix("s3://").partition("/")
    packed = root / "model.tar.gz"
    try:
        role_client("s3", model["ExecutionRoleArn"], scope).download_file(bucket, key, str(packed))
        model_file = archive.read_member(packed)
        (root / "model" / archive.MEMBER).write_bytes(model_file)
    except (ClientError, BotoCoreError, archive.ArtifactError) as error:
        raise InstanceStartError(f"Failed to download model data from {address}: {error}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            packed.unlink()


def _no_ping(variant: str, running: container.Container) -> str:
    last = json.dumps(running.lines[-1]) if running.lines else "nothing"
    return (
        f"The primary container for production variant {variant} did not pass the ping health "
        f"check. Please check CloudWatch logs for this endpoint. Its last line was {last}."
    )
