"""What the settings of the endpoint make of the template."""

import json
from typing import Any

import boto3
import pytest
from aws_cdk.assertions import Match, Template

from operations.cost.quantities import items
from stacks import lda
from stacks.serving.gate.handlers import METRICS
from stacks.settings import load
from stacks.training_job.permissions import WILDCARDS

from .conftest import Synthesize, Templates
from .test_stacks import request, resources, resources_of, statements

AUTO = "AutoRollbackConfiguration"
TWO = {"endpoint.instance_count": "2"}
SCALED = {"scaling.max_instances": "4", "scaling.instance_type": "ml.m4.xlarge"}
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def templates(synthesize: Synthesize) -> Templates:
    return synthesize()


def only(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the only resource of a kind."""
    (resource,) = resources_of(template, kind)
    properties: dict[str, Any] = resource["Properties"]
    return properties


def named(template: Template, kind: str, begin: str) -> dict[str, Any]:
    """The only resource of a kind whose logical id begins so."""
    (found,) = [r for n, r in resources(template, f"AWS::{kind}").items() if n.startswith(begin)]
    return found


def allowed(made: Templates, policy: str) -> list[dict[str, Any]]:
    """The statements of a managed policy."""
    properties = named(made["serving"], "IAM::ManagedPolicy", policy)["Properties"]
    statements: list[dict[str, Any]] = properties["PolicyDocument"]["Statement"]
    return statements


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def ending(resource: Any) -> str:
    """The last part of an ARN that is joined of several; nothing if it is one reference."""
    last = resource["Fn::Join"][1][-1] if "Fn::Join" in resource else ""
    return str(last) if isinstance(last, str) else ""


class TestUpdates:
    def test_by_default_sagemakers_own_way_is_taken(self, templates: Templates) -> None:
        """All at once when the new instances answer: one instance can't be moved in steps."""
        endpoint = only(templates["serving"], "SageMaker::Endpoint")
        assert endpoint.keys() == {"EndpointName", "EndpointConfigName", "Tags"}

    @pytest.mark.parametrize(
        ("settings", "routing"),
        [
            ({"updates.strategy": "canary"}, {"Type": "CANARY", "CanarySize": 25}),
            (
                {"updates.strategy": "linear", "updates.step_percent": "50"},
                {"Type": "LINEAR", "LinearStepSize": 50},
            ),
        ],
    )
    def test_canary_and_linear_move_traffic_in_steps_and_wait(
        self, synthesize: Synthesize, settings: dict[str, str], routing: dict[str, Any]
    ) -> None:
        endpoint = only(synthesize(**TWO, **settings)["serving"], "SageMaker::Endpoint")
        policy = endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]
        size = next(key for key in routing if key != "Type")
        step = {"Type": "CAPACITY_PERCENT", "Value": routing[size]}
        assert policy == {
            "TrafficRoutingConfiguration": {
                "Type": routing["Type"],
                size: step,
                "WaitIntervalInSeconds": 300,
            },
            "TerminationWaitInSeconds": 300,
        }

    def test_rolling_replaces_a_share_at_a_time(self, synthesize: Synthesize) -> None:
        settings = {"updates.strategy": "rolling", "updates.wait_seconds": "240"}
        endpoint = only(synthesize(**TWO, **settings)["serving"], "SageMaker::Endpoint")
        assert endpoint["DeploymentConfig"]["RollingUpdatePolicy"] == {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
            "WaitIntervalInSeconds": 240,
        }
        assert "BlueGreenUpdatePolicy" not in endpoint["DeploymentConfig"]

    def test_with_a_wait_even_one_instance_is_watched_after_its_update(
        self, synthesize: Synthesize
    ) -> None:
        serving = synthesize(**{"updates.wait_seconds": "180"})["serving"]
        deployment = only(serving, "SageMaker::Endpoint")["DeploymentConfig"]
        assert deployment["BlueGreenUpdatePolicy"] == {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 180},
            "TerminationWaitInSeconds": 180,
        }
        assert len(deployment["AutoRollbackConfiguration"]["Alarms"]) == 3

    def test_rollback_alarms_are_there_first_and_see_the_new_configuration_alone(
        self, synthesize: Synthesize
    ) -> None:
        """Else a model that fails could not be replaced, since the alarm is on already."""
        made = synthesize(**TWO, **{"updates.strategy": "canary"})
        endpoint = only(made["serving"], "SageMaker::Endpoint")
        rollback = endpoint["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
        alarms = resources(made["serving"], "AWS::CloudWatch::Alarm")
        (configuration,) = resources(made["serving"], "AWS::SageMaker::EndpointConfig")
        watched = {}
        for reference in rollback:
            alarm = alarms[reference["AlarmName"]["Ref"]]["Properties"]
            assert {
                "Name": "EndpointConfigName",
                "Value": {"Fn::GetAtt": [configuration, "EndpointConfigName"]},
            } in alarm["Dimensions"]
            assert alarm["TreatMissingData"] == "notBreaching"
            watched[alarm["MetricName"]] = alarm
        assert watched.keys() == {"Invocation5XXErrors", "ModelLatency", "Failed"}
        assert watched["Failed"]["Namespace"] == METRICS

    @pytest.mark.parametrize(
        ("change", "fresh"),
        [
            ({"model.num_topics": "7"}, True),
            ({"model.revision": "again"}, True),
            ({"endpoint.instance_type": "ml.m5.large"}, True),
            ({"endpoint.capture_percent": "5"}, True),
            ({"updates.wait_seconds": "240"}, True),
            ({"owner": "Search"}, False),
            ({"alarms.latency_ms": "5"}, False),
            ({"training.volume_gb": "20"}, False),
        ],
    )
    def test_a_new_configuration_comes_with_alarms_that_have_no_state_yet(
        self, synthesize: Synthesize, change: dict[str, str], fresh: bool
    ) -> None:
        """One that is changed keeps its state: in alarm, if the model before has failed."""
        rollback = {**TWO, "updates.strategy": "canary"}
        names = [
            {alarm["AlarmName"]["Ref"] for alarm in endpoint["DeploymentConfig"][AUTO]["Alarms"]}
            for endpoint in (
                only(synthesize(**rollback, **more)["serving"], "SageMaker::Endpoint")
                for more in ({}, change)
            )
        ]
        assert names[0].isdisjoint(names[1]) is fresh
        assert (names[0] == names[1]) is not fresh

    @pytest.mark.parametrize(
        "change", [SCALED, {"updates.wait_seconds": "240"}], ids=["scaling", "wait"]
    )
    def test_another_way_of_updating_comes_with_a_configuration_of_its_own(
        self, templates: Templates, synthesize: Synthesize, change: dict[str, str]
    ) -> None:
        """SageMaker does not update an endpoint to the configuration that it has."""
        kind = "AWS::SageMaker::EndpointConfig"
        before, after = (resources(t["serving"], kind) for t in (templates, synthesize(**change)))
        assert not before.keys() & after.keys()
        assert list(before.values()) == list(after.values())

    def test_sagemaker_may_look_at_the_rollback_alarms_alone(self, synthesize: Synthesize) -> None:
        made = synthesize(**TWO, **{"updates.strategy": "canary"})
        (allowed,) = [
            s for s in statements(made["training"]) if s["Action"] == "cloudwatch:DescribeAlarms"
        ]
        assert json.dumps(allowed["Resource"]).endswith(':alarm:topic-model-dev-serving-*"]]}')
        endpoint = only(made["serving"], "SageMaker::Endpoint")
        for alarm in endpoint["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]:
            assert alarm["AlarmName"].keys() == {"Ref"}  # CloudFormation names it after the stack

    def test_golden_documents_are_asked_for_at_each_step(self, synthesize: Synthesize) -> None:
        serving = synthesize(**TWO, **{"updates.strategy": "canary"})["serving"]
        pattern = only(serving, "Events::Rule")["EventPattern"]
        assert pattern["detail-type"] == ["SageMaker Endpoint Deployment State Change"]
        assert pattern["detail"] == {
            "EndpointName": ["topic-model-dev"],
            "EndpointStatus": ["UPDATING"],
        }


class TestGate:
    def test_it_asks_whenever_the_endpoint_has_a_new_configuration(
        self, templates: Templates
    ) -> None:
        (gate,) = resources(templates["serving"], "Custom::EndpointGate").values()
        properties = gate["Properties"]
        assert properties["EndpointName"] == {"Fn::GetAtt": ["Endpoint", "EndpointName"]}
        assert properties["EndpointConfigName"] == {
            "Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]
        }
        assert properties["Topics"] == 10

    def test_its_function_may_ask_this_endpoint_and_read_its_documents_and_no_more(
        self, templates: Templates
    ) -> None:
        policy = named(templates["serving"], "IAM::Policy", "GateCheckRole")
        allowed = {
            s["Sid"]: (s["Action"], json.dumps(s["Resource"]))
            for s in policy["Properties"]["PolicyDocument"]["Statement"]
            if "Sid" in s
        }
        assert allowed.keys() == {
            "AskEndpoint",
            "ReadGoldenDocuments",
            "SeeWhetherThisIsARollback",
        }
        actions, resource = allowed["AskEndpoint"]
        assert actions == ["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"]
        assert resource.endswith(':endpoint/topic-model-dev"]]}')
        assert allowed["SeeWhetherThisIsARollback"] == (
            "cloudformation:DescribeStacks",
            '{"Ref": "AWS::StackId"}',
        )
        assert allowed["ReadGoldenDocuments"][0] == "s3:GetObject"
        assert "*" not in allowed["ReadGoldenDocuments"][1]

    def test_parameters_tell_of_a_model_only_when_it_has_passed(self, templates: Templates) -> None:
        (gate,) = resources(templates["serving"], "Custom::EndpointGate")
        for parameter in resources_of(templates["serving"], "SSM::Parameter"):
            assert gate in parameter["DependsOn"]


class TestScaling:
    def test_instances_follow_invocations(self, synthesize: Synthesize) -> None:
        settings = {
            "scaling.invocations_per_minute": "90",
            "scaling.scale_in_seconds": "500",
            "scaling.scale_out_seconds": "60",
        }
        serving = synthesize(**SCALED, **settings)["serving"]
        target = only(serving, "ApplicationAutoScaling::ScalableTarget")
        assert target["MinCapacity"] == 1
        assert target["MaxCapacity"] == 4
        assert target["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
        name = {"Fn::GetAtt": ["Endpoint", "EndpointName"]}
        assert target["ResourceId"] == {
            "Fn::Join": ["", ["endpoint/", name, "/variant/AllTraffic"]]
        }
        policy = only(serving, "ApplicationAutoScaling::ScalingPolicy")
        assert policy["TargetTrackingScalingPolicyConfiguration"] == {
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
            "TargetValue": 90,
            "ScaleInCooldown": 500,
            "ScaleOutCooldown": 60,
        }

    def test_an_update_keeps_the_number_of_instances(self, synthesize: Synthesize) -> None:
        serving = synthesize(**SCALED)["serving"]
        assert only(serving, "SageMaker::Endpoint")["RetainAllVariantProperties"] is True

    def test_there_is_none_by_default(self, templates: Templates) -> None:
        templates["serving"].resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 0)


class TestServerless:
    def test_it_has_memory_and_concurrency_and_no_instances(self, synthesize: Synthesize) -> None:
        settings = {"serverless.memory_mb": "2048", "serverless.max_concurrency": "7"}
        serving = synthesize(**settings)["serving"]
        (variant,) = only(serving, "SageMaker::EndpointConfig")["ProductionVariants"]
        assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 7}
        assert not {"InstanceType", "InitialInstanceCount"} & variant.keys()
        assert only(serving, "SageMaker::Model")["EnableNetworkIsolation"] is False
        assert "Instances" not in json.dumps(only(serving, "CloudWatch::Dashboard"))


class TestCapture:
    def test_requests_and_answers_are_kept_in_the_bucket(self, synthesize: Synthesize) -> None:
        made = synthesize(**{"endpoint.capture_percent": "20"})
        capture = only(made["serving"], "SageMaker::EndpointConfig")["DataCaptureConfig"]
        assert capture["EnableCapture"] is True
        assert capture["InitialSamplingPercentage"] == 20
        assert capture["CaptureOptions"] == [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
        assert json.dumps(capture["DestinationS3Uri"]).endswith('/sagemaker/lda-model/capture"]]}')
        (allowed,) = [s for s in statements(made["training"]) if s.get("Sid") == "CaptureData"]
        assert allowed["Action"] == "s3:PutObject"
        assert json.dumps(allowed["Resource"]).endswith('/sagemaker/lda-model/capture/*"]]}')

    def test_by_default_nothing_is_kept(self, templates: Templates) -> None:
        config = only(templates["serving"], "SageMaker::EndpointConfig")
        assert "DataCaptureConfig" not in config
        assert not [s for s in statements(templates["training"]) if s.get("Sid") == "CaptureData"]


class TestNetwork:
    def test_containers_are_isolated_by_default(self, templates: Templates) -> None:
        assert only(templates["serving"], "SageMaker::Model")["EnableNetworkIsolation"] is True
        assert request(templates["training"])["EnableNetworkIsolation"] is True

    def test_isolation_can_be_turned_off(self, synthesize: Synthesize) -> None:
        made = synthesize(**{"network.isolation": "false"})
        assert only(made["serving"], "SageMaker::Model")["EnableNetworkIsolation"] is False
        assert "EnableNetworkIsolation" not in request(made["training"])

    def test_job_and_endpoint_are_attached_to_the_subnets_and_groups_named(
        self, synthesize: Synthesize
    ) -> None:
        made = synthesize(
            **{
                "network.vpc": "vpc-00000001",
                "network.subnets": "subnet-00000001,subnet-00000002",
                "network.security_groups": "sg-00000001",
            }
        )
        attached = {
            "SecurityGroupIds": ["sg-00000001"],
            "Subnets": ["subnet-00000001", "subnet-00000002"],
        }
        assert only(made["serving"], "SageMaker::Model")["VpcConfig"] == attached
        assert request(made["training"])["VpcConfig"] == attached
        made["training"].resource_count_is("AWS::EC2::SecurityGroup", 0)

    def test_without_a_group_of_theirs_both_share_one_of_ours(self, synthesize: Synthesize) -> None:
        made = synthesize(
            **{"network.vpc": "vpc-00000001", "network.subnets": "subnet-00000001,subnet-00000002"}
        )
        made["training"].resource_count_is("AWS::EC2::SecurityGroup", 1)
        made["serving"].resource_count_is("AWS::EC2::SecurityGroup", 0)
        (group,) = only(made["serving"], "SageMaker::Model")["VpcConfig"]["SecurityGroupIds"]
        assert "SecurityGroup" in group["Fn::ImportValue"]


class TestKey:
    def test_a_created_key_covers_all_that_is_stored(self, synthesize: Synthesize) -> None:
        made = synthesize(
            encryption_key="create",
            notices="me@example.com",
            **{"endpoint.capture_percent": "10"},
        )
        made["storage"].resource_count_is("AWS::KMS::Key", 1)
        made["training"].resource_count_is("AWS::KMS::Key", 0)
        bucket = only(made["storage"], "S3::Bucket")["BucketEncryption"]
        (rule,) = bucket["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert rule["BucketKeyEnabled"] is True
        job = request(made["training"])
        assert job["OutputDataConfig"]["KmsKeyId"] == "REFERENCE"
        assert job["ResourceConfig"]["VolumeKmsKeyId"] == "REFERENCE"
        config = only(made["serving"], "SageMaker::EndpointConfig")
        assert "Fn::ImportValue" in config["KmsKeyId"]
        assert config["DataCaptureConfig"]["KmsKeyId"] == config["KmsKeyId"]
        for template in made.values():
            for kind, named_by in (
                ("Logs::LogGroup", "KmsKeyId"),
                ("SNS::Topic", "KmsMasterKeyId"),
            ):
                for resource in resources_of(template, kind):
                    assert "Key" in json.dumps(resource["Properties"][named_by])

    def test_services_that_write_for_us_may_use_the_created_key(
        self, synthesize: Synthesize
    ) -> None:
        key = only(synthesize(encryption_key="create")["storage"], "KMS::Key")
        statements = [s for s in key["KeyPolicy"]["Statement"] if "Service" in s["Principal"]]
        logs, alarms = statements
        assert "logs.us-east-1." in json.dumps(logs["Principal"])
        assert "ArnLike" in logs["Condition"]
        assert alarms["Principal"]["Service"] == "cloudwatch.amazonaws.com"
        assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}

    def test_the_key_is_kept_with_the_data(self, synthesize: Synthesize) -> None:
        storage = synthesize(encryption_key="create", retain_data="true")["storage"]
        storage.has_resource("AWS::KMS::Key", {"DeletionPolicy": "Retain"})

    def test_an_existing_key_is_used_also_with_an_existing_bucket(
        self, synthesize: Synthesize
    ) -> None:
        made = synthesize(encryption_key=KEY, bucket="my-bucket")
        assert only(made["serving"], "SageMaker::EndpointConfig")["KmsKeyId"] == KEY
        assert request(made["training"])["OutputDataConfig"]["KmsKeyId"] == KEY
        for template in made.values():
            template.resource_count_is("AWS::KMS::Key", 0)


class TestAsleep:
    def test_the_endpoint_and_what_watches_it_go_and_all_else_stays(
        self, synthesize: Synthesize
    ) -> None:
        settings = {**SCALED, "updates.wait_seconds": "240"}
        asleep = synthesize(**settings, **{"endpoint.enabled": "false"})["serving"].to_json()
        awake = synthesize(**settings)["serving"].to_json()
        gone = awake["Resources"].keys() - asleep["Resources"].keys()
        kinds = {awake["Resources"][name]["Type"] for name in gone if "Gate" not in name}
        assert kinds == {
            "AWS::SageMaker::Endpoint",
            "AWS::CloudWatch::Alarm",
            "AWS::ApplicationAutoScaling::ScalableTarget",
            "AWS::ApplicationAutoScaling::ScalingPolicy",
        }
        for name, resource in asleep["Resources"].items():
            if resource["Type"].startswith("AWS::SageMaker::"):
                assert resource == awake["Resources"][name]
        assert "EndpointName" not in asleep["Outputs"]

    def test_nothing_is_trained_or_forgotten(
        self, templates: Templates, synthesize: Synthesize
    ) -> None:
        asleep = synthesize(**{"endpoint.enabled": "false"})
        for stack in ("storage", "training"):
            assert asleep[stack].to_json() == templates[stack].to_json()


class TestWatching:
    def test_alarms_tell_the_topic(self, templates: Templates) -> None:
        (topic,) = resources(templates["serving"], "AWS::SNS::Topic")
        alarms = resources_of(templates["serving"], "CloudWatch::Alarm")
        assert {alarm["Properties"]["MetricName"] for alarm in alarms} == {
            "Invocation5XXErrors",
            "ModelLatency",
            "Invocations",
        }
        for alarm in alarms:
            assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}]

    def test_cloudwatch_may_publish_for_this_account(self, templates: Templates) -> None:
        """The policy that demands TLS takes the place of the one that would allow it."""
        policy = only(templates["serving"], "SNS::TopicPolicy")["PolicyDocument"]
        (allowed,) = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
        assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}

    def test_thresholds_are_settings(self, synthesize: Synthesize) -> None:
        settings = {
            "alarms.server_errors": "7",
            "alarms.latency_ms": "250",
            "alarms.idle_hours": "168",
        }
        serving = synthesize(notices="me@example.com", **settings)["serving"]
        for metric, expected in (
            ("Invocation5XXErrors", {"Threshold": 7, "Statistic": "Sum"}),
            ("ModelLatency", {"Threshold": 250_000, "ExtendedStatistic": "p99"}),  # microseconds
            (
                "Invocations",
                {"EvaluationPeriods": 168, "Period": 3600, "TreatMissingData": "breaching"},
            ),
        ):
            serving.has_resource_properties(
                "AWS::CloudWatch::Alarm", {"MetricName": metric, **expected}
            )
        serving.has_resource_properties(
            "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "me@example.com"}
        )

    def test_no_alarm_looks_back_longer_than_cloudwatch_can(self, synthesize: Synthesize) -> None:
        """Seven days, and a day for periods of less than an hour."""
        settings = {"alarms.idle_hours": "168", "updates.wait_seconds": "240"}
        for alarm in resources_of(synthesize(**settings)["serving"], "CloudWatch::Alarm"):
            period = alarm["Properties"]["Period"]
            span = period * alarm["Properties"]["EvaluationPeriods"]
            assert span <= (604_800 if period >= 3600 else 86_400)

    @pytest.mark.parametrize("settings", [{}, {"updates.wait_seconds": "240"}], ids=["", "wait"])
    def test_the_bill_counts_the_alarms_there_are(
        self, synthesize: Synthesize, settings: dict[str, str]
    ) -> None:
        chosen = load({"environments": {"dev": {}}} | settings)
        (alarms,) = [i for i in items(chosen, None, requests=1, request_ms=1) if i.name == "alarms"]
        made = resources_of(synthesize(**settings)["serving"], "CloudWatch::Alarm")
        assert alarms.amount == len(made)

    def test_the_dashboard_shows_microseconds_as_milliseconds(self, templates: Templates) -> None:
        dashboard = json.dumps(only(templates["serving"], "CloudWatch::Dashboard"))
        for percentile in ("p50", "p90", "p99"):
            assert dashboard.count(f"{percentile}us / 1000") == 2
        for metric in (
            *("Invocations", "InvocationsPerInstance", "ModelLatency", "OverheadLatency"),
            *("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors"),
            *("CPUUtilization", "MemoryUtilization", "DiskUtilization", "Duration", "Failed"),
        ):
            assert f'\\"{metric}\\"' in dashboard

    def test_the_use_of_several_cores_is_not_taken_for_a_share_of_all(
        self, templates: Templates
    ) -> None:
        """SageMaker adds the cores up: 0 to 400 % on four, beside memory and disk of 0 to 100 %."""
        dashboard = json.dumps(only(templates["serving"], "CloudWatch::Dashboard"))
        assert "CPU (100 % for each core)" in dashboard

    def test_dashboards_of_two_regions_do_not_meet(self, templates: Templates) -> None:
        name = only(templates["serving"], "CloudWatch::Dashboard")["DashboardName"]
        assert name == "topic-model-dev-us-east-1"


