"""Preflight against the embedded AWS: what is planted is found, and a clean account passes."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from local_aws import instance
from operations.__main__ import main
from operations.preflight import checks
from operations.preflight.findings import Finding, Status, Target
from stacks.settings import load
from tests.support.synthesis import write_corpus

from .conftest import IMAGE, Cloud, allow

Check = Callable[..., list[Finding]]
VERSION = "/cdk-bootstrap/hnb659fds/version"
TEMPLATE = {
    "Resources": {
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "VariantName": "a",
                        "ModelName": "nowhere",
                        "InstanceType": "ml.m4.xlarge",
                        "InitialInstanceCount": 1,
                        "InitialVariantWeight": 1,
                    }
                ]
            },
        }
    }
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(autouse=True)
def bootstrapped(cloud: Cloud) -> Iterator[None]:
    ssm = cloud.client("ssm")
    ssm.put_parameter(Name=VERSION, Value="21", Type="String", Overwrite=True)
    yield
    ssm.delete_parameter(Name=VERSION)


@pytest.fixture
def check(cloud: Cloud, corpus: Path) -> Check:
    """The findings for settings as `-c` takes them."""

    def look(
        *, region: str = instance.REGION, client: Callable[[str], Any] | None = None, **given: str
    ) -> list[Finding]:
        context = {"environments": {"dev": {}}, "project": "fly", "prepared": str(corpus), **given}
        return list(checks.check(Target(load(context), region, cache(client or cloud.client))))

    return look


def problems(found: list[Finding]) -> list[tuple[str, Status]]:
    assert all(finding.advice for finding in found if finding.status is not Status.PASS)
    return [(f.check, f.status) for f in found if f.status is not Status.PASS]


def test_a_clean_account_passes(check: Check) -> None:
    found = check(account=instance.ACCOUNT)
    assert problems(found) == []
    assert [finding.check for finding in found] == [
        *(
            "image",
            "instance types",
            "data",
            "identity",
            "separation",
            "bootstrap",
            "stacks",
            "changes",
            "preparation",
            "bucket",
            "role",
        ),
        *("endpoint", "logs", "quotas", "quotas"),
    ]


def test_environments_of_one_account_are_not_separate(cloud: Cloud) -> None:
    """The roles of the bootstrap, by which both are deployed, are the account's."""
    environments = {
        "dev": {},
        "prod": {"account": instance.ACCOUNT},
        "elsewhere": {"account": "444455556666"},
    }
    dev, *others = (load({"environments": environments, "env": env}) for env in environments)
    target = Target(dev, instance.REGION, cache(cloud.client), tuple(others))
    (found,) = [one for one in checks.check(target) if one.check == "separation"]
    assert found.status is Status.WARN
    assert f"account {instance.ACCOUNT} also has prod:" in found.text


def fault(cloud: Cloud, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "local_aws", "fault", *arguments],
        env=cloud.environment,
        check=True,
    )


@pytest.mark.parametrize(
    "quota", ["ml.c4.2xlarge for training job usage", "ml.m4.xlarge for endpoint usage"]
)
def test_a_quota_of_0_is_found(check: Check, cloud: Cloud, quota: str) -> None:
    fault(cloud, "add", "quota.zero", "--reason", quota)
    try:
        found = check()
    finally:
        fault(cloud, "clear")
    assert problems(found) == [("quotas", Status.FAIL)]
    assert f"{quota}: the quota is 0, but 1 are needed" in [finding.text for finding in found]


def test_spot_instances_have_a_quota_of_their_own(check: Check) -> None:
    texts = [finding.text for finding in check(**{"training.spot": "true"})]
    assert "ml.c4.2xlarge for spot training job usage: the quota is 20, and 1 are needed" in texts


def test_a_quota_that_an_update_exceeds_is_a_warning(check: Check) -> None:
    found = check(**{"endpoint.instance_count": "11"})
    assert problems(found) == [("quotas", Status.WARN)]


def test_a_quota_that_scaling_exceeds_is_found(check: Check) -> None:
    scaled = {"scaling.max_instances": "21", "scaling.instance_type": "ml.m4.xlarge"}
    assert problems(check(**scaled)) == [("quotas", Status.FAIL)]


def test_no_instances_are_asked_for_where_there_are_none(check: Check) -> None:
    for without in ({"endpoint.enabled": "false"}, {"serverless.memory_mb": "1024"}):
        found = check(**without)
        assert problems(found) == []
        assert len([finding for finding in found if finding.check == "quotas"]) == 1


