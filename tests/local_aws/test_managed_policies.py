"""Managed policies: AWS's own for SageMaker, and names that stand for none."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import instance
from tests.support.waiting import wait_for

from .conftest import TRUST, Cloud, training_data
from .test_permissions import unique
from .test_training import request, trained

FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
MISSPELT = "arn:aws:iam::aws:policy/AmazonSagemakerFullAcces"
NONE = f"arn:aws:iam::{instance.ACCOUNT}:policy/None"


def full_access(cloud: Cloud) -> str:
    """A new role with the policy alone, as the console makes one for notebooks; its ARN."""
    name = unique("Notebook")
    role = cloud.make_role(name)
    cloud.client("iam").attach_role_policy(RoleName=name, PolicyArn=FULL_ACCESS)
    return role


def test_a_role_with_sagemakers_full_access_alone_trains_logs_and_measures(cloud: Cloud) -> None:
    bucket, name = unique("my-sagemaker-data"), unique("job")
    s3, logs = cloud.client("s3"), cloud.client("logs")
    s3.create_bucket(Bucket=bucket)
    s3.upload_fileobj(io.BytesIO(training_data()), bucket, "train/train.recordio")
    job = trained(cloud, **request(name, full_access(cloud), bucket))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    group = "/aws/sagemaker/TrainingJobs"
    assert logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
    metrics = cloud.client("cloudwatch").list_metrics(
        Namespace=group, Dimensions=[{"Name": "TrainingJobName", "Value": name}]
    )
    assert [metric["MetricName"] for metric in metrics["Metrics"]] == ["test:pwll"]


def test_sagemakers_full_access_is_for_buckets_with_its_name_alone(cloud: Cloud) -> None:
    bucket = unique("other")
    cloud.client("s3").create_bucket(Bucket=bucket)
    s3 = cloud.client("s3", cloud.assume(full_access(cloud)))
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"")


@pytest.mark.parametrize("arn", [MISSPELT, NONE])
def test_a_policy_that_does_not_exist_is_attached_to_nobody(cloud: Cloud, arn: str) -> None:
    iam, name = cloud.client("iam"), unique("Nobody")
    cloud.make_role(name)
    iam.create_user(UserName=name)
    iam.create_group(GroupName=name)
    for kind in ("Role", "User", "Group"):
        attach = getattr(iam, f"attach_{kind.lower()}_policy")
        with pytest.raises(iam.exceptions.NoSuchEntityException) as caught:
            attach(PolicyArn=arn, **{f"{kind}Name": name})
        message = caught.value.response["Error"]["Message"]
        assert message.startswith(f"Policy {arn} does not exist or is not attachable.")
        assert ("has only a few of AWS's managed policies" in message) is (arn == MISSPELT)
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


@pytest.mark.parametrize("kind", ["Role", "User"])
def test_a_stack_with_a_policy_that_does_not_exist_fails(cloud: Cloud, kind: str) -> None:
    properties: dict[str, Any] = {"ManagedPolicyArns": [MISSPELT]}
    if kind == "Role":
        trust = TRUST | {"Principal": {"Service": "sagemaker.amazonaws.com"}}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        properties["AssumeRolePolicyDocument"] = document
    template = {"Resources": {"It": {"Type": f"AWS::IAM::{kind}", "Properties": properties}}}
    cloudformation, name = cloud.client("cloudformation"), unique("misspelt")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )

    def reasons() -> list[str]:
        found = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return [
            event["ResourceStatusReason"]
            for event in found
            if (event["LogicalResourceId"], event["ResourceStatus"]) == ("It", "CREATE_FAILED")
        ]

    (reason,) = wait_for(reasons)
    assert f"Policy {MISSPELT} does not exist or is not attachable." in reason
    cloudformation.delete_stack(StackName=name)