class TestAccess:
    def test_the_policy_allows_to_invoke_this_endpoint_and_nothing_else(
        self, templates: Templates
    ) -> None:
        (statement,) = allowed(templates, "InvokePolicy")
        assert statement["Action"] == "sagemaker:InvokeEndpoint"
        assert json.dumps(statement["Resource"]).endswith(':endpoint/topic-model-dev"]]}')
        templates["serving"].has_output(
            "InvokePolicyArn", {"Value": {"Ref": Match.string_like_regexp("InvokePolicy")}}
        )

    def test_only_jobs_with_the_model_that_is_served_may_be_started(
        self, templates: Templates
    ) -> None:
        """Whoever may start a job acts as the model's role, which reads all data."""
        (create,) = [
            statement
            for statement in allowed(templates, "TransformPolicy")
            if "sagemaker:CreateTransformJob" in statement["Action"]
        ]
        assert create["Action"] == "sagemaker:CreateTransformJob"
        ((key, arn),) = create["Condition"]["StringEqualsIgnoreCase"].items()
        assert key == "sagemaker:ModelArn"
        served = only(templates["serving"], "SageMaker::EndpointConfig")["ProductionVariants"]
        *_, name = arn["Fn::Join"][1]
        assert name == served[0]["ModelName"]
        templates["serving"].has_output(
            "TransformPolicyArn", {"Value": {"Ref": Match.string_like_regexp("TransformPolicy")}}
        )

    def test_a_transform_policy_reaches_the_folders_of_jobs_and_nothing_else(
        self, templates: Templates
    ) -> None:
        reached = {
            (action, ending(resource))
            for statement in allowed(templates, "TransformPolicy")
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if action.startswith(("s3:", "sagemaker:"))
        }
        prefix = "/sagemaker/lda-model"
        jobs = ":sagemaker:us-east-1:111122223333:transform-job/topic-model-dev-????????"
        assert reached == {
            ("s3:PutObject", f"{prefix}/batches/*"),
            ("s3:GetObject", f"{prefix}/predictions/*"),
            ("s3:DeleteObject", f"{prefix}/batches/*"),
            ("s3:DeleteObject", f"{prefix}/predictions/*"),
            ("s3:ListBucket", ""),
            ("s3:GetEncryptionConfiguration", ""),
            ("sagemaker:CreateTransformJob", jobs),
            ("sagemaker:AddTags", jobs),
            ("sagemaker:DescribeTransformJob", jobs),
            ("sagemaker:StopTransformJob", jobs),
        }

    def test_a_transform_policy_has_the_key_if_there_is_one(self, synthesize: Synthesize) -> None:
        made = synthesize(encryption_key=KEY)
        (use,) = [s for s in allowed(made, "TransformPolicy") if s.get("Sid") == "UseKey"]
        assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
        assert use["Resource"] == KEY

    def test_the_policy_and_the_parameters_change_when_the_new_model_is_trusted(
        self, templates: Templates
    ) -> None:
        """Until then the old ones find the old model, also when the deployment is rolled back."""
        serving = templates["serving"]
        for kind, begin in (
            ("SSM::Parameter", "ModelNameParameter"),
            ("IAM::ManagedPolicy", "TransformPolicy"),
        ):
            awaited = named(serving, kind, begin)["DependsOn"]
            assert any(name.startswith("Gate") for name in awaited)

    def test_an_endpoint_that_sleeps_leaves_policy_and_parameter(
        self, synthesize: Synthesize
    ) -> None:
        asleep = synthesize(**{"endpoint.enabled": "false"})["serving"]
        assert named(asleep, "IAM::ManagedPolicy", "TransformPolicy")
        assert named(asleep, "SSM::Parameter", "ModelNameParameter")

    def test_what_is_served_is_also_told_by_parameters(self, templates: Templates) -> None:
        values = {
            p["Properties"]["Name"]: p["Properties"]["Value"]
            for p in resources_of(templates["serving"], "SSM::Parameter")
        }
        outputs = templates["serving"].find_outputs("*")
        assert values["/topic-model/dev/endpoint-name"] == "topic-model-dev"
        served = only(templates["serving"], "SageMaker::EndpointConfig")["ProductionVariants"]
        assert values["/topic-model/dev/model-name"] == served[0]["ModelName"]
        assert values["/topic-model/dev/model-artifact"] == outputs["ModelArtifact"]["Value"]
        fingerprint = templates["training"].find_outputs("Fingerprint")["Fingerprint"]["Value"]
        assert values["/topic-model/dev/fingerprint"] == fingerprint


