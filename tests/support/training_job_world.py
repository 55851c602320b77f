"""Stand-ins of S3, SageMaker and Logs that the functions of `TrainingJob` see in tests."""

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from stacks.training_job.handlers import jobs

FINGERPRINT = "f" * 64
IDENTITY = "topics-dev-ffffffffffff"
WAIT = "ffffffffffff4800"
STACK = "arn:stack"
ARTIFACT = f"lda/models/{FINGERPRINT}/model.tar.gz"
VPC = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
HANDLE = "https://signals/handle"


class ResourceInUseError(Exception):
    """The exception of a client that boto3 generates."""


@dataclass
class World:
    """What AWS holds, and the clients that see it."""

    objects: dict[tuple[str, str], str] = field(default_factory=dict)
    metadata: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    checksums: dict[tuple[str, str], str] = field(default_factory=dict)
    encryption: dict[tuple[str, str], str] = field(default_factory=dict)  # the objects' keys
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    signals: list[tuple[str, str, str | None, str]] = field(default_factory=list)
    errors: list[ClientError] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    copies: list[dict[str, Any]] = field(default_factory=list)  # their extra arguments
    most_running: int = 0  # of one fingerprint at any time
    interfaces: list[dict[str, str]] = field(default_factory=list)
    interfaces_go_after: float = 0  # seconds of sleep
    stack_status: str = "CREATE_IN_PROGRESS"
    lists_late: bool = False  # a list does not have the newest job yet
    before_create: Callable[[], None] = lambda: None  # what happens meanwhile

    def client(self, service: str, **_: Any) -> Any:
        clients = {
            "s3": S3,
            "sagemaker": SageMaker,
            "logs": Logs,
            "cloudformation": Stacks,
            "ec2": Network,
        }
        return clients[service](self)

    def put(self, bucket: str, key: str, content: str) -> None:
        """Write an object with its SHA-256, as PutObject does when it is told one."""
        self.objects[bucket, key] = content
        digest = hashlib.sha256(content.encode()).digest()
        self.checksums[bucket, key] = base64.b64encode(digest).decode()

    def signal(self, handle: str, sender: str, failure: str | None = None, data: str = "") -> None:
        """Take a signal, as `signals.send` does."""
        self.signals.append((handle, sender, failure, data))

    def running(self, identity: str) -> list[str]:
        """The jobs of an identity that have not ended."""
        return [
            name
            for name, job in self.jobs.items()
            if name.startswith(f"{identity}-") and job["TrainingJobStatus"] in jobs.RUNNING
        ]

    def end(self, name: str, status: str, **details: Any) -> dict[str, Any]:
        """Let a job end; its event."""
        self.jobs[name] |= {"TrainingJobStatus": status, "SecondaryStatus": status, **details}
        if status == "Completed":
            output = self.jobs[name]["OutputDataConfig"]["S3OutputPath"]
            artifact = f"{output.removeprefix('s3://bucket/')}/{name}/output/model.tar.gz"
            self.objects["bucket", artifact] = f"model of {name}"
            self.jobs[name]["ModelArtifacts"] = {"S3ModelArtifacts": f"s3://bucket/{artifact}"}
        return {"detail": {"TrainingJobName": name, "TrainingJobStatus": status}}


@dataclass
class S3:
    world: World

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:  # noqa: N803
        keys = sorted(k for b, k in self.world.objects if b == Bucket and k.startswith(Prefix))
        return {"Contents": [{"Key": key} for key in keys[:MaxKeys]]} if keys else {}

    def get_paginator(self, _: str) -> Any:
        def paginate(Bucket: str, Prefix: str) -> Any:  # noqa: N803
            for (bucket, key), content in sorted(self.world.objects.items()):
                if bucket == Bucket and key.startswith(Prefix):
                    yield {"Contents": [{"Key": key, "Size": len(content)}]}

        return SimpleNamespace(paginate=paginate)

    def copy(
        self,
        source: dict[str, str],
        bucket: str,
        key: str,
        ExtraArgs: dict[str, Any],  # noqa: N803
    ) -> None:
        if (source["Bucket"], source["Key"]) not in self.world.objects:
            raise error("404", "Not Found")
        self.world.objects[bucket, key] = self.world.objects[source["Bucket"], source["Key"]]
        kept = self.world.metadata.get((source["Bucket"], source["Key"]), {})
        replaced = ExtraArgs.get("MetadataDirective") == "REPLACE"
        self.world.metadata[bucket, key] = ExtraArgs["Metadata"] if replaced else kept
        if "SSEKMSKeyId" in ExtraArgs:
            self.world.encryption[bucket, key] = ExtraArgs["SSEKMSKeyId"]
        self.world.copies.append(ExtraArgs)

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if (Bucket, Key) not in self.world.objects:
            raise error("NoSuchKey", "The specified key does not exist.")
        return {"Body": BytesIO(self.world.objects[Bucket, Key].encode())}

    def head_object(self, Bucket: str, Key: str, ChecksumMode: str = "") -> dict[str, Any]:  # noqa: N803
        content = self.world.objects[Bucket, Key]
        metadata = self.world.metadata.get((Bucket, Key), {})
        answer = {"ContentLength": len(content), "Metadata": metadata}
        encryption = self.world.encryption.get((Bucket, Key))
        checksum = self.world.checksums.get((Bucket, Key)) if ChecksumMode == "ENABLED" else None
        return (
            answer
            | ({"SSEKMSKeyId": encryption} if encryption else {})
            | ({"ChecksumSHA256": checksum} if checksum else {})
        )