def test_a_type_that_sagemaker_has_not_is_found(check: Check) -> None:
    found = check(**{"training.instance_type": "ml.c9.huge"})
    assert problems(found) == [("quotas", Status.FAIL)]


def test_a_type_that_is_not_for_this_use_is_found(check: Check) -> None:
    found = check(**{"training.instance_type": "ml.t2.medium"})
    assert ("instance types", Status.FAIL) in problems(found)


def test_a_region_without_lda_is_found(check: Check) -> None:
    assert ("image", Status.FAIL) in problems(check(region="eu-north-1"))


def test_the_wrong_account_is_found_and_asked_no_further(check: Check) -> None:
    found = check(account="111122223333")
    assert problems(found) == [("identity", Status.FAIL)]
    assert found[-1].check == "identity"


def test_a_missing_bootstrap_is_found(check: Check) -> None:
    found = check(bootstrap_qualifier="platform1")
    assert problems(found) == [("bootstrap", Status.FAIL)]
    (advice,) = [finding.advice for finding in found if finding.advice]
    assert advice == "`cdk bootstrap aws://000000000000/us-east-1 --qualifier platform1`"


def test_an_old_bootstrap_is_found(check: Check, cloud: Cloud) -> None:
    cloud.client("ssm").put_parameter(Name=VERSION, Value="5", Type="String", Overwrite=True)
    assert problems(check()) == [("bootstrap", Status.FAIL)]


def test_a_foreign_endpoint_of_that_name_is_found(check: Check, cloud: Cloud, bucket: str) -> None:
    sagemaker = cloud.client("sagemaker")
    role = cloud.make_role("Foreign", allow("s3:*"))
    cloud.client("s3").put_object(Bucket=bucket, Key="foreign.tar.gz", Body=b"no model")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/foreign.tar.gz"}
    sagemaker.create_model(ModelName="foreign", ExecutionRoleArn=role, PrimaryContainer=container)
    (variant,) = TEMPLATE["Resources"]["Config"]["Properties"]["ProductionVariants"]  # type: ignore[index]
    sagemaker.create_endpoint_config(
        EndpointConfigName="foreign", ProductionVariants=[{**variant, "ModelName": "foreign"}]
    )
    sagemaker.create_endpoint(EndpointName="fly-dev", EndpointConfigName="foreign")
    try:
        assert problems(check()) == [("endpoint", Status.FAIL)]
    finally:
        waiter = sagemaker.get_waiter("endpoint_in_service")
        with pytest.raises(WaiterError, match="terminal failure state"):
            waiter.wait(EndpointName="fly-dev", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        sagemaker.delete_endpoint(EndpointName="fly-dev")


def test_data_that_is_missing_is_found(check: Check, tmp_path: Path) -> None:
    assert problems(check(prepared=str(tmp_path))) == [("data", Status.FAIL)]


@pytest.mark.parametrize("name", ["train.recordio", "test.recordio", "vocab.txt", "golden.json"])
def test_data_that_is_damaged_is_found(check: Check, tmp_path: Path, name: str) -> None:
    folder = write_corpus(tmp_path)
    damaged = (folder / name).read_bytes()[:-1] + b"?"
    (folder / name).write_bytes(damaged)
    found = check(prepared=str(folder))
    assert problems(found) == [("data", Status.FAIL)]
    assert any(finding.text.endswith(f"does not match {name}") for finding in found)


def test_a_bucket_that_is_not_there_is_found(check: Check) -> None:
    assert problems(check(bucket="nowhere-at-all")) == [("bucket", Status.FAIL)]


def test_a_bucket_that_is_there_passes(check: Check, cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="flight")
    assert problems(check(bucket="flight")) == []


def test_a_role_that_is_not_there_is_found(check: Check) -> None:
    role = f"arn:aws:iam::{instance.ACCOUNT}:role/Nobody"
    assert problems(check(role=role)) == [("role", Status.FAIL)]


def test_a_stack_that_takes_no_deployment_is_found(check: Check, cloud: Cloud) -> None:
    cloudformation = cloud.client("cloudformation")
    name = {"StackName": "fly-dev-serving"}
    cloudformation.create_stack(**name, TemplateBody=json.dumps(TEMPLATE))
    waiter = cloudformation.get_waiter("stack_create_complete")
    with pytest.raises(WaiterError, match="terminal failure state"):
        waiter.wait(**name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    try:
        assert problems(check()) == [("stacks", Status.FAIL)]
    finally:
        cloudformation.delete_stack(**name)


class Answering:
    """A client that answers one operation by itself, and the others as the embedded AWS does."""

    def __init__(self, client: Any, operation: str, answer: dict[str, Any]) -> None:
        self._client, self._operation, self._answer = client, operation, answer

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            return lambda **_: self._answer
        return getattr(self._client, name)


def answering(cloud: Cloud, **answers: tuple[str, dict[str, Any]]) -> Callable[[str], Any]:
    """Clients of which those named answer one operation, `service=(operation, answer)`."""

    def make(service: str) -> Any:
        client = cloud.client(service)
        return Answering(client, *answers[service]) if service in answers else client

    return make


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("REVIEW_IN_PROGRESS", None),
        ("UPDATE_COMPLETE", None),
        ("UPDATE_ROLLBACK_COMPLETE", None),
        ("UPDATE_IN_PROGRESS", "wait until it is done"),
        ("ROLLBACK_COMPLETE", "delete it: `cdk destroy fly-dev-"),
        ("UPDATE_ROLLBACK_FAILED", "`aws cloudformation continue-update-rollback --stack-name fly"),
    ],
)
def test_a_stacks_state_stops_a_deployment_only_if_it_takes_none(
    check: Check, cloud: Cloud, state: str, advice: str | None
) -> None:
    """The CDK deploys a stack in REVIEW_IN_PROGRESS; none needs a bootstrap newer than ours."""
    described = {"Stacks": [{"StackStatus": state}]}
    found = check(client=answering(cloud, cloudformation=("describe_stacks", described)))
    told = [finding.advice for finding in found if finding.check == "stacks"]
    assert all(one.startswith(advice or "") for one in told)
    assert bool(told[0]) is (advice is not None)


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, Status.WARN), ({"preparation.source": "s3://corpora/news"}, Status.PASS)],
)
def test_a_preparation_stack_that_the_settings_have_forgotten_is_found(
    check: Check, cloud: Cloud, settings: dict[str, str], status: Status
) -> None:
    there = {"Stacks": [{"StackStatus": "UPDATE_COMPLETE"}]}
    found = check(client=answering(cloud, cloudformation=("describe_stacks", there)), **settings)
    (told,) = [finding for finding in found if finding.check == "preparation"]
    assert told.status is status


