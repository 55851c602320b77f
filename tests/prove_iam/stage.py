"""A deployed environment on which every step of the flow can be taken again and again."""

import itertools
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError

from local_aws import fault_route, instance
from stacks.serving.gate.handlers import check
from stacks.training_job.handlers import denials, jobs, models, signals
from tests.support.cloud import Cloud
from tests.support.waiting import wait_for

from .permissions import Permission, documents, found_in, made_by

PROJECT = "proved"
NAME = f"{PROJECT}-dev"
STACKS = [f"{NAME}-{part}" for part in ("storage", "training", "serving", "preparation")]
OF_A_JOB = (
    "AlgorithmSpecification",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "RoleArn",
    "HyperParameters",
    "EnableNetworkIsolation",
    "VpcConfig",
    "StoppingCondition",
)
OF_A_CONFIGURATION = ("ProductionVariants", "DataCaptureConfig", "KmsKeyId")
RULES = ("TrainingJobOnEnd", "TrainingJobNotify", "GateOnUpdate")
MODELS = botocore.session.get_session().get_component("data_loader")
_numbers = itertools.count(1)
# How long is waited for what a missing permission keeps from coming.
LEAST_SECONDS, TIMES_AS_LONG = 5, 10


@dataclass
class Signal:
    """What a function told the deployment: why it failed, if it did, and the model's metrics."""

    failure: str | None
    data: str


