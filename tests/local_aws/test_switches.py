"""What AWS does late or lingeringly, each by its switch."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import fault_route
from local_aws.__main__ import main
from local_aws.switches import SWITCHES
from tests.support.waiting import wait_for

from .conftest import IMAGE, Cloud, allow
from .hosting import configuration, in_service, model
from .test_hosting import settled

Turn = Callable[[str, float], None]
DOING = ("s3:GetObject", "s3:ListBucket", "logs:CreateLogStream", "logs:PutLogEvents")


@pytest.fixture
def turn(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Turn]:
    """Sets a switch; at the end all are as they were."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)

    def switch(name: str, seconds: float) -> None:
        fault_route.ask(
            Path(), "POST", {"name": name, "seconds": seconds}, path=fault_route.SWITCHES
        )

    yield switch
    fault_route.ask(Path(), "DELETE", path=fault_route.SWITCHES)


def test_what_costs_no_time_is_on_from_the_start() -> None:
    assert {name for name, one in SWITCHES.items() if not one.seconds} == {"iam.young"}
    assert all(one.source for one in SWITCHES.values())


def test_the_command_line_shows_and_sets_them(
    turn: Turn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["switch"]) == 0
    assert "iam.young           off" in capsys.readouterr().out
    assert main(["switch", "iam.young", "7"]) == 0
    assert "iam.young           7 s" in capsys.readouterr().out
    assert main(["switch", "iam.young"]) == 2
    assert "switch iam.young needs SECONDS" in capsys.readouterr().err