def made(kind: str, logical_id: str, physical_id: str) -> dict[str, Any]:
    """What DescribeStackResources answers of a stack with one resource."""
    resource = {
        "ResourceType": kind,
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceStatus": "CREATE_COMPLETE",
    }
    return {"StackResources": [resource]}


ROLE = f"arn:aws:iam::{instance.ACCOUNT}:role/Theirs"
IN_VPC = {"network.vpc": "vpc-00000002", "network.subnets": "subnet-00000001,subnet-00000002"}
THEIR_KEY = f"arn:aws:kms:us-east-1:{instance.ACCOUNT}:key/1"


@pytest.mark.parametrize(
    ("resource", "settings", "advice"),
    [
        (("AWS::IAM::Role", "ExecutionRole605A040B", "r"), {}, None),
        (("AWS::IAM::Role", "ExecutionRole605A040B", "r"), {"role": ROLE}, "--exclusively"),
        (("AWS::IAM::Role", "TrainingJobStartRole605A040B", "r"), {"role": ROLE}, None),
        (("AWS::EC2::SecurityGroup", "SecurityGroupDD263621", "sg-1"), {}, "--exclusively"),
        (
            ("AWS::EC2::SecurityGroup", "SecurityGroupDD263621", "sg-1"),
            {**IN_VPC, "network.security_groups": "sg-00000001"},
            "--exclusively",
        ),
        (
            ("AWS::EC2::SecurityGroup", "SecurityGroupDD263621", "sg-1"),
            IN_VPC,
            "name groups of the new VPC in network.security_groups",
        ),
        (
            ("AWS::EC2::SecurityGroup", "SecurityGroupDD263621", "sg-1"),
            {**IN_VPC, "network.vpc": "vpc-00000001"},
            None,
        ),
        (("AWS::KMS::Key", "Key961B73FD", "k"), {"encryption_key": "create"}, None),
        (("AWS::KMS::Key", "Key961B73FD", "k"), {}, "keep 'create'"),
        (("AWS::KMS::Key", "Key961B73FD", "k"), {"encryption_key": THEIR_KEY}, "keep 'create'"),
        (("AWS::KMS::Key", "NoticesKey961B73FD", "k"), {}, None),
    ],
)
def test_a_setting_that_takes_away_what_another_stack_imports_is_found(
    check: Check,
    cloud: Cloud,
    resource: tuple[str, str, str],
    settings: dict[str, str],
    advice: str | None,
) -> None:
    client = answering(
        cloud,
        cloudformation=("describe_stack_resources", made(*resource)),
        ec2=("describe_security_groups", {"SecurityGroups": [{"VpcId": "vpc-00000001"}]}),
    )
    found = [one for one in check(client=client, **settings) if one.check == "changes"]
    assert [one.status for one in found] == [Status.PASS if advice is None else Status.FAIL]
    assert (advice or "") in found[0].advice


