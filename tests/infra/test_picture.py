"""The picture of what is deployed, docs/pictures/resources.svg."""

import re
from pathlib import Path

from .conftest import Synthesize

PICTURE = Path(__file__).parents[2] / "docs/pictures/resources.svg"
# What the picture calls a resource. None: a part of another, which it leaves out.
WORDS = {
    "AWS::CloudFormation::WaitCondition": "wait condition",
    "AWS::CloudFormation::WaitConditionHandle": None,
    "AWS::CloudWatch::Alarm": "alarms",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::Events::Rule": "EventBridge rule",
    "AWS::IAM::ManagedPolicy": "invoke policy",
    "AWS::IAM::Policy": None,
    "AWS::IAM::Role": "execution role",
    "AWS::KMS::Key": "KMS key",
    "AWS::Lambda::EventInvokeConfig": None,
    "AWS::Lambda::Function": "function",
    "AWS::Lambda::Permission": None,
    "AWS::Logs::LogGroup": "log groups",
    "AWS::S3::Bucket": "S3 bucket",
    "AWS::S3::BucketPolicy": "bucket policy",
    "AWS::SNS::Topic": "SNS topic",
    "AWS::SNS::TopicPolicy": None,
    "AWS::SSM::Parameter": "parameters",
    "AWS::SageMaker::Endpoint": "endpoint",
    "AWS::SageMaker::EndpointConfig": "endpoint configuration",
    "AWS::SageMaker::Model": "model",
    "Custom::EndpointGate": "gate",
    "Custom::S3AutoDeleteObjects": None,
    "Custom::TrainingJob": "SageMaker training job",
}


def test_the_picture_names_every_stack_and_what_it_has(synthesize: Synthesize) -> None:
    told = re.findall(r"<text[^>]*>([^<]*)</text>", PICTURE.read_text(encoding="utf-8"))
    for stack, template in synthesize(encryption_key="create").items():
        assert f"{stack.capitalize()} stack" in told
        kinds = {one["Type"] for one in template.to_json()["Resources"].values()}
        missing = {kind for kind in kinds if (word := WORDS[kind]) and not named(word, told)}
        assert missing == set()


def named(word: str, told: list[str]) -> bool:
    return any(text == word or text.startswith(f"{word} ") for text in told)