@dataclass
class SageMaker:
    world: World
    exceptions: ClassVar[Any] = SimpleNamespace(ResourceInUse=ResourceInUseError)

    def create_training_job(self, TrainingJobName: str, **request: Any) -> None:  # noqa: N803
        if self.world.errors:
            raise self.world.errors.pop(0)
        self.world.before_create()
        if TrainingJobName in self.world.jobs:
            raise ResourceInUseError
        self.world.jobs[TrainingJobName] = {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": "InProgress",
            "TrainingJobArn": f"arn:{TrainingJobName}",
            "SecondaryStatus": "Starting",
            **copy.deepcopy(request),
        }
        running = self.world.running(TrainingJobName.rpartition("-")[0])
        self.world.most_running = max(self.world.most_running, len(running))

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        job = self.world.jobs[TrainingJobName]
        if job["TrainingJobStatus"] == "Stopping":
            job["TrainingJobStatus"] = "Stopped"  # by the next time that anybody asks
            return job | {"TrainingJobStatus": "Stopping"}
        return dict(job)

    def stop_training_job(self, TrainingJobName: str) -> None:  # noqa: N803
        job = self.world.jobs[TrainingJobName]
        if job["TrainingJobStatus"] != "InProgress":
            raise error("ValidationException", "The request was rejected")
        job["TrainingJobStatus"] = "Stopping"

    def add_tags(self, ResourceArn: str, Tags: list[dict[str, str]]) -> None:  # noqa: N803
        tags = self._tags(ResourceArn)
        tags[:] = [tag for tag in tags if tag["Key"] not in {new["Key"] for new in Tags}] + Tags

    def _tags(self, arn: str) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = self.world.jobs[arn.removeprefix("arn:")]["Tags"]
        return tags

    def get_paginator(self, operation: str) -> Any:
        pages = {"list_training_jobs": self._list, "list_tags": self._list_tags}
        return SimpleNamespace(paginate=pages[operation])

    def _list_tags(self, ResourceArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield {"Tags": self._tags(ResourceArn)}

    def _list(
        self,
        NameContains: str,  # noqa: N803
        StatusEquals: str,  # noqa: N803
        SortBy: str,  # noqa: N803
        SortOrder: str,  # noqa: N803
    ) -> Iterator[dict[str, Any]]:
        assert (SortBy, SortOrder) == ("CreationTime", "Descending")
        for name, job in list(self.world.jobs.items())[::-1][
            self.world.lists_late :
        ]:  # newest first, as it is asked for
            if NameContains in name and job["TrainingJobStatus"] == StatusEquals:
                yield {"TrainingJobSummaries": [{"TrainingJobName": name}]}


@dataclass
class Stacks:
    world: World

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        assert StackName == STACK
        return {"Stacks": [{"StackStatus": self.world.stack_status}]}


@dataclass
class Network:
    world: World

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_network_interfaces"
        return SimpleNamespace(paginate=self._list)

    def _list(self, Filters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert Filters == [
            {"Name": "subnet-id", "Values": VPC["Subnets"]},
            {"Name": "group-id", "Values": VPC["SecurityGroupIds"]},
        ]
        gone = sum(self.world.slept) >= self.world.interfaces_go_after
        yield {"NetworkInterfaces": [] if gone else self.world.interfaces}


@dataclass
class Logs:
    world: World

    def describe_log_streams(self, **request: str) -> dict[str, Any]:
        if not self.world.log:
            raise error("ResourceNotFoundException", "no such group")
        return {"logStreams": [{"logStreamName": request["logStreamNamePrefix"] + "algo-1"}]}

    def get_log_events(self, limit: int, **_: str) -> dict[str, Any]:
        return {"events": [{"message": line} for line in self.world.log[-limit:]]}


def error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def event(
    kind: str,
    request_id: str = "request-1",
    fingerprint: str = FINGERPRINT,
    old_fingerprint: str | None = None,
) -> Any:
    old = {} if kind != "Update" else {"OldResourceProperties": properties(old_fingerprint)}
    return {
        "RequestType": kind,
        "RequestId": request_id,
        "StackId": STACK,
        "PhysicalResourceId": f"topics-dev-{fingerprint[:12]}",
        "ResourceProperties": properties(fingerprint),
        **old,
    }


def job_request(fingerprint: str = FINGERPRINT) -> str:
    """What the function of a deployment of `fingerprint` asks SageMaker for."""
    return json.dumps(
        {
            "OutputDataConfig": {"S3OutputPath": f"s3://bucket/lda/jobs/{fingerprint}"},
            "Tags": [{"Key": "fingerprint", "Value": fingerprint}],
        }
    )


def properties(fingerprint: str | None) -> dict[str, Any]:
    fingerprint = fingerprint or FINGERPRINT
    return {
        "NamePrefix": "topics-dev",
        "Fingerprint": fingerprint,
        "Bucket": "bucket",
        "Artifact": f"lda/models/{fingerprint}/model.tar.gz",
        "Data": [{"SourceBucket": "staging", "SourceKey": "train", "Key": "lda/data/1/train"}],
        "Request": "not what the function runs",
        "Wait": f"{fingerprint[:12]}4800",
    }