class Stack:
    """A stack of the embedded AWS; each change is waited for."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._client = cloud.client("cloudformation")
        self._name = name

    def create(self, resources: dict[str, Any], **outputs: Any) -> str:
        body = json.dumps({"Resources": resources, "Outputs": outputs})
        self._client.create_stack(StackName=self._name, TemplateBody=body)
        return self._ended()

    def update(self, resources: dict[str, Any], **outputs: Any) -> str:
        body = json.dumps({"Resources": resources, "Outputs": outputs})
        self._client.update_stack(StackName=self._name, TemplateBody=body)
        return self._ended()

    def delete(self) -> str:
        self._client.delete_stack(StackName=self._name)
        return self._ended()

    def _ended(self) -> str:
        def status() -> str | None:
            try:
                described = self._client.describe_stacks(StackName=self._name)
            except ClientError:
                return "DELETE_COMPLETE"
            found = str(described["Stacks"][0]["StackStatus"])
            return None if found.endswith("IN_PROGRESS") else found

        return str(wait_for(status))

    def failures(self) -> str:
        events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        return "\n".join(event.get("ResourceStatusReason", "") for event in events)


TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


def exported(value: Any) -> dict[str, Any]:
    return {"Topic": {"Value": value, "Export": {"Name": "topic-of-exporter"}}}


def importer(description: Any) -> dict[str, Any]:
    return {
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Name": "/importer", "Value": description},
        }
    }


def test_an_export_stays_while_another_stack_imports_it(cloud: Cloud, turn: Turn) -> None:
    exporting, importing = Stack(cloud, "exporter"), Stack(cloud, "importer")
    assert exporting.create(TOPIC, **exported({"Ref": "Topic"})) == "CREATE_COMPLETE"
    imported = importer({"Fn::ImportValue": "topic-of-exporter"})
    assert importing.create(imported) == "CREATE_COMPLETE"

    assert exporting.update(TOPIC) == "UPDATE_ROLLBACK_COMPLETE"
    reason = "Export topic-of-exporter cannot be deleted as it is in use by importer"
    assert reason in exporting.failures()
    assert exporting.update(TOPIC, **exported("another")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Cannot update export topic-of-exporter as it is in use" in exporting.failures()

    assert importing.update(importer("nothing")) == "UPDATE_COMPLETE"
    assert exporting.update(TOPIC) == "UPDATE_COMPLETE"
    exports = cloud.client("cloudformation").list_exports()["Exports"]
    assert "topic-of-exporter" not in [export["Name"] for export in exports]
    for stack in (importing, exporting):
        assert stack.delete() == "DELETE_COMPLETE"


def test_a_last_line_brings_back_the_log_group_by_the_roles_rights(
    cloud: Cloud, bucket: str, turn: Turn
) -> None:
    sagemaker, logs = cloud.client("sagemaker"), cloud.client("logs")
    roles = {
        "may not": cloud.make_role("WritesLogs", allow(*DOING)),
        "may": cloud.make_role("MakesLogs", allow(*DOING, "logs:CreateLogGroup")),
    }
    groups = {}
    for may, role in roles.items():
        name = f"late-{may.replace(' ', '-')}"
        groups[may] = f"/aws/sagemaker/Endpoints/{name}"
        logs.create_log_group(logGroupName=groups[may])
        sagemaker.create_endpoint(
            EndpointName=name,
            EndpointConfigName=configuration(cloud, model(cloud, role, bucket, 2)),
        )
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="late-may", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="late-may-not", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )

    def there() -> set[str]:
        found = logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/late-")
        return {group["logGroupName"] for group in found["logGroups"]}

    for may in ("may not", "may"):  # so that the one that may is the last to write
        sagemaker.delete_endpoint(EndpointName=f"late-{may.replace(' ', '-')}")
        logs.delete_log_group(logGroupName=groups[may])
    wait_for(lambda: groups["may"] in there())
    assert there() == {groups["may"]}
    logs.delete_log_group(logGroupName=groups["may"])


def test_an_endpoint_is_not_deleted_while_it_is_created_unless_switched_so(
    cloud: Cloud, role: str, bucket: str, turn: Turn, arm: Callable[..., None]
) -> None:
    sagemaker = cloud.client("sagemaker")
    config = configuration(cloud, model(cloud, role, bucket, 2))
    arm("endpoint.slow-start", seconds=3)
    sagemaker.create_endpoint(EndpointName="hasty", EndpointConfigName=config)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.delete_endpoint(EndpointName="hasty")
    turn("endpoint.creating", 0)
    sagemaker.delete_endpoint(EndpointName="hasty")


GROUP = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "g"}}


def test_interfaces_go_later_and_only_while_their_role_is_there(
    cloud: Cloud, bucket: str, turn: Turn
) -> None:
    ec2, iam, sagemaker = (cloud.client(name) for name in ("ec2", "iam", "sagemaker"))
    stack = Stack(cloud, "groups")
    assert stack.create({"Group": GROUP}, Id={"Value": {"Ref": "Group"}}) == "CREATE_COMPLETE"
    described = cloud.client("cloudformation").describe_stacks(StackName="groups")
    group = described["Stacks"][0]["Outputs"][0]["OutputValue"]

    def interfaces(subnet: str) -> list[str]:
        filters = [
            {"Name": "group-id", "Values": [group]},
            {"Name": "subnet-id", "Values": [subnet]},
        ]
        found = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        return [interface["Description"] for interface in found]

    endpoints = {}
    for name, subnet in (("Goes", "subnet-00000001"), ("Stays", "subnet-00000002")):
        role = cloud.make_role(name, allow(*DOING, "ec2:*"))
        plain = sagemaker.describe_model(ModelName=model(cloud, role, bucket, 2))
        address = plain["PrimaryContainer"]["ModelDataUrl"]
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=role,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": address},
            VpcConfig={"Subnets": [subnet], "SecurityGroupIds": [group]},
        )
        endpoints[name] = in_service(cloud, configuration(cloud, name))
        assert interfaces(subnet) == ["[Do not delete] ENI managed by SageMaker"]
    for name in ("Goes", "Stays"):  # so that the one of the role that stays is the last to go
        sagemaker.delete_endpoint(EndpointName=endpoints[name])
        if name == "Goes":
            iam.delete_role_policy(RoleName=name, PolicyName="Policy")
            iam.delete_role(RoleName=name)
    assert interfaces("subnet-00000002")
    wait_for(lambda: not interfaces("subnet-00000002"))
    assert interfaces("subnet-00000001")
    assert stack.delete() == "DELETE_FAILED"
    assert f"resource {group} has a dependent object" in stack.failures()
    turn("vpc.groups", 0)
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_role_that_may_not_attach_an_instance_starts_none(cloud: Cloud, bucket: str) -> None:
    sagemaker = cloud.client("sagemaker")
    role = cloud.make_role("Detached", allow(*DOING))
    plain = sagemaker.describe_model(ModelName=model(cloud, role, bucket, 2))
    address = plain["PrimaryContainer"]["ModelDataUrl"]
    sagemaker.create_model(
        ModelName="detached",
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": address},
        VpcConfig={"Subnets": ["subnet-00000001"], "SecurityGroupIds": ["sg-00000001"]},
    )
    sagemaker.create_endpoint(
        EndpointName="detached", EndpointConfigName=configuration(cloud, "detached")
    )
    described = settled(cloud, "detached")
    assert described["EndpointStatus"] == "Failed"
    assert "can't be attached" in described["FailureReason"]
    assert "ec2:DescribeDhcpOptions" in described["FailureReason"]
    sagemaker.delete_endpoint(EndpointName="detached")


def test_the_tagging_api_lists_what_is_gone_for_as_long_as_it_is_told(
    cloud: Cloud, turn: Turn
) -> None:
    tagging, logs = cloud.client("resourcegroupstaggingapi"), cloud.client("sns")
    arn = logs.create_topic(Name="gone", Tags=[{"Key": "left", "Value": "over"}])["TopicArn"]

    def listed() -> list[str]:
        filters = [{"Key": "left", "Values": ["over"]}]
        found = tagging.get_resources(TagFilters=filters)["ResourceTagMappingList"]
        return [resource["ResourceARN"] for resource in found]

    assert listed() == [arn]
    logs.delete_topic(TopicArn=arn)
    assert listed() == [arn]
    turn("tags.linger", 0)
    assert listed() == []


def test_a_policy_counts_some_time_after_it_changed(cloud: Cloud, turn: Turn) -> None:
    turn("iam.young", 2)
    role = cloud.make_role("Young", allow("sns:ListTopics"), service="lambda")
    sns = cloud.client("sns", cloud.assume(role))
    with pytest.raises(ClientError, match="not authorized to perform: sns:ListTopics"):
        sns.list_topics()

    def allowed() -> bool:
        try:
            sns.list_topics()
        except ClientError:
            return False
        return True

    wait_for(allowed)


def test_an_alarm_that_is_changed_keeps_its_state_unless_switched_so(
    cloud: Cloud, turn: Turn
) -> None:
    cloudwatch = cloud.client("cloudwatch")
    alarm = {
        "AlarmName": "kept",
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    }
    cloudwatch.put_metric_alarm(**alarm)
    cloudwatch.set_alarm_state(AlarmName="kept", StateValue="ALARM", StateReason="a model failed")

    def after_change(metric: str) -> str:
        cloudwatch.put_metric_alarm(**alarm | {"MetricName": metric})
        (described,) = cloudwatch.describe_alarms(AlarmNames=["kept"])["MetricAlarms"]
        return str(described["StateValue"])

    assert after_change("of-another-configuration") == "ALARM"
    turn("alarms.keep-state", 0)
    assert after_change("of-a-third") == "INSUFFICIENT_DATA"
    cloudwatch.delete_alarms(AlarmNames=["kept"])


def test_an_account_has_one_oidc_provider_for_a_url_unless_switched_so(
    cloud: Cloud, turn: Turn
) -> None:
    provider = {
        "Type": "AWS::IAM::OIDCProvider",
        "Properties": {"Url": "https://issuer.example", "ClientIdList": ["sts.amazonaws.com"]},
    }
    first, second = Stack(cloud, "one-provider"), Stack(cloud, "two-providers")
    assert first.create({"Provider": provider}) == "CREATE_COMPLETE"
    assert second.create({"Provider": provider}) == "ROLLBACK_COMPLETE"
    assert "OIDC provider with url https://issuer.example already exists" in second.failures()
    turn("oidc.one-a-url", 0)
    third = Stack(cloud, "shared-provider")
    assert third.create({"Provider": provider}) == "CREATE_COMPLETE"
    for stack in (third, second, first):
        assert stack.delete() == "DELETE_COMPLETE"
    assert cloud.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
