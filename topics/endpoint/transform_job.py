"""Run a SageMaker Batch Transform job: start it, follow it, stop it.

Source: `CreateTransformJob` in the Amazon SageMaker API reference.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from topics.endpoint.batches import MAX_PAYLOAD_MB
from topics.endpoint.deployed import Deployed, Environment, TransformError
from topics.endpoint.payload import CONTENT_TYPES
from topics.endpoint.state import explain

LOG_GROUP = "/aws/sagemaker/TransformJobs"
POLL_SECONDS = 5.0

_TAKEN = "ResourceInUse"
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8})
_LOG_STREAMS = 20  # that are looked at
_LOG_LINES = 10  # of a stream that are told
_LINE_CHARACTERS = 300
_RECORDIO = CONTENT_TYPES["recordio"].media


def new_name(environment: Environment) -> str:
    """Return a name for a job that no other job has."""
    return f"{environment.name}-{secrets.token_hex(4)}"


class TransformJob:
    """A transform job with the model of an environment."""

    def __init__(self, deployed: Deployed, name: str) -> None:
        self.name = name
        self._deployed = deployed
        self._sagemaker: Any = boto3.client("sagemaker", config=_PATIENT)

    def run(
        self,
        source: str,
        output: str,
        *,
        instance_type: str,
        instances: int,
        key: str | None,
        look: Callable[[], object],
    ) -> None:
        """Start the job and wait until it has completed.

        Args:
            source: The `s3://` address of the input: one object, or what several begin with.
            output: The `s3://` address of the folder for the outputs.
            instance_type: SageMaker's name of the instance type.
            instances: How many instances share the objects.
            key: The KMS key that encrypts the outputs and the volumes; None for AWS's own.
            look: Called now and then while the job runs.

        Raises:
            TransformError: The job can't be started or followed, or it ends otherwise.
        """
        self._create(source, output, instance_type, instances, key)
        ended = self._follow(look)
        if ended["TransformJobStatus"] != "Completed":
            raise TransformError(self._explain(ended))

    def stop(self) -> str:
        """Stop the job if it runs, and return what became of that, for users."""
        try:
            self._sagemaker.stop_transform_job(TransformJobName=self.name)
        except (ClientError, BotoCoreError) as error:
            return f"the transform job {self.name} was not stopped: {explain(error)}"
        return f"the transform job {self.name} is being stopped"

    def _create(
        self, source: str, output: str, instance_type: str, instances: int, key: str | None
    ) -> None:
        project, env = self._deployed.environment
        try:
            self._sagemaker.create_transform_job(
                TransformJobName=self.name,
                ModelName=self._deployed.model,
                BatchStrategy="MultiRecord",
                MaxPayloadInMB=MAX_PAYLOAD_MB,
                TransformInput={
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
                    "ContentType": _RECORDIO,
                    "SplitType": "RecordIO",
                },
                TransformOutput={
                    "S3OutputPath": output,
                    "Accept": _RECORDIO,
                    "AssembleWith": "None",
                    **({} if key is None else {"KmsKeyId": key}),
                },
                TransformResources={
                    "InstanceType": instance_type,
                    "InstanceCount": instances,
                    **({} if key is None else {"VolumeKmsKeyId": key}),
                },
                Tags=[
                    {"Key": "project", "Value": project},
                    {"Key": "environment", "Value": env},
                ],
            )
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == _TAKEN:
                return  # nobody else has the name: the answer to the first attempt was lost
            raise TransformError(
                f"the transform job {self.name} was not started: {explain(error)}"
            ) from None

    def _follow(self, look: Callable[[], object]) -> dict[str, Any]:
        """Return the job's description when it has ended."""
        while True:
            try:
                described: dict[str, Any] = self._sagemaker.describe_transform_job(
                    TransformJobName=self.name
                )
            except (ClientError, BotoCoreError) as error:
                raise TransformError(
                    f"the transform job {self.name} goes on, but can't be followed:"
                    f" {explain(error)}"
                ) from None
            if described["TransformJobStatus"] not in ("InProgress", "Stopping"):
                return described
            look()
            time.sleep(POLL_SECONDS)

    def _explain(self, ended: dict[str, Any]) -> str:
        """Return why a job ended without success, with the end of its log."""
        reason = ended.get("FailureReason", "SageMaker gives no reason")
        said = f"the transform job {self.name} is {ended['TransformJobStatus']}"
        if ended["TransformJobStatus"] == "Stopped":
            return f"{said}: somebody has stopped it"
        return "\n".join([f"{said}: {reason}", *self._log_lines()])

    def _log_lines(self) -> list[str]:
        """Return the last lines of the job's log: first what it asked, then the containers'."""
        try:
            logs: Any = boto3.client("logs", config=_PATIENT)
            found = logs.describe_log_streams(
                logGroupName=LOG_GROUP, logStreamNamePrefix=f"{self.name}/", limit=_LOG_STREAMS
            )
            names = [stream["logStreamName"] for stream in found["logStreams"]]
            names.sort(key=lambda name: not name.endswith("/data-log"))
            lines = []
            for name in names:
                events = logs.get_log_events(
                    logGroupName=LOG_GROUP, logStreamName=name, limit=_LOG_LINES
                )["events"]
                lines += [
                    line[:_LINE_CHARACTERS]
                    for event in events
                    for line in event["message"].splitlines()[:_LOG_LINES]
                    if line.strip()
                ]
        except (ClientError, BotoCoreError) as error:
            return [f"its log in {LOG_GROUP} can't be read: {explain(error)}"]
        return [f"log: {line}" for line in lines[: 2 * _LOG_LINES]]