class TestHosting:
    def test_every_cpu_type_that_sagemaker_hosts_on_is_taken_and_no_other(self) -> None:
        """By the API's own model."""
        model = boto3.client("sagemaker", region_name="us-east-1").meta.service_model
        hosts = set(model.shape_for("ProductionVariantInstanceType").metadata["enum"])
        trains = set(model.shape_for("TrainingInstanceType").metadata["enum"])

        def taken(instance_type: str) -> bool:
            try:
                lda.check_hosting(instance_type)
            except lda.LdaError:
                return False
            return True

        x86 = {
            name
            for name in hosts
            if not lda.ACCELERATED.match(name) and not lda.GRAVITON.match(name)
        }
        assert {name for name in hosts | trains if taken(name)} == x86

    @pytest.mark.parametrize(
        ("instance_type", "reason"),
        [
            ("ml.g5.xlarge", "LDA does not use a GPU"),
            ("ml.m6g.large", "this is Graviton"),
            ("ml.t3.medium", "trains on it, but does not host on it"),
        ],
    )
    def test_an_instance_that_can_not_host_lda_is_refused_with_the_reason(
        self, synthesize: Synthesize, instance_type: str, reason: str
    ) -> None:
        with pytest.raises(
            lda.LdaError, match=f"endpoint.instance_type is '{instance_type}'; .*{reason}"
        ):
            synthesize(**{"endpoint.instance_type": instance_type})


def test_only_what_knows_no_resource_is_allowed_on_all_whatever_the_settings(
    synthesize: Synthesize,
) -> None:
    made = synthesize(
        encryption_key="create",
        **TWO,
        **SCALED,
        **{
            "scaling.min_instances": "2",
            "updates.strategy": "canary",
            "endpoint.capture_percent": "5",
            "network.vpc": "vpc-00000001",
            "network.subnets": "subnet-00000001,subnet-00000002",
        },
    )
    for template in made.values():
        for statement in statements(template):
            if statement["Resource"] == "*":
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    assert action in {*WILDCARDS, "cloudwatch:PutMetricData"}
