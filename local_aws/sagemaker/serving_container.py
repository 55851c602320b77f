"""A container that serves a model: in an endpoint's instance, or for a transform job."""

import contextlib
import http.client
import json
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import faults
from local_aws.api import s3_address
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker import container, images, logs, models, network_interfaces
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.clients import role_client
from topics.model import archive

PING_SECONDS = 0.1  # between two pings of a starting container
START_UP_SECONDS = 8 * 60  # SageMaker's default for ContainerStartupHealthCheckTimeoutInSeconds
INVOCATION_SECONDS = 60
LISTENING = "listening on "


class InstanceStartError(Exception):
    """A container that can't start; the message is for a FailureReason."""


class NoAnswerError(Exception):
    """An invocation without an HTTP answer of the container."""


class ServingContainer:
    """A process that serves a model, with a folder. It acts as the model's execution role.

    Attributes:
        role: The execution role.
        log: The container's log stream.
    """

    def __init__(
        self,
        data: AccountData,
        model: str,
        log: tuple[str, str],
        *,
        place: str,
        environment: Mapping[str, str] | None = None,
        start_up_seconds: float = START_UP_SECONDS,
    ) -> None:
        """Start the container and wait until it answers a ping.

        Args:
            data: Has the model.
            model: The model's name.
            log: The group and the name of the log stream.
            place: What the container is for, in errors.
            environment: Environment variables beside the model's.
            start_up_seconds: How long to wait for an answer.

        Raises:
            InstanceStartError: There is no model, the role lacks a permission, or nothing answers.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="serving-")
        self._container: container.Container | None = None
        self._scope = data.scope
        self._interfaces: list[str] = []
        try:
            running = self._start(_find(data, model), log, environment or {})
            self._wait(running, start_up_seconds, place)
        except BaseException:
            self.stop()
            raise

    def _start(
        self, model: Mapping[str, Any], log: tuple[str, str], environment: Mapping[str, str]
    ) -> container.Container:
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
        self.log = logs.Stream(role_client("logs", self.role, self._scope), *log)
        described = models.container_of(model)
        self._container = container.Container(
            images.module_of(described["Image"]),
            ["serve", "--ml-root", str(root), "--port", "0", "--private"],
            {**described.get("Environment", {}), **environment},
            self.log.write,
        )
        return self._container

    def _wait(self, running: container.Container, seconds: float, place: str) -> None:
        """Wait until the container answers a ping."""
        deadline = time.monotonic() + seconds
        line = running.first_line(seconds)
        if line is None or not line.startswith(LISTENING) or faults.strike("endpoint.no-ping"):
            raise InstanceStartError(_no_ping(place, running))
        self._address = line.removeprefix(LISTENING)
        if slow := faults.strike("endpoint.slow-start"):
            slow.over.wait(min(slow.seconds, seconds))
        while time.monotonic() > deadline or not self._ping():
            if time.monotonic() > deadline or not running.running():
                raise InstanceStartError(_no_ping(place, running))
            time.sleep(PING_SECONDS)

    def _ping(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address}/ping", timeout=2) as answer:
                return bool(answer.status == http.HTTPStatus.OK)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def invoke(
        self, body: bytes, headers: Mapping[str, str], seconds: float = INVOCATION_SECONDS
    ) -> tuple[int, str, bytes]:
        """Post `body` to the container and return status, content type and body of its answer.

        Raises:
            NoAnswerError: The answer took more than `seconds`, or the connection broke.
        """
        if error := faults.strike("invoke.model-error"):
            return http.HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", error.reason.encode()
        if slow := faults.strike("invoke.slow"):
            slow.over.wait(min(slow.seconds, seconds))
        request = urllib.request.Request(
            f"{self._address}/invocations", data=body, headers=dict(headers), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers.get("Content-Type", ""), refused.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"no answer: {error}") from None

    def kill(self) -> None:
        """End the process at once."""
        if self._container is not None:
            self._container.kill()

    def stop(self) -> None:
        """End the process and remove its folder."""
        if self._container is not None:
            self._container.stop(seconds=5)
        self._folder.cleanup()
        if self._interfaces:
            network_interfaces.detach(self._scope, self.role, self._interfaces)


class Stoppable(Protocol):
    """Something with a process that can be ended."""

    def stop(self) -> None:
        """End the process."""


Started = TypeVar("Started", bound=Stoppable)


def start_all(start: Callable[[], Started], count: int) -> list[Started]:
    """Call `start` so many times, all at the same time, and return what it returns.

    Raises:
        InstanceStartError: One can't start; the others are ended.
    """
    with ThreadPoolExecutor(count) as starting:
        futures = [starting.submit(start) for _ in range(count)]
    errors = [error for future in futures if (error := future.exception()) is not None]
    started = [future.result() for future in futures if future.exception() is None]
    if errors:
        stop_all(started)
        raise errors[0]
    return started


def stop_all(started: Iterable[Stoppable]) -> None:
    """End all of `started`, at the same time."""
    threads = [threading.Thread(target=one.stop) for one in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _find(data: AccountData, name: str) -> dict[str, Any]:
    with data.lock:
        model = data.models.get(name)
    if model is None:
        raise InstanceStartError(f"Could not find model {name!r}.")
    return model


def _fetch_model(scope: Scope, model: Mapping[str, Any], root: Path) -> None:
    address = models.artifact_of(models.container_of(model))
    bucket, key = s3_address.split(address)
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


def _no_ping(place: str, running: container.Container) -> str:
    last = json.dumps(running.lines[-1]) if running.lines else "nothing"
    return (
        f"The primary container for {place} did not pass the ping health check. Please check "
        f"CloudWatch logs. Its last line was {last}."
    )
