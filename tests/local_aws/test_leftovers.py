"""Leftovers against the embedded AWS: what is planted is found, and a neighbour's is not."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from local_aws import instance
from operations.__main__ import main
from operations.environment import Clients
from operations.leftovers import (
    KINDS,
    LISTS,
    Resource,
    is_kept,
    left_of,
    list_resources,
    listed_as,
)
from stacks.settings import Settings

from .conftest import IMAGE, Cloud, allow, disarm
from .hosting import model

RECORDIO = "application/x-recordio-protobuf"
SETTINGS = Settings(env="dev", project="crumb")
TAGS = {"project": "crumb", "environment": "dev"}


def listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture(scope="module")
def client(cloud: Cloud) -> Clients:
    return cache(cloud.client)


@pytest.fixture(autouse=True)
def nothing_before(client: Clients) -> None:
    assert left_of(SETTINGS, client) == []


@pytest.mark.parametrize(
    "name",
    [
        "/aws/sagemaker/Endpoints/crumb-dev",
        "crumb-dev-training-TrainingJobStartLogs1A2B-xyz",
        "/aws/lambda/crumb-dev-serving-GateCheck1A2B-xyz",
    ],
)
def test_a_log_group_is_found(cloud: Cloud, client: Clients, name: str) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=name)
    try:
        assert left_of(SETTINGS, client) == [Resource("log group", name)]
    finally:
        logs.delete_log_group(logGroupName=name)


@pytest.mark.parametrize(
    "name",
    [
        "/aws/sagemaker/Endpoints/crumb-dev-2",
        "/aws/sagemaker/Endpoints/other-dev",
        "crumb-dev-2-training-TrainingJobStartLogs1A2B-xyz",
        "crumb-dev-trainings",
    ],
)
def test_a_neighbours_log_group_is_not(cloud: Cloud, client: Clients, name: str) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=name)
    try:
        assert left_of(SETTINGS, client) == []
        assert Resource("log group", name) in list_resources(client)
    finally:
        logs.delete_log_group(logGroupName=name)


@pytest.fixture
def tagged_bucket(cloud: Cloud) -> Iterator[str]:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="somebodys")
    s3.put_bucket_tagging(Bucket="somebodys", Tagging={"TagSet": listed(TAGS)})
    yield "somebodys"
    s3.delete_bucket(Bucket="somebodys")


def test_whatever_has_the_tags_is_found(cloud: Cloud, client: Clients, tagged_bucket: str) -> None:
    assert left_of(SETTINGS, client) == [Resource("tagged", f"arn:aws:s3:::{tagged_bucket}")]
    assert left_of(Settings(env="prod", project="crumb"), client) == []


def test_what_is_kept_on_purpose_does_not_count(
    cloud: Cloud, client: Clients, tagged_bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    options = ["-c", "project=crumb"]
    assert main(["leftovers", *options]) == 1
    assert capsys.readouterr().out == f"left: tagged arn:aws:s3:::{tagged_bucket}\n"
    assert main(["leftovers", *options, "-c", "retain_data=true"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [f"kept: tagged arn:aws:s3:::{tagged_bucket}", "crumb-dev: nothing is left"]
    assert main(["leftovers", *options, "-c", "retain_data=true", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "left": [],
        "kept": [{"kind": "tagged", "name": f"arn:aws:s3:::{tagged_bucket}"}],
    }


@pytest.mark.parametrize(
    ("thing", "kept"),
    [
        (Resource("bucket", "crumb-dev-storage-bucket"), True),
        (Resource("tagged", "arn:aws:kms:us-east-1:111122223333:key/1"), True),
        (Resource("tagged", "arn:aws:sagemaker:us-east-1:111122223333:endpoint/crumb-dev"), False),
        (Resource("role", "crumb-dev-storage-Role"), False),
    ],
)
def test_data_and_its_key_alone_are_kept(thing: Resource, kept: bool) -> None:
    assert is_kept(thing, Settings(env="dev", project="crumb", retain_data=True)) is kept
    assert not is_kept(thing, SETTINGS)


def test_a_model_whose_name_tells_nothing_is_found_by_its_tags(
    cloud: Cloud, client: Clients, bucket: str, role: str
) -> None:
    sagemaker = cloud.client("sagemaker")
    cloud.client("s3").put_object(Bucket=bucket, Key="crumb.tar.gz", Body=b"no model")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/crumb.tar.gz"}
    arn = sagemaker.create_model(
        ModelName="Model-1a2b",
        ExecutionRoleArn=role,
        PrimaryContainer=container,
        Tags=listed(TAGS),
    )["ModelArn"]
    assert left_of(SETTINGS, client) == [Resource("tagged", arn)]
    sagemaker.delete_model(ModelName="Model-1a2b")
    assert left_of(SETTINGS, client) == []


ARN = "arn:aws:{}:us-east-1:111122223333:{}"


@pytest.mark.parametrize(
    ("arn", "thing"),
    [
        ("arn:aws:s3:::crumbs", Resource("bucket", "crumbs")),
        (ARN.format("sns", "crumbs"), Resource("topic", ARN.format("sns", "crumbs"))),
        (ARN.format("cloudformation", "stack/crumb/1-2"), Resource("stack", "crumb")),
        (ARN.format("sagemaker", "model/model-1a"), Resource("model", "model-1a")),
        (ARN.format("sagemaker", "endpoint-config/c-1"), Resource("configuration", "c-1")),
        (ARN.format("lambda", "function:crumb"), Resource("function", "crumb")),
        ("arn:aws:iam::111122223333:role/a/path/crumb", Resource("role", "crumb")),
        (ARN.format("ssm", "parameter/crumb/dev/a"), Resource("parameter", "crumb/dev/a")),
        (ARN.format("logs", "log-group:/aws/x/crumb:*"), Resource("log group", "/aws/x/crumb")),
        (ARN.format("cloudwatch", "alarm:crumb"), Resource("alarm", "crumb")),
        (ARN.format("events", "rule/crumb"), Resource("rule", "crumb")),
        (ARN.format("glue", "job/crumb"), Resource("Glue job", "crumb")),
        (ARN.format("ec2", "security-group/sg-1"), Resource("security group", "sg-1")),
        (ARN.format("ec2", "network-interface/eni-1"), None),
        (ARN.format("kms", "key/1-2"), None),
    ],
)
def test_an_arn_is_found_in_the_lists_of_its_service(arn: str, thing: Resource | None) -> None:
    assert listed_as(arn) == thing


def test_every_kind_of_arn_is_one_that_is_listed(client: Clients) -> None:
    """Else what is there would be taken for gone."""
    assert set(KINDS.values()) <= {kind for kind, *_ in LISTS} | {"policy"}


def test_what_only_the_tagging_api_still_lists_is_not_left(
    cloud: Cloud, client: Clients, bucket: str, role: str
) -> None:
    """It lists what is gone for minutes or hours: `make destroy` would end with 1."""
    sns, logs = cloud.client("sns"), cloud.client("logs")
    topic = sns.create_topic(Name="crumbs", Tags=listed(TAGS))["TopicArn"]
    logs.create_log_group(logGroupName="crumbs", tags=TAGS)
    found = {thing.name.removesuffix(":*") for thing in left_of(SETTINGS, client)}
    assert {topic, f"arn:aws:logs:us-east-1:{instance.ACCOUNT}:log-group:crumbs"} >= found
    assert topic in found
    sns.delete_topic(TopicArn=topic)
    logs.delete_log_group(logGroupName="crumbs")
    filters = [{"Key": key, "Values": [value]} for key, value in TAGS.items()]
    tagging = cloud.client("resourcegroupstaggingapi").get_resources(TagFilters=filters)
    assert topic in [one["ResourceARN"] for one in tagging["ResourceTagMappingList"]]
    assert left_of(SETTINGS, client) == []


def test_a_key_that_waits_for_its_end_is_not_left(cloud: Cloud, client: Clients) -> None:
    kms = cloud.client("kms")
    tags = [{"TagKey": key, "TagValue": value} for key, value in TAGS.items()]
    key = kms.create_key(Tags=tags)["KeyMetadata"]
    assert left_of(SETTINGS, client) == [Resource("tagged", key["Arn"])]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert left_of(SETTINGS, client) == []


def test_roles_jobs_and_parameters_are_found_by_name(cloud: Cloud, client: Clients) -> None:
    cloud.make_role("crumb-dev-training-ExecutionRole1A2B-xyz", allow("s3:*"))
    glue = cloud.client("glue")
    for env in ("dev", "dev-2"):
        name, command = f"crumb-{env}-preparation", {"Name": "glueetl"}
        glue.create_job(Name=name, Role="Preparing", Command=command)
    ssm, iam = cloud.client("ssm"), cloud.client("iam")
    for env in ("dev", "dev-2"):
        ssm.put_parameter(Name=f"/crumb/{env}/fingerprint", Value="a", Type="String")
    assert left_of(SETTINGS, client) == [
        Resource("role", "crumb-dev-training-ExecutionRole1A2B-xyz"),
        Resource("Glue job", "crumb-dev-preparation"),
        Resource("parameter", "/crumb/dev/fingerprint"),
    ]
    for env in ("dev", "dev-2"):
        ssm.delete_parameter(Name=f"/crumb/{env}/fingerprint")
        glue.delete_job(JobName=f"crumb-{env}-preparation")
    role = {"RoleName": "crumb-dev-training-ExecutionRole1A2B-xyz"}
    iam.delete_role_policy(**role, PolicyName="Policy")
    iam.delete_role(**role)


def test_a_job_is_found_while_it_runs(
    cloud: Cloud, client: Clients, bucket: str, role: str, arm: Callable[..., None]
) -> None:
    sagemaker = cloud.client("sagemaker")
    arm("training.hang")
    name = "crumb-dev-0123456789ab-abcd1234"
    sagemaker.create_training_job(
        TrainingJobName=name,
        Tags=listed(TAGS),
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=role,
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={
            "InstanceType": "ml.c4.2xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        HyperParameters={"num_topics": "2", "feature_dim": "30", "mini_batch_size": "300"},
        InputDataConfig=[
            {
                "ChannelName": "train",
                "ContentType": RECORDIO,
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/train/"}
                },
            }
        ],
    )
    assert left_of(SETTINGS, client) == [Resource("running job", name)]
    disarm()
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert left_of(SETTINGS, client) == []


def test_a_transform_job_is_found_while_it_runs(
    cloud: Cloud, client: Clients, bucket: str, role: str, arm: Callable[..., None]
) -> None:
    sagemaker = cloud.client("sagemaker")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/train/"}}
    arm("invoke.slow", seconds=600)
    job = {"TransformJobName": "crumb-dev-abcd1234"}
    sagemaker.create_transform_job(
        **job,
        Tags=listed(TAGS),
        ModelName=model(cloud, role, bucket, 2),
        TransformInput={"DataSource": source, "ContentType": RECORDIO, "SplitType": "RecordIO"},
        TransformOutput={"S3OutputPath": f"s3://{bucket}/out"},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    assert left_of(SETTINGS, client) == [Resource("running job", "crumb-dev-abcd1234")]
    disarm()
    waiter = sagemaker.get_waiter("transform_job_completed_or_stopped")
    waiter.wait(**job, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert left_of(SETTINGS, client) == []


def test_sagemakers_network_interfaces_are_found(cloud: Cloud, client: Clients) -> None:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    made = [
        ec2.create_network_interface(SubnetId=subnet, Description=description)
        for description in ("[DO NOT DELETE] ENI managed by SageMaker", "a database's")
    ]
    ids = [answer["NetworkInterface"]["NetworkInterfaceId"] for answer in made]
    settings = Settings(
        env="dev",
        project="crumb",
        network={"vpc": vpc, "subnets": [subnet]},
    )
    assert left_of(settings, client) == [Resource("network interface", ids[0])]
    for interface in ids:
        ec2.delete_network_interface(NetworkInterfaceId=interface)
    assert left_of(settings, client) == []


def test_wrong_settings_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leftovers", "--env", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("operations leftovers: env is 'nowhere'")
