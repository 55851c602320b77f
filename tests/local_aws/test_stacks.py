"""What CloudFormation does here as on AWS, though MiniStack alone would not."""

import io
import json
import zipfile
from typing import Any

from tests.support.waiting import wait_for

from .conftest import Cloud, allow

HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
CONDITION = {
    "Type": "AWS::CloudFormation::WaitCondition",
    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3600"},
}


def events(cloud: Cloud, stack: str) -> list[str]:
    """Of the stack's resources, the latest first; `stack` is its id, since its name is gone."""
    found = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [f"{event['LogicalResourceId']} {event['ResourceStatus']}" for event in found]


def test_a_stack_is_deleted_while_it_waits_and_nothing_comes_after(cloud: Cloud) -> None:
    cloudformation = cloud.client("cloudformation")
    template = {"Resources": {"Handle": HANDLE, "Condition": CONDITION}}
    stack = cloudformation.create_stack(StackName="waits", TemplateBody=json.dumps(template))
    name = stack["StackId"]
    wait_for(lambda: "Condition CREATE_IN_PROGRESS" in events(cloud, name))
    cloudformation.delete_stack(StackName="waits")
    wait_for(lambda: "waits DELETE_COMPLETE" in events(cloud, name))
    assert events(cloud, name)[0] == "waits DELETE_COMPLETE"
    assert "Condition CREATE_FAILED" in events(cloud, name)


def test_a_function_does_not_bring_back_the_log_group_that_it_lost(cloud: Cloud) -> None:
    logs, functions = cloud.client("logs"), cloud.client("lambda")
    logs.create_log_group(logGroupName="lost")
    may = allow("logs:CreateLogStream", "logs:PutLogEvents")  # as roles of a stack's functions
    role = cloud.make_role("Logging", may, service="lambda")
    functions.create_function(
        FunctionName="talks",
        Runtime="python3.13",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": zipped("index.py", "def handler(*_):\n    print('hello')\n")},
        LoggingConfig={"LogGroup": "lost"},
    )

    def groups() -> list[Any]:
        functions.invoke(FunctionName="talks")
        return list(logs.describe_log_groups(logGroupNamePrefix="lost")["logGroups"])

    assert len(groups()) == 1
    assert logs.describe_log_streams(logGroupName="lost")["logStreams"]
    logs.delete_log_group(logGroupName="lost")
    assert groups() == []


def test_a_topic_of_a_stack_has_the_key_that_encrypts_it(cloud: Cloud) -> None:
    cloudformation, sns = cloud.client("cloudformation"), cloud.client("sns")

    def key_after(operation: str, **more: str) -> str:
        properties = {"KmsMasterKeyId": "alias/aws/sns", **more}
        template = {"Resources": {"It": {"Type": "AWS::SNS::Topic", "Properties": properties}}}
        getattr(cloudformation, f"{operation}_stack")(
            StackName="encrypted", TemplateBody=json.dumps(template)
        )
        cloudformation.get_waiter(f"stack_{operation}_complete").wait(
            StackName="encrypted", WaiterConfig={"Delay": 1}
        )
        resources = cloudformation.describe_stack_resources(StackName="encrypted")
        (topic,) = [one["PhysicalResourceId"] for one in resources["StackResources"]]
        return str(sns.get_topic_attributes(TopicArn=topic)["Attributes"].get("KmsMasterKeyId"))

    assert key_after("create") == "alias/aws/sns"
    assert key_after("update", DisplayName="it") == "alias/aws/sns"
    cloudformation.delete_stack(StackName="encrypted")


def zipped(name: str, content: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, content)
    return archive.getvalue()


def test_a_stacks_bucket_has_its_encryption_for_as_long_as_its_template_says(
    cloud: Cloud,
) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    encrypted = {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}
    cloudformation, s3 = cloud.client("cloudformation"), cloud.client("s3")

    def deploy(operation: str, **properties: Any) -> Any:
        """What encrypts the bucket after the stack is made or changed."""
        bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "sealed", **properties}}
        template = json.dumps({"Resources": {"Bucket": bucket}})
        getattr(cloudformation, f"{operation}_stack")(StackName="sealed", TemplateBody=template)
        waiter = cloudformation.get_waiter(f"stack_{operation}_complete")
        waiter.wait(StackName="sealed", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        (rule,) = s3.get_bucket_encryption(Bucket="sealed")["ServerSideEncryptionConfiguration"][
            "Rules"
        ]
        return rule

    assert deploy("create", **encrypted) == {
        "ApplyServerSideEncryptionByDefault": default,
        "BucketKeyEnabled": True,
    }
    s3.put_object(Bucket="sealed", Key="a", Body=b"")
    assert s3.head_object(Bucket="sealed", Key="a")["SSEKMSKeyId"] == key
    plain = deploy("update")["ApplyServerSideEncryptionByDefault"]
    assert plain == {"SSEAlgorithm": "AES256"}
    s3.delete_object(Bucket="sealed", Key="a")
    cloudformation.delete_stack(StackName="sealed")