@dataclass
class Stage(Cloud):
    """The environment, and what the steps need beside it; all of it done as the account's root."""

    clients: dict[str, Any] = field(default_factory=dict, repr=False)
    took: dict[str, float] = field(default_factory=dict, repr=False)
    denies: bool = False

    def at_hand(self, service: str) -> Any:
        """A client, made once."""
        if service not in self.clients:
            self.clients[service] = self.client(service)
        return self.clients[service]

    # Waiting

    def expect(self, effect: Callable[[], Any], otherwise: str) -> Any:
        """Wait for what a permission brings about; `otherwise` says that it does not come.

        Nothing tells that it never will. So it is waited for without the permission for many
        times as long as it took with it, on the same machine.
        """
        begin, longest = time.monotonic(), self.took.get(otherwise, 0)
        if self.denies:
            return wait_for(effect, otherwise, max(LEAST_SECONDS, TIMES_AS_LONG * longest))
        answer = wait_for(effect, otherwise)
        self.took[otherwise] = max(longest, time.monotonic() - begin)
        return answer

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """Have no such permission."""
        self.denies = True
        try:
            with permission.removed():
                yield
        finally:
            self.denies = False

    # What is there

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids by logical ids, these without their digests."""
        return {name: physical for _, name, physical in made_by(self.at_hand, STACKS)}

    def outputs(self) -> dict[str, str]:
        described = self.at_hand("cloudformation").describe_stacks()["Stacks"]
        return {
            output["OutputKey"]: output["OutputValue"]
            for stack in described
            if stack["StackName"] in STACKS
            for output in stack.get("Outputs", [])
        }

    @cached_property
    def bucket(self) -> str:
        return self.outputs()["BucketName"]

    @cached_property
    def fingerprint(self) -> str:
        return self.outputs()["Fingerprint"]

    @cached_property
    def identity(self) -> str:
        """What the jobs of the present fingerprint are called."""
        return f"{NAME}-{self.fingerprint[:12]}"

    @cached_property
    def stack_id(self) -> str:
        (stack,) = self.at_hand("cloudformation").describe_stacks(StackName=STACKS[1])["Stacks"]
        return str(stack["StackId"])

    def permissions(self) -> list[Permission]:
        """All permissions in force."""
        names = {physical: logical for logical, physical in self.resources.items()}

        def principal_of(principal: Any) -> str:
            if principal is None:
                return ""
            (kind, value), *_ = principal.items()
            if kind == "Service":
                return str(value)
            return names.get(value.rpartition("/")[2], "the account")

        return [
            permission
            for document in documents(self.at_hand, STACKS)
            for permission in found_in(document, principal_of)
        ]

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """The endpoint configuration that was deployed."""
        sagemaker = self.at_hand("sagemaker")
        name = sagemaker.describe_endpoint(EndpointName=NAME)["EndpointConfigName"]
        return dict(sagemaker.describe_endpoint_config(EndpointConfigName=name))

    def prepare(self) -> None:
        """Remember what the deployment has left, before any step changes it."""
        assert self.stored
        assert self.first_job
        assert self.configuration
        self.hear()

    def hear(self, *rules: str) -> None:
        """Let these rules alone tell of events.

        What nobody asked for comes late, and a later step could take it for its own.
        """
        for name in RULES:
            events = self.at_hand("events")
            act = events.enable_rule if name in rules else events.disable_rule
            act(Name=self.resources[name])

    @contextmanager
    def hearing(self, rule: str) -> Iterator[None]:
        """Let a rule tell of events for as long as the block runs."""
        self.hear(rule)
        try:
            yield
        finally:
            self.hear()

    def tidy(self) -> None:
        """Leave what the deployment has left, and nothing of the steps."""
        self.stop_all()
        sagemaker, logs = self.at_hand("sagemaker"), self.at_hand("logs")
        deployed = self.configuration["EndpointConfigName"]
        if self.in_service(NAME)["EndpointConfigName"] != deployed:
            self.update(NAME, deployed)
            self.in_service(NAME)
        for config in sagemaker.list_endpoint_configs()["EndpointConfigs"]:
            if config["EndpointConfigName"] != deployed:
                sagemaker.delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
        own = f"/aws/sagemaker/Endpoints/{PROJECT}-host-"
        for group in logs.describe_log_groups(logGroupNamePrefix=own)["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])

        self.remove_interfaces(self.interfaces())
        self.hear(*RULES)

    def interfaces(self) -> set[str]:
        """The network interfaces of all instances."""
        found = self.at_hand("ec2").describe_network_interfaces()["NetworkInterfaces"]
        return {interface["NetworkInterfaceId"] for interface in found}

    def remove_interfaces(self, interfaces: set[str]) -> None:
        for interface in interfaces:
            self.at_hand("ec2").delete_network_interface(NetworkInterfaceId=interface)

    def in_service(self, endpoint: str) -> dict[str, Any]:
        """The endpoint's description when no change is under way."""

        def settled() -> Any:
            found = self.at_hand("sagemaker").describe_endpoint(EndpointName=endpoint)
            return found["EndpointStatus"] in ("InService", "Failed") and found

        found: dict[str, Any] = wait_for(settled, f"{endpoint} does not come to rest")
        assert found["EndpointStatus"] == "InService", found.get("FailureReason")
        return found

    def update(self, endpoint: str, config: str, **request: Any) -> None:
        """Begin to move an endpoint to a configuration, once it is not scaled just now."""

        def begun() -> bool:
            self.in_service(endpoint)
            try:
                self.at_hand("sagemaker").update_endpoint(
                    EndpointName=endpoint, EndpointConfigName=config, **request
                )
            except ClientError as error:
                if "Cannot update in-progress endpoint" not in str(error):
                    raise
                return False
            return True

        wait_for(begun, f"{endpoint} does not come to rest")

    # The bucket

    @cached_property
    def stored(self) -> dict[str, tuple[bytes, dict[str, str]]]:
        """What the first deployment has left in the bucket: content and metadata by key."""
        s3 = self.at_hand("s3")
        found = {}
        for entry in s3.list_objects_v2(Bucket=self.bucket)["Contents"]:
            answer = s3.get_object(Bucket=self.bucket, Key=entry["Key"])
            found[entry["Key"]] = (answer["Body"].read(), answer["Metadata"])
        return found

    def keys(self, kind: str) -> list[str]:
        """Keys that the first deployment has left below `PREFIX/data/`, for instance."""
        return [key for key in self.stored if f"/{kind}/" in key]

    def put(self, *kinds: str) -> None:
        """Put back what there was of each kind."""
        for key in (key for kind in kinds for key in self.keys(kind)):
            body, metadata = self.stored[key]
            self.at_hand("s3").put_object(
                Bucket=self.bucket, Key=key, Body=body, Metadata=metadata, **self.encryption
            )

    def remove(self, *kinds: str) -> None:
        for key in (key for kind in kinds for key in self.keys(kind)):
            self.at_hand("s3").delete_object(Bucket=self.bucket, Key=key)

    @cached_property
    def encryption(self) -> dict[str, str]:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key}

    @cached_property
    def key(self) -> str:
        described = self.at_hand("kms").describe_key(KeyId=self.resources["Key"])
        return str(described["KeyMetadata"]["Arn"])

    def assert_stored(self, kind: str) -> None:
        """What was there of a kind is there again, encrypted."""
        for key in self.keys(kind):
            head = self.at_hand("s3").head_object(Bucket=self.bucket, Key=key)
            assert head.get("SSEKMSKeyId") == self.key, f"{kind} is not encrypted with the key"

    # Training jobs

    @cached_property
    def first_job(self) -> dict[str, Any]:
        """The job of the deployment, which has left the model."""
        (name,) = [n for n in self.job_names() if n.startswith(self.identity)]
        described = self.at_hand("sagemaker").describe_training_job(TrainingJobName=name)
        return dict(described)

    def train(self, identity: str, *fault: str, handle: str = "") -> str:
        """Start a job as the deployment does, awaited by `handle`; its name."""
        request = {key: value for key, value in self.first_job.items() if key in OF_A_JOB}
        name = f"{identity}-{uuid.uuid4().hex[:8]}"
        tags = [{"Key": key, "Value": value} for key, value in jobs.awaited_by(handle).items()]
        for one in fault:
            self.arm(one)
        self.at_hand("sagemaker").create_training_job(TrainingJobName=name, **request, Tags=tags)
        return name

    def status(self, job: str) -> str:
        described = self.at_hand("sagemaker").describe_training_job(TrainingJobName=job)
        return str(described["TrainingJobStatus"])

    def ended(self, job: str) -> str:
        """The status of a job when it has ended."""
        wait_for(lambda: self.status(job) not in jobs.RUNNING, f"{job} does not end")
        return self.status(job)

    def running(self) -> list[str]:
        found = self.at_hand("sagemaker").list_training_jobs(
            StatusEquals="InProgress", MaxResults=100
        )
        return [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]

    def stop_all(self) -> None:
        """End every job that runs, and disarm what has not struck.

        In this order: a job that hangs would go on to its model.
        """
        for name in self.running():
            with suppress(ClientError):  # it has ended meanwhile
                self.at_hand("sagemaker").stop_training_job(TrainingJobName=name)
            self.ended(name)
        self.disarm()

    def transform(self, name: str, model: str, address: str) -> dict[str, Any]:
        """The end of a job that reads below `batches/` of an address and writes beside it."""
        sagemaker, media = self.at_hand("sagemaker"), "application/x-recordio-protobuf"
        source = {"S3DataType": "S3Prefix", "S3Uri": f"{address}batches/{name}/"}
        sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=model,
            TransformInput={
                "DataSource": {"S3DataSource": source},
                "ContentType": media,
                "SplitType": "RecordIO",
            },
            TransformOutput={
                "S3OutputPath": f"{address}predictions/{name}",
                "Accept": media,
                "KmsKeyId": self.key,
            },
            TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
        )

        def ended() -> Any:
            job = sagemaker.describe_transform_job(TransformJobName=name)
            return job["TransformJobStatus"] not in jobs.RUNNING and job

        job: dict[str, Any] = wait_for(ended, f"{name} does not end")
        return job

    def end_transforms(self) -> None:
        """Wait until no transform job runs, and remove what they read and wrote."""
        sagemaker = self.at_hand("sagemaker")

        def ended() -> bool:
            return not any(
                sagemaker.list_transform_jobs(StatusEquals=status)["TransformJobSummaries"]
                for status in jobs.RUNNING
            )

        wait_for(ended, "a transform job does not end")
        s3 = self.at_hand("s3")
        for entry in s3.list_objects_v2(Bucket=self.bucket)["Contents"]:
            if {"batches", "predictions"} & set(entry["Key"].split("/")):
                s3.delete_object(Bucket=self.bucket, Key=entry["Key"])

    def tags(self, job: str) -> dict[str, str]:
        arn = instance_arn("sagemaker", f"training-job/{job}")
        found = self.at_hand("sagemaker").list_tags(ResourceArn=arn)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def arm(self, fault: str, **members: Any) -> None:
        with self._pointing_here():
            fault_route.ask(Path(), "POST", {"name": fault, "reason": "bad data", **members})

    def disarm(self) -> None:
        with self._pointing_here():
            fault_route.ask(Path(), "DELETE")

    @contextmanager
    def _pointing_here(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    # Functions

    @contextmanager
    def acting_as(self, function: str, **environment: str) -> Iterator[list[Signal]]:
        """This process is a function: its role's credentials, its environment, its modules.

        Waits are short, and a permission that is missing is not waited for. The block gets what
        the function tells the deployment.
        """
        physical = self.resources[function]
        config = self.at_hand("lambda").get_function_configuration(FunctionName=physical)
        assumed = self.at_hand("sts").assume_role(RoleArn=config["Role"], RoleSessionName="proof")
        told: list[Signal] = []

        def send(url: str, sender: str, failure: str | None = None, data: str = "") -> None:
            told.append(Signal(failure, data))

        with self._pointing_here(), pytest.MonkeyPatch.context() as patch:
            given = config.get("Environment", {}).get("Variables", {}) | environment
            for name, value in given.items():
                patch.setenv(name, value)
            for member, name in (
                ("AccessKeyId", "AWS_ACCESS_KEY_ID"),
                ("SecretAccessKey", "AWS_SECRET_ACCESS_KEY"),
                ("SessionToken", "AWS_SESSION_TOKEN"),
            ):
                patch.setenv(name, assumed["Credentials"][member])
            patch.setattr(boto3, "DEFAULT_SESSION", session())
            patch.setattr(signals, "send", send)
            patch.setattr(jobs, "POLL_SECONDS", 0.1)
            patch.setattr(check, "POLL_SECONDS", 0.1)
            patch.setattr(denials, "PERMISSION_SECONDS", 0)
            models._s3.cache_clear()  # the client of the function before has its credentials
            yield told

    def training_properties(self) -> dict[str, Any]:
        """The properties of the custom resource that starts the job."""
        request = {key: value for key, value in self.first_job.items() if key in OF_A_JOB}
        lineage = self.tags(self.first_job["TrainingJobName"])
        request["Tags"] = [
            {"Key": key, "Value": value}
            for key, value in lineage.items()
            if key != jobs.AWAITED_BY and not key.startswith("aws:")
        ]
        return {
            "NamePrefix": NAME,
            "Fingerprint": self.fingerprint,
            "Bucket": self.bucket,
            "Artifact": self.keys("models")[0],
            "Data": [item | {"SourceBucket": self.golden["GOLDEN_BUCKET"]} for item in self.data],
            "Request": json.dumps(request),
            "Wait": self.variables("TrainingJobStart")["WAIT"],
        }

    @cached_property
    def data(self) -> list[dict[str, Any]]:
        """What the custom resource is to stage, as the template has it."""
        template: Any = self.at_hand("cloudformation").get_template(StackName=STACKS[1])
        template = template["TemplateBody"]
        template = json.loads(template) if isinstance(template, str) else template
        (resource,) = [
            found
            for found in template["Resources"].values()
            if found["Type"] == "Custom::TrainingJob"
        ]
        return list(resource["Properties"]["Data"])

    def gate_properties(self) -> dict[str, Any]:
        """The properties of the custom resource that checks the endpoint."""
        described = self.at_hand("sagemaker").describe_endpoint(EndpointName=NAME)
        return {
            "EndpointName": NAME,
            "EndpointConfigName": described["EndpointConfigName"],
            "GoldenBucket": self.golden["GOLDEN_BUCKET"],
            "GoldenKey": self.golden["GOLDEN_KEY"],
            "Topics": "5",
        }

    @cached_property
    def golden(self) -> dict[str, str]:
        return self.variables("GateDuringUpdate")

    def variables(self, function: str) -> dict[str, str]:
        """The environment of a function."""
        config = self.at_hand("lambda").get_function_configuration(
            FunctionName=self.resources[function]
        )
        return dict(config.get("Environment", {}).get("Variables", {}))

    def invoke(self, function: str, event: Mapping[str, Any]) -> None:
        """Let Lambda run a function, whatever becomes of it."""
        self.at_hand("lambda").invoke(
            FunctionName=self.resources[function], Payload=json.dumps(event).encode()
        )


def instance_arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{instance.REGION}:{instance.ACCOUNT}:{resource}"


def session() -> boto3.session.Session:
    """A session that reads no service's model again, which is slow."""
    own = botocore.session.get_session()
    own.register_component("data_loader", MODELS)
    return boto3.session.Session(botocore_session=own)


def unused_handle() -> str:
    """A wait handle that no job knows."""
    return f"https://127.0.0.1/{next(_numbers)}-{os.getpid()}"
