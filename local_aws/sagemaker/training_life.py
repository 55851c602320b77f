"""Training jobs: each has a thread that does what SageMaker does around the container.

The thread downloads the channels, runs the image and uploads the model, all as the execution role.
So a permission that would be missing on AWS is missing here. It reports each change of state as AWS
does: in DescribeTrainingJob, by an event, and in the log group.
"""

import shutil
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import faults
from local_aws.api.errors import invalid
from local_aws.sagemaker import channels, container, events, logs, network_interfaces
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.clients import encrypted_with, role_client

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
EVENT = "SageMaker Training Job State Change"
METRIC = "#quality_metric: host=algo-1, "
FAILURE_CHARACTERS = 1024
RUNNING = ("InProgress", "Stopping")
LOOK_SECONDS = 0.1  # between two checks whether a job should go on


class JobError(Exception):
    """A job fails; the message is its FailureReason."""


class TrainingJob:
    """One training job, from its request to its end."""

    def __init__(self, data: AccountData, request: Mapping[str, Any]) -> None:
        self.data = data
        self.request = dict(request)
        self.name: str = request["TrainingJobName"]
        self.arn = data.scope.arn(f"training-job/{self.name.lower()}")
        self.status = "InProgress"
        self.secondary_status = "Starting"
        self.transitions: list[dict[str, Any]] = []
        self.failure = ""
        self.metrics: list[dict[str, Any]] = []
        self.times = {"CreationTime": time.time()}
        self._stop = threading.Event()
        self._container: container.Container | None = None
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def artifact(self) -> str:
        """The S3 address of the model that the job stores at its end."""
        output = self.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        return f"{output}/{self.name}/output/model.tar.gz"

    def start(self) -> None:
        """Start the job and return at once."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the job's end, at most for `seconds`."""
        self._thread.join(seconds)

    def stop(self) -> None:
        """Ask the job to stop, as StopTrainingJob does; it ends later."""
        with self.data.lock:
            if self.status != "InProgress":
                raise invalid(
                    f"The request was rejected because the training job is in status {self.status}."
                )
            self.status = "Stopping"
        self._stop.set()

    def kill(self) -> None:
        """End the container at once."""
        if self._container is not None:
            self._container.kill()

    def describe(self) -> dict[str, Any]:
        """Return the job as DescribeTrainingJob answers it."""
        with self.data.lock:
            answer = {key: value for key, value in self.request.items() if key != "Tags"}
            answer |= {
                "TrainingJobArn": self.arn,
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.secondary_status,
                "SecondaryStatusTransitions": list(self.transitions),
                **self.times,
            }
            if self.failure:
                answer["FailureReason"] = self.failure
            if self.metrics:
                answer["FinalMetricDataList"] = list(self.metrics)
            if self.status in ("Completed", "Stopped"):
                answer["ModelArtifacts"] = {"S3ModelArtifacts": self.artifact}
            if "TrainingEndTime" in self.times and "TrainingStartTime" in self.times:
                seconds = self.times["TrainingEndTime"] - self.times["TrainingStartTime"]
                answer["TrainingTimeInSeconds"] = answer["BillableTimeInSeconds"] = round(seconds)
            return answer

    def summary(self) -> dict[str, Any]:
        """Return the job as ListTrainingJobs answers it."""
        with self.data.lock:
            return {
                "TrainingJobName": self.name,
                "TrainingJobArn": self.arn,
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.secondary_status,
                **self.times,
            }

    def _run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="training-") as folder:
            try:
                self._change("InProgress", "Starting", "Preparing the instances for training")
                end = self._train_attached(Path(folder))
                self._change(*end)
            except JobError as error:
                self.failure = str(error)[:FAILURE_CHARACTERS]
                self._change("Failed", "Failed", self.failure)
            except Exception as error:  # whatever else fails, the job must end
                self.failure = f"InternalServerError: {error!r}"[:FAILURE_CHARACTERS]
                self._change("Failed", "Failed", self.failure)
                raise

    def _train_attached(self, root: Path) -> tuple[str, str, str]:
        """Train on an instance that is attached to the job's VPC, if it has one; as `_train`."""
        role = self.request["RoleArn"]
        try:
            attached = network_interfaces.attach(
                self.data.scope, self.request.get("VpcConfig"), role
            )
        except network_interfaces.AttachError as error:
            raise JobError(str(error)) from None
        try:
            return self._train(root)
        finally:
            network_interfaces.detach(self.data.scope, role, attached)

    def _train(self, root: Path) -> tuple[str, str, str]:
        """Train and return the final status, secondary status and message."""
        if faults.strike("training.capacity"):
            raise JobError(
                "CapacityError: Unable to provision requested ML compute capacity. Please retry "
                "using a different ML instance type."
            )
        try:
            image = container.image_module(self.request["AlgorithmSpecification"]["TrainingImage"])
        except container.ImageError as error:
            raise JobError(f"ClientError: {error}") from None
        container.write_configuration(
            root,
            {
                "hyperparameters": self.request.get("HyperParameters", {}),
                "inputdataconfig": channels.describe(self.request),
                "resourceconfig": {
                    "current_host": "algo-1",
                    "hosts": ["algo-1"],
                    "network_interface_name": "lo",
                },
            },
        )
        self._change("InProgress", "Downloading", "Downloading input data")
        self._download(root / "input/data")
        self.times["TrainingStartTime"] = time.time()
        self._change("InProgress", "Training", "Training image download completed.")
        end = self._run_container(image, root)
        self.times["TrainingEndTime"] = time.time()
        if faults.strike("training.no-model"):
            shutil.rmtree(root / "model")
            (root / "model").mkdir()
        if any((root / "model").iterdir()):
            self._change(self.status, "Uploading", "Uploading generated training model")
            self._upload(root)
        return end

    def _download(self, folder: Path) -> None:
        s3 = self._client("s3")
        for channel in self.request.get("InputDataConfig", []):
            try:
                channels.download(s3, channel, folder / channel["ChannelName"])
                if faults.strike("training.no-data"):
                    raise channels.no_objects(channel)
            except channels.ChannelError as error:
                raise JobError(str(error)) from None

    def _run_container(self, image: str, root: Path) -> tuple[str, str, str]:
        stream = logs.Stream(
            self._client("logs"),
            LOG_GROUP,
            f"{self.name}/algo-1-{int(time.time())}",
        )
        seconds = self.request["StoppingCondition"]["MaxRuntimeInSeconds"]
        deadline = time.monotonic() + (0 if faults.strike("training.time-limit") else seconds)
        if fault := faults.strike("training.fail"):
            stream.write([fault.reason])
            raise JobError(f"AlgorithmError: {fault.reason}, exit code: 1")
        if faults.strike("training.stop"):
            self.stop()
        hang = faults.strike("training.hang")
        running = self._container = container.Container(
            image,
            ["train", "--ml-root", str(root)],
            {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn},
            stream.write,
        )
        while (code := running.wait(LOOK_SECONDS)) is None or (hang and not hang.over.is_set()):
            if code is not None:
                self._stop.wait(LOOK_SECONDS)
            if self._stop.is_set():
                self._change("Stopping", "Stopping", "Stopping the training job")
                running.stop()
                return "Stopped", "Stopped", "Training job stopped"
            if time.monotonic() > deadline:
                self._change("Stopping", "Stopping", "Stopping the training job")
                running.stop()
                return "Stopped", "MaxRuntimeExceeded", "Training job exceeded MaxRuntimeInSeconds"
        if code != 0:
            raise JobError(_failure_reason(root, code))
        self.metrics = [
            {"MetricName": name, "Value": value, "Timestamp": time.time()}
            for name, value in _quality_metrics(running.lines)
        ]
        return "Completed", "Completed", "Training job completed"

    def _client(self, service: str) -> Any:
        return role_client(service, self.request["RoleArn"], self.data.scope)

    def _upload(self, root: Path) -> None:
        archive = root / "model.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for path in sorted((root / "model").iterdir()):
                tar.add(path, arcname=path.name)
        bucket, key = channels.split_address(self.artifact)
        s3 = self._client("s3")
        encryption = encrypted_with(self.request["OutputDataConfig"].get("KmsKeyId"))
        try:
            with archive.open("rb") as body:
                s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
        except (ClientError, BotoCoreError) as error:
            raise JobError(
                f"ClientError: Artifact upload failed:Failed to upload {self.artifact}: {error}"
            ) from None

    def _change(self, status: str, secondary: str, message: str) -> None:
        now = time.time()
        with self.data.lock:
            if self._stop.is_set() and status == "InProgress":
                status = "Stopping"
            if self.transitions:
                self.transitions[-1]["EndTime"] = now
            self.transitions.append(
                {"Status": secondary, "StartTime": now, "StatusMessage": message}
            )
            self.status, self.secondary_status = status, secondary
            self.times["LastModifiedTime"] = now
            if status not in RUNNING:
                self.times.setdefault("TrainingEndTime", now)
                self.transitions[-1]["EndTime"] = now
        detail = self.describe() | {"Tags": self.data.tags_of(self.arn)}
        for _ in range(_deliveries(status)):
            events.emit(self.data.scope, EVENT, detail, self.arn)


def _deliveries(status: str) -> int:
    """Return how often a change of state is delivered: EventBridge does not promise once."""
    if status in RUNNING:
        return 1
    if faults.strike("event.lose"):
        return 0
    return 2 if faults.strike("event.duplicate") else 1


def _failure_reason(root: Path, code: int) -> str:
    file = root / "output/failure"
    reason = file.read_text(errors="replace").strip() if file.exists() else ""
    if not reason:
        return f"AlgorithmError: the container wrote no reason, exit code: {code}"
    # An image says itself if the customer is to blame; the rest is the algorithm's fault.
    side = "" if reason.startswith("ClientError: ") else "AlgorithmError: "
    return f"{side}{reason}, exit code: {code}"


def _quality_metrics(lines: Iterable[str]) -> list[tuple[str, float]]:
    """Return metrics such as `test:pwll` from the lines that AWS's images print."""
    found = []
    for line in lines:
        if METRIC in line:
            name, _, value = line.split(METRIC, 1)[1].partition("<loss>=")
            found.append((":".join(name.split()), float(value)))
    return found
