"""An embedded AWS that boto3 talks to, with a bucket, training data and an execution role."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.config import Config
from scipy.sparse import csr_array

from data_prep import recordio
from local_aws import fault_route, instance

IMAGE = "766337827248.dkr.ecr.us-east-1.amazonaws.com/lda:1"
TOPICS, WORDS, DOCUMENTS = 3, 30, 300
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole"}


def training_data() -> bytes:
    """RecordIO of documents that each use one of three sets of ten words."""
    generator = np.random.default_rng(0)
    counts = np.zeros((DOCUMENTS, WORDS), dtype=np.float32)
    for number, document in enumerate(counts):
        own = slice(number % TOPICS * 10, number % TOPICS * 10 + 10)
        document[own] = generator.multinomial(40, np.linspace(1, 5, 10) / 30)
    return b"".join(recordio.encode(csr_array(counts)))


SESSION = boto3.session.Session()  # reads a service's model once, which is slow


@dataclass
class Cloud:
    """Clients as the account's root, or as a role."""

    environment: dict[str, str]

    def client(
        self,
        service: str,
        credentials: dict[str, str] | None = None,
        config: Config | None = None,
    ) -> Any:
        keys = credentials or {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        return SESSION.client(  # type: ignore[call-overload]  # a variable name
            service,
            region_name=self.environment["AWS_REGION"],
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            verify=self.environment["AWS_CA_BUNDLE"],
            config=config,
            **keys,
        )

    def make_role(self, name: str, *statements: dict[str, Any], service: str = "sagemaker") -> str:
        """A role that AWS's `service` may assume, and the account's own principals; its ARN.

        It may be there: the tests of a module may be divided among processes, and begin again.
        """
        principals = {"Service": f"{service}.amazonaws.com", "AWS": instance.ACCOUNT}
        trust = [TRUST | {"Principal": {kind: name}} for kind, name in principals.items()]
        iam = self.client("iam")
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(*trust))
        if statements:
            iam.put_role_policy(
                RoleName=name, PolicyName="Policy", PolicyDocument=_document(*statements)
            )
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])

    def make_queue(self, name: str, service: str) -> tuple[str, str]:
        """A queue that AWS's `service` may send to; its URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        described = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = described["Attributes"]["QueueArn"]
        principal = {"Service": f"{service}.amazonaws.com"}
        statement = allow("sqs:SendMessage", resource=arn) | {"Principal": principal}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _document(statement)})
        return url, arn

    def assume(self, role_arn: str) -> dict[str, str]:
        """Credentials of a role, as `client` takes them."""
        answer = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")
        credentials = answer["Credentials"]
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    """A statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with instance.running() as started:
        yield Cloud(started.environment())


@pytest.fixture(scope="session")
def bucket(cloud: Cloud) -> str:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="data")
    s3.upload_fileobj(io.BytesIO(training_data()), "data", "train/train.recordio")
    return "data"


@pytest.fixture(scope="session")
def role(cloud: Cloud) -> str:
    """An execution role that may do what SageMaker documents, and no more."""
    return cloud.make_role(
        "Execution",
        allow("s3:GetObject", "s3:PutObject", resource="arn:aws:s3:::data/*"),
        allow("s3:ListBucket", resource="arn:aws:s3:::data"),
        allow("logs:*"),
    )


def disarm() -> None:
    """Disarm all faults of the instance that `arm` points at, and end those that take long."""
    fault_route.ask(Path(), "DELETE")


def have_struck() -> bool:
    """Whether all faults that were armed have struck."""
    return not fault_route.ask(Path())


@pytest.fixture
def arm(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Arms a fault; what has not struck by the end of the test is disarmed."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)

    def add(name: str, **members: Any) -> None:
        fault_route.ask(Path(), "POST", {"name": name, **members})

    yield add
    disarm()
