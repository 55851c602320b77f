"""Transform jobs: each has a thread that does what Batch Transform does around the containers.

The thread starts the model's container once for each instance, and asks for each object of the
input. It reads and writes S3 as the model's execution role. Only an object that was answered whole
has an output, and a stopped job has none.

Sources: `CreateTransformJob` and `StopTransformJob` in the Amazon SageMaker API reference, and "Use
Batch Transform" in its developer guide. The lines of the data log and "See job logs" are those that
users quote in public reports.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import faults
from local_aws.api import s3_address
from local_aws.sagemaker import channels, logs, serving_container
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.channels import File
from local_aws.sagemaker.clients import encrypted_with, role_client
from local_aws.sagemaker.job import NO_CAPACITY, Job, JobError
from local_aws.sagemaker.payloads import MEGABYTE, PayloadError, payloads
from local_aws.sagemaker.serving_container import (
    InstanceStartError,
    NoAnswerError,
    ServingContainer,
)

INVOCATION_SECONDS = 600
RETRIES = 3
PAYLOAD_MB = 6
CLIENT, ALGORITHM = "ClientError", "AlgorithmError"  # who is to blame
SEE_LOGS = "See job logs for more information"
MESSAGE_CHARACTERS = 1024


class ObjectError(Exception):
    """An object that can't be transformed.

    Attributes:
        side: `CLIENT` or `ALGORITHM`.
        lines: What the data log says of it.
    """

    def __init__(self, side: str, *lines: str) -> None:
        super().__init__(*lines)
        self.side = side
        self.lines = lines


class Output(NamedTuple):
    """The output of an object: its path below the job's output, and the file that has it."""

    path: str
    file: Path


class _StoppedError(Exception):
    """The job is to stop."""


@dataclass(frozen=True)
class _Instance:
    """A serving container, and the log of what it is asked."""

    serving: ServingContainer
    log: logs.Stream

    def stop(self) -> None:
        self.serving.stop()

    def note(self, text: str) -> None:
        now = time.time()
        clock = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03}"
        self.log.write([f"{clock}:[sagemaker logs]: {text}"])


