"""Training jobs: each has a thread that does what SageMaker does around the container.

The thread downloads the channels, runs the image and uploads the model, all as the execution role.
So a permission that would be missing on AWS is missing here.
"""

import shutil
import tarfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import faults
from local_aws.api import s3_address
from local_aws.sagemaker import (
    channels,
    container,
    images,
    logs,
    network_interfaces,
    training_metrics,
)
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.clients import encrypted_with, role_client
from local_aws.sagemaker.job import FAILURE_CHARACTERS, NO_CAPACITY, RUNNING, Job, JobError

LOOK_SECONDS = 0.1  # between two checks whether a job should go on
DAY = 24 * 60 * 60


class TrainingJob(Job):
    """One training job, from its request to its end."""

    KIND = "Training"

    def __init__(self, data: AccountData, request: Mapping[str, Any]) -> None:
        super().__init__(data, request)
        limits = {"MaxRuntimeInSeconds": DAY} | request.get("StoppingCondition", {})
        self.request["StoppingCondition"] = limits
        self.secondary_status = "Starting"
        self.transitions: list[dict[str, Any]] = []
        self.metrics: dict[str, dict[str, Any]] = {}  # the last of each, by name
        self._container: container.Container | None = None
        self._killed = threading.Event()

    @property
    def artifact(self) -> str:
        """The S3 address of the model that the job stores at its end."""
        output = self.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        return f"{output}/{self.name}/output/model.tar.gz"

    def kill(self) -> None:
        """End the container at once, or as soon as there is one."""
        self._killed.set()
        if self._container is not None:
            self._container.kill()

    def describe(self) -> dict[str, Any]:
        """Return the job as DescribeTrainingJob answers it."""
        with self.data.lock:
            answer = super().describe()
            answer["SecondaryStatusTransitions"] = list(self.transitions)
            if self.metrics:
                answer["FinalMetricDataList"] = list(self.metrics.values())
            if self.status in ("Completed", "Stopped"):
                answer["ModelArtifacts"] = {"S3ModelArtifacts": self.artifact}
            if "TrainingEndTime" in self.times and "TrainingStartTime" in self.times:
                seconds = self.times["TrainingEndTime"] - self.times["TrainingStartTime"]
                whole = max(1, round(seconds))
                answer["TrainingTimeInSeconds"] = answer["BillableTimeInSeconds"] = whole
            return _with_defaults(answer)

    def summary(self) -> dict[str, Any]:
        """Return the job as ListTrainingJobs answers it."""
        return super().summary() | {"SecondaryStatus": self.secondary_status}

    def _work(self, folder: Path) -> None:
        self._enter("InProgress", "Starting", "Preparing the instances for training")
        self._enter(*self._train_attached(folder))

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
            raise JobError(NO_CAPACITY)
        self.times["TrainingStartTime"] = time.time()
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
        self._enter("InProgress", "Downloading", "Downloading input data")
        self._download(root / "input/data")
        self._enter(
            "InProgress",
            "Training",
            "Training image download completed. Training in progress.",
        )
        end = self._run_container(root)
        if faults.strike("training.no-model"):
            shutil.rmtree(root / "model")
            (root / "model").mkdir()
        if any((root / "model").iterdir()):
            self._enter(self.status, "Uploading", "Uploading generated training model")
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

    def _run_container(self, root: Path) -> tuple[str, str, str]:
        stream = logs.Stream(
            self._client("logs"),
            self.log_group,
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

        def log(lines: list[str]) -> None:
            stream.write(lines)
            self._measure(lines)

        running = self._container = container.Container(
            images.module_of(self.request["AlgorithmSpecification"]["TrainingImage"]),
            ["train", "--ml-root", str(root)],
            {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn},
            log,
        )
        if self._killed.is_set():  # perhaps before there was a container to kill
            running.kill()
        while (code := running.wait(LOOK_SECONDS)) is None or (hang and not hang.over.is_set()):
            if code is not None:
                self._stop.wait(LOOK_SECONDS)
            if self._stop.is_set():
                self._enter("Stopping", "Stopping", "Stopping the training job")
                running.stop()
                return "Stopped", "Stopped", "Training job stopped"
            if time.monotonic() > deadline:
                self._enter("Stopping", "Stopping", "Stopping the training job")
                running.stop()
                return "Stopped", "MaxRuntimeExceeded", "Training job exceeded MaxRuntimeInSeconds"
        if code != 0:
            raise JobError(_failure_reason(root, code))
        return "Completed", "Completed", "Training job completed"

    def _measure(self, lines: list[str]) -> None:
        """Report the metrics that are in `lines`."""
        found, now = training_metrics.found_in(lines), time.time()
        with self.data.lock:
            for name, value in found.items():
                self.metrics[name] = {"MetricName": name, "Value": value, "Timestamp": now}
        training_metrics.put(self.data.scope, self.request["RoleArn"], self.name, found)

    def _client(self, service: str) -> Any:
        return role_client(service, self.request["RoleArn"], self.data.scope)

    def _upload(self, root: Path) -> None:
        archive = root / "model.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for path in sorted((root / "model").iterdir()):
                tar.add(path, arcname=path.name)
        bucket, key = s3_address.split(self.artifact)
        s3 = self._client("s3")
        encryption = encrypted_with(self.request["OutputDataConfig"].get("KmsKeyId"))
        try:
            with archive.open("rb") as body:
                s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
        except (ClientError, BotoCoreError) as error:
            raise JobError(
                f"ClientError: Artifact upload failed:Failed to upload {self.artifact}: {error}"
            ) from None

    def _fail(self, reason: str) -> None:
        self.failure = reason[:FAILURE_CHARACTERS]
        self._enter("Failed", "Failed", self.failure)

    def _enter(self, status: str, secondary: str, message: str) -> None:
        """Change both states at once."""
        now = time.time()
        with self.data.lock:
            if self.transitions:
                self.transitions[-1]["EndTime"] = now
            self.transitions.append(
                {"Status": secondary, "StartTime": now, "StatusMessage": message}
            )
            self.secondary_status = secondary
            if status not in RUNNING:
                self.transitions[-1]["EndTime"] = now
            self._set(status)
        self._report(status)


def _with_defaults(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what DescribeTrainingJob answers, with what a request may leave out.

    Source: answers that users of the SDK printed in public notebooks.
    """
    output = {"KmsKeyId": "", "CompressionType": "GZIP"} | answer["OutputDataConfig"]
    profiler = answer.get("ProfilerConfig", {"DisableProfiler": True})
    answer = {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "ProfilingStatus": "Disabled" if profiler.get("DisableProfiler") else "Enabled",
    } | answer
    answer["OutputDataConfig"] = output
    if "InputDataConfig" in answer:
        answer["InputDataConfig"] = [
            {"CompressionType": "None", "RecordWrapperType": "None"} | channel
            for channel in answer["InputDataConfig"]
        ]
    return answer


def _failure_reason(root: Path, code: int) -> str:
    file = root / "output/failure"
    reason = file.read_text(errors="replace").strip() if file.exists() else ""
    if not reason:
        return f"AlgorithmError: the container wrote no reason, exit code: {code}"
    # An image says itself if the customer is to blame; the rest is the algorithm's fault.
    side = "" if reason.startswith("ClientError: ") else "AlgorithmError: "
    return f"{side}{reason}, exit code: {code}"
