"""Whoever asks the endpoint."""

import json
import uuid
from typing import Any

import boto3

from ..stage import NAME, Stage
from .step import Step


def ask(runtime: Any, endpoint: str) -> None:
    body = json.dumps({"instances": [{"features": [1] * 1000}]})
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=body
    )
    assert json.load(answer["Body"])["predictions"]


def ask_as_a_user(stage: Stage) -> None:
    iam = stage.at_hand("iam")
    name = f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    policy = stage.outputs()["InvokePolicyArn"]
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        session = boto3.session.Session(
            key["AccessKeyId"],
            key["SecretAccessKey"],
            region_name=stage.environment["AWS_REGION"],
        )
        runtime = session.client(
            "sagemaker-runtime",
            endpoint_url=stage.environment["AWS_ENDPOINT_URL"],
            verify=stage.environment["AWS_CA_BUNDLE"],
        )
        ask(runtime, NAME)
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.detach_user_policy(UserName=name, PolicyArn=policy)
        iam.delete_user(UserName=name)


STEPS = {
    "InvokePolicy": [Step("ask the endpoint", ask_as_a_user)],
}
