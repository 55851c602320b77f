"""What each client starts from: documents, a bucket, and the role that notebooks have.

It imports nothing that a client's environment lacks.
"""

import json
from typing import Any

import boto3
import numpy as np
import pytest

ACCOUNT, REGION = "000000000000", "us-east-1"
IMAGE = f"766337827248.dkr.ecr.{REGION}.amazonaws.com/lda:1"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"  # the SDK's own
TOPICS, WORDS, DOCUMENTS = 3, 30, 300
HYPERPARAMETERS = {"num_topics": TOPICS, "feature_dim": WORDS, "mini_batch_size": DOCUMENTS}


@pytest.fixture(scope="session")
def counts() -> Any:
    """Documents that each use one of three sets of ten words."""
    generator = np.random.default_rng(0)
    counts = np.zeros((DOCUMENTS, WORDS), dtype=np.float32)
    for number, document in enumerate(counts):
        own = slice(number % TOPICS * 10, number % TOPICS * 10 + 10)
        document[own] = generator.multinomial(40, np.linspace(1, 5, 10) / 30)
    return counts


@pytest.fixture(scope="session")
def bucket(counts: Any) -> str:
    """The SDK's default bucket, with documents in CSV below `train/`."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    lines = "".join(",".join(f"{count:g}" for count in row) + "\n" for row in counts)
    s3.put_object(Bucket=BUCKET, Key="train/train.csv", Body=lines.encode())
    return BUCKET


def make_role(name: str) -> str:
    """A role that SageMaker may assume; its ARN."""
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    return str(made["Role"]["Arn"])


@pytest.fixture(scope="session")
def role() -> str:
    """An execution role as the console makes it: AmazonSageMakerFullAccess alone."""
    name = "AmazonSageMaker-ExecutionRole"
    arn = make_role(name)
    policy = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    boto3.client("iam").attach_role_policy(RoleName=name, PolicyArn=policy)
    return arn