@pytest.mark.parametrize(
    ("status", "awake", "advice"),
    [
        ("InService", True, None),
        ("Updating", True, "wait"),
        ("Deleting", False, "wait"),
        ("Failed", True, "deploy once with `-c endpoint.enabled=false`"),
        ("OutOfService", True, "deploy once with `-c endpoint.enabled=false`"),
        ("UpdateRollbackFailed", True, "deploy once with `-c endpoint.enabled=false`"),
        ("Failed", False, None),
    ],
)
def test_an_endpoint_that_takes_no_update_is_told_apart_from_one_that_will(
    check: Check, cloud: Cloud, status: str, awake: bool, advice: str | None
) -> None:
    """DeleteEndpoint is the only operation on a failed endpoint, says its API reference."""
    resources = made("AWS::SageMaker::Endpoint", "Endpoint", "arn:aws:sagemaker:::endpoint/fly-dev")
    client = answering(
        cloud,
        sagemaker=("describe_endpoint", {"EndpointStatus": status}),
        cloudformation=("describe_stack_resources", resources),
    )
    found = check(client=client, **{"endpoint.enabled": str(awake)})
    (finding,) = [one for one in found if one.check == "endpoint"]
    assert finding.advice.startswith(advice or "")
    assert bool(finding.advice) is (advice is not None)


def test_a_log_group_that_stands_in_the_way_is_found(check: Check, cloud: Cloud) -> None:
    logs, name = cloud.client("logs"), "/aws/sagemaker/Endpoints/fly-dev"
    logs.create_log_group(logGroupName=f"{name}-2")  # a neighbour's
    assert problems(check()) == []
    logs.create_log_group(logGroupName=name)
    try:
        assert problems(check()) == [("logs", Status.FAIL)]
        resources = made("AWS::Logs::LogGroup", "EndpointLogs00000000", name)
        client = answering(cloud, cloudformation=("describe_stack_resources", resources))
        assert problems(check(client=client)) == []
    finally:
        for one in (name, f"{name}-2"):
            logs.delete_log_group(logGroupName=one)


def test_what_the_caller_may_not_see_is_a_warning(check: Check, cloud: Cloud) -> None:
    role = cloud.make_role("BlindToQuotas", allow("s3:*"))
    credentials = cloud.assume(role)
    found = check(client=lambda service: cloud.client(service, credentials))
    asked = ["bootstrap", "stacks", "changes", "preparation", "endpoint", "logs", "quotas"]
    assert problems(found) == [(name, Status.WARN) for name in asked]


def test_a_caller_that_aws_does_not_know_is_asked_to_sign_in(check: Check) -> None:
    def refuse(service: str) -> Any:
        raise ClientError({"Error": {"Code": "InvalidClientTokenId"}}, "GetCallerIdentity")

    found = check(client=refuse)
    assert problems(found) == [("identity", Status.FAIL)]


def test_the_command_line_prints_json_and_its_exit_code_says_it(
    cloud: Cloud,
    corpus: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    options = ["--json", "-c", f"prepared={corpus}", "-c", "project=fly"]
    assert main(["preflight", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    # The environments of cdk.json are in one account.
    assert [one["check"] for one in found if one["status"] != "pass"] == ["separation"]
    assert main(["preflight", *options[1:], "-c", "account=111122223333"]) == 1
    told = capsys.readouterr().out
    assert "fail  identity: " in told
    assert "      -> take other credentials" in told


def test_wrong_settings_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "-c", "model.num_topics=0"]) == 2
    assert capsys.readouterr().err.startswith("operations preflight: model.num_topics is '0'")