class TransformJob(Job):
    """One transform job, from its request to its end."""

    KIND = "Transform"

    def __init__(self, data: AccountData, request: Mapping[str, Any]) -> None:
        super().__init__(data, request)
        self._instances: list[_Instance] = []
        self._blamed: list[str] = []
        self._input = {"SplitType": "None"} | self.request["TransformInput"]
        self._output = {"AssembleWith": "None"} | self.request["TransformOutput"]
        self._strategy = self.request.get("BatchStrategy", "MultiRecord")
        self._payload_mb = self.request.get("MaxPayloadInMB", PAYLOAD_MB)
        self._parallel = self.request.get("MaxConcurrentTransforms") or 1

    def kill(self) -> None:
        """End the containers at once."""
        for instance in list(self._instances):
            instance.serving.kill()

    def describe(self) -> dict[str, Any]:
        """Return the job as DescribeTransformJob answers it, which has no LastModifiedTime."""
        answer = super().describe()
        answer.pop("LastModifiedTime", None)
        return answer

    def _work(self, folder: Path) -> None:
        self._change("InProgress")
        if faults.strike("transform.capacity"):
            raise JobError(NO_CAPACITY)
        with self.data.lock:
            model = self.data.models.get(self.request["ModelName"])
        if model is None:
            raise JobError(f"{CLIENT}: Could not find model {self.request['ModelName']!r}.")
        s3 = role_client("s3", model["ExecutionRoleArn"], self.data.scope)
        files = self._find_input(s3)
        count = min(self.request["TransformResources"]["InstanceCount"], len(files))
        self.times["TransformStartTime"] = time.time()
        try:
            with self._running(count):
                outputs = self._transform(s3, files, folder)
        except _StoppedError:
            self._change("Stopping")
            self._change("Stopped")
            return
        self._upload(s3, outputs)
        if self._blamed:
            side = CLIENT if CLIENT in self._blamed else ALGORITHM
            raise JobError(f"{side}: {SEE_LOGS}")
        self._change("Completed")

    def _find_input(self, s3: Any) -> list[File]:
        """Return the objects of the input; their paths are those below the output."""
        source = self._input["DataSource"]["S3DataSource"]
        address = source["S3Uri"]
        try:
            files = list(channels.list_files(s3, source))
        except channels.ChannelError as error:
            raise JobError(str(error)) from None
        except (ClientError, BotoCoreError) as error:
            raise JobError(f"{CLIENT}: Failed to list {address}: {error}") from None
        if not files:
            raise JobError(f'{CLIENT}: No S3 objects found under S3 URL "{address}".')
        if source["S3DataType"] == "S3Prefix":
            before = s3_address.split(address)[1].rpartition("/")[0]
            # Only one slash: a key may have several, and is another than one with fewer.
            files = [
                file._replace(path=file.key[len(before) :].removeprefix("/")) for file in files
            ]
        return files

    @contextlib.contextmanager
    def _running(self, count: int) -> Iterator[None]:
        """Have `count` instances for as long as the block runs."""
        try:
            self._instances = serving_container.start_all(self._start_instance, count)
        except InstanceStartError as error:
            raise JobError(f"{ALGORITHM}: {error}") from None
        try:
            yield
        finally:
            serving_container.stop_all(self._instances)

    def _start_instance(self) -> _Instance:
        stream = f"{self.name}/i-{secrets.token_hex(8)}-{int(time.time())}"
        serving = ServingContainer(
            self.data,
            self.request["ModelName"],
            (self.log_group, stream),
            place=f"transform job {self.name}",
            environment=self.request.get("Environment", {}),
        )
        client = role_client("logs", serving.role, self.data.scope)
        instance = _Instance(serving, logs.Stream(client, self.log_group, f"{stream}/data-log"))
        strategy = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}[self._strategy]
        instance.note(
            f"MaxConcurrentTransforms={self._parallel}, MaxPayloadInMB={self._payload_mb}, "
            f"BatchStrategy={strategy}"
        )
        return instance

    def _transform(self, s3: Any, files: Sequence[File], folder: Path) -> list[Output]:
        """Transform the objects, each instance its own, and return what is to be stored.

        Raises:
            _StoppedError: The job is to stop.
        """
        count = len(self._instances)
        shares = [files[first::count] for first in range(count)]
        with ThreadPoolExecutor(count) as pool:
            work = partial(self._transform_share, s3, folder)
            done = list(pool.map(work, self._instances, shares))
        return [output for share in done for output in share]

    def _transform_share(
        self, s3: Any, folder: Path, instance: _Instance, files: Sequence[File]
    ) -> list[Output]:
        outputs = []
        for file in files:
            if self._stop.is_set():
                raise _StoppedError
            try:
                answer = self._transform_object(s3, instance, file)
            except ObjectError as error:
                self._blamed.append(error.side)
                for line in error.lines:
                    instance.note(f"{file.bucket}/{file.key}: {line}")
            else:
                kept = folder / secrets.token_hex(8)
                kept.write_bytes(answer)
                outputs.append(Output(f"{file.path}.out", kept))
        return outputs

    def _transform_object(self, s3: Any, instance: _Instance, file: File) -> bytes:
        if fault := faults.strike("transform.fail"):
            instance.serving.log.write([fault.reason])
            raise ObjectError(ALGORITHM, "Unable to get response from algorithm")
        if faults.strike("transform.payload"):
            raise _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"the payload is too large")
        try:
            content = s3.get_object(Bucket=file.bucket, Key=file.key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise ObjectError(CLIENT, f"Failed to download: {error}") from None
        limit = self._payload_mb * MEGABYTE
        bodies = payloads(content, self._input["SplitType"], self._strategy, limit)
        try:
            with ThreadPoolExecutor(self._parallel) as pool:
                answers = list(pool.map(partial(self._ask, instance.serving), bodies))
        except PayloadError as error:
            raise ObjectError(CLIENT, str(error)) from None
        end = b"\n" if self._output["AssembleWith"] == "Line" else b""
        return b"".join(answer.removesuffix(end) + end for answer in answers)

    def _ask(self, serving: ServingContainer, body: bytes) -> bytes:
        """Return the answer to a payload; ask again when the container fails."""
        asked = {
            "Content-Type": self._input.get("ContentType"),
            "Accept": self._output.get("Accept"),
        }
        headers = {name: value for name, value in asked.items() if value is not None}
        client = self.request.get("ModelClientConfig", {})
        seconds = client.get("InvocationsTimeoutInSeconds", INVOCATION_SECONDS)
        error = ObjectError(ALGORITHM, "Unable to get response from algorithm")
        for _ in range(1 + client.get("InvocationsMaxRetries", RETRIES)):
            if self._stop.is_set():
                raise _StoppedError
            try:
                status, _, answer = serving.invoke(body, headers, seconds)
            except NoAnswerError:
                continue
            if status == HTTPStatus.OK:
                return answer
            error = _refused(status, answer)
            if status < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise error

    def _upload(self, s3: Any, outputs: Sequence[Output]) -> None:
        bucket, prefix = s3_address.split(self._output["S3OutputPath"])
        encryption = encrypted_with(self._output.get("KmsKeyId"))
        for output in outputs:
            key = "/".join(part for part in (prefix.strip("/"), output.path) if part)
            try:
                with output.file.open("rb") as body:
                    s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
            except (ClientError, BotoCoreError) as error:
                raise JobError(f"{CLIENT}: Failed to upload s3://{bucket}/{key}: {error}") from None


def _refused(status: int, answer: bytes) -> ObjectError:
    client = status < HTTPStatus.INTERNAL_SERVER_ERROR
    text = answer.decode(errors="replace")[:MESSAGE_CHARACTERS]
    side = CLIENT if client else ALGORITHM
    return ObjectError(side, f"{side}: {int(status)}", "", "Message:", text)
