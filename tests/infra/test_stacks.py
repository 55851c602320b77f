"""Named intent of the templates; `test_snapshots` holds every other word of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Capture, Match, Template

from stacks.environment import add_environment
from stacks.settings import load
from stacks.training_job.permissions import WILDCARDS
from tests.support.synthesis import flags, write_corpus

from .conftest import Synthesize, Templates
from .test_environments import ALL


@pytest.fixture
def templates(synthesize: Synthesize) -> Templates:
    return synthesize()


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {key: dict(value) for key, value in template.find_resources(kind).items()}


def statements(template: Template) -> list[dict[str, Any]]:
    """Every statement of every identity policy."""
    documents = [r["Properties"]["PolicyDocument"] for r in resources_of(template, "IAM::Policy")]
    for role in resources_of(template, "IAM::Role"):
        documents += [p["PolicyDocument"] for p in role["Properties"].get("Policies", [])]
    return [statement for document in documents for statement in document["Statement"]]


def resources_of(template: Template, kind: str) -> list[dict[str, Any]]:
    return list(resources(template, f"AWS::{kind}").values())


def request(template: Template) -> dict[str, Any]:
    """The CreateTrainingJob request, its references to other resources replaced by a word."""
    (resource,) = resources(template, "Custom::TrainingJob").values()
    parts = resource["Properties"]["Request"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "REFERENCE" for part in parts)
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def fingerprint(template: Template) -> str:
    (resource,) = resources(template, "Custom::TrainingJob").values()
    return str(resource["Properties"]["Fingerprint"])


class TestStorage:
    def test_the_bucket_is_encrypted_versioned_private_and_demands_tls(
        self, templates: Templates
    ) -> None:
        templates["storage"].has_resource_properties(
            "AWS::S3::Bucket",
            {
                "BucketEncryption": Match.any_value(),
                "VersioningConfiguration": {"Status": "Enabled"},
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
            },
        )
        templates["storage"].has_resource_properties(
            "AWS::S3::BucketPolicy",
            {
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Effect": "Deny",
                                    "Action": "s3:*",
                                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                                }
                            )
                        ]
                    )
                }
            },
        )

    def test_dev_deletes_the_bucket_and_what_is_in_it(self, templates: Templates) -> None:
        templates["storage"].has_resource("AWS::S3::Bucket", {"DeletionPolicy": "Delete"})
        templates["storage"].resource_count_is("Custom::S3AutoDeleteObjects", 1)

    @pytest.mark.parametrize(
        "settings",
        [{}, {"notices": "me@example.com"}, {"encryption_key": "create"}, ALL],
        ids=["", "notices", "key", "all"],
    )
    @pytest.mark.parametrize("kept", ["true", "false"])
    def test_destroy_leaves_what_is_kept_on_purpose_and_nothing_else(
        self, synthesize: Synthesize, settings: dict[str, str], kept: str
    ) -> None:
        """A key that stays costs a dollar a month, for ever and for each deployment."""
        made = synthesize(**settings, retain_data=kept)
        retained = {
            (stack, resource["Type"])
            for stack, template in made.items()
            for resource in template.to_json()["Resources"].values()
            if resource.get("DeletionPolicy") == "Retain"
        }
        data = {("storage", "AWS::S3::Bucket")}
        if "encryption_key" in settings:
            data.add(("storage", "AWS::KMS::Key"))
        assert retained == (data if kept == "true" else set())

    def test_retained_data_survives_the_stack(self, synthesize: Synthesize) -> None:
        storage = synthesize(retain_data="true")["storage"]
        storage.has_resource("AWS::S3::Bucket", {"DeletionPolicy": "Retain"})
        storage.resource_count_is("Custom::S3AutoDeleteObjects", 0)

    def test_what_is_deleted_or_never_finished_is_paid_for_some_days_only(
        self, synthesize: Synthesize
    ) -> None:
        rule = {
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            "ExpiredObjectDeleteMarker": True,
            "Status": "Enabled",
        }
        some = Match.array_with([Match.object_like(rule)])
        rules = {"LifecycleConfiguration": {"Rules": some}}
        storage = synthesize(old_versions_days="7")["storage"]
        storage.has_resource_properties("AWS::S3::Bucket", rules)

    def test_old_versions_are_kept_for_ever_where_that_is_asked_for(
        self, synthesize: Synthesize
    ) -> None:
        (bucket,) = resources_of(synthesize(old_versions_days=None)["storage"], "S3::Bucket")
        rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        assert all("Prefix" in rule for rule in rules)

    def test_what_transform_jobs_leave_is_deleted_after_a_week_and_nothing_else(
        self, templates: Templates
    ) -> None:
        """Deleted for good: in a versioned bucket the old versions would stay."""
        (bucket,) = resources_of(templates["storage"], "S3::Bucket")
        rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        rules = [rule for rule in rules if "ExpirationInDays" in rule]
        assert [rule["Prefix"] for rule in rules] == [
            "sagemaker/lda-model/batches/",
            "sagemaker/lda-model/predictions/",
        ]
        for rule in rules:
            assert rule["ExpirationInDays"] == 7
            assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}

    def test_an_existing_bucket_is_used_and_none_is_made(self, synthesize: Synthesize) -> None:
        made = synthesize(bucket="my-bucket")
        assert made.keys() == {"training", "serving"}
        output = request(made["training"])["OutputDataConfig"]["S3OutputPath"]
        assert output.startswith("s3://my-bucket/sagemaker/lda-model/jobs/")


class TestEverything:
    def test_nobody_can_make_a_log_group_that_a_stack_has_deleted(
        self, templates: Templates
    ) -> None:
        """Else a late line brings it back: a function's, or the endpoint's when it has gone."""
        for template in templates.values():
            for role in resources_of(template, "IAM::Role"):
                assert "ManagedPolicyArns" not in role["Properties"]
        (making,) = [
            statement
            for template in templates.values()
            for statement in statements(template)
            if "logs:CreateLogGroup" in statement["Action"]
        ]
        assert making["Sid"] == "MakeLogGroupOfJobs"  # the execution role's
        made = ["".join(map(str, one["Fn::Join"][1])) for one in making["Resource"]]
        groups = [resource.rpartition(":log-group:")[2] for resource in made]
        assert groups == ["/aws/sagemaker/TrainingJobs*", "/aws/sagemaker/TransformJobs*"]

    def test_every_function_has_a_log_group_that_goes_with_the_stack(
        self, templates: Templates
    ) -> None:
        for template in templates.values():
            groups = resources(template, "AWS::Logs::LogGroup")
            functions = resources_of(template, "Lambda::Function")
            named = [f["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for f in functions]
            assert set(named) <= groups.keys()
            assert len(set(named)) == len(named)
            assert all(group["DeletionPolicy"] == "Delete" for group in groups.values())

    def test_resources_are_tagged_with_project_and_environment(self, templates: Templates) -> None:
        expected = [
            {"Key": "environment", "Value": "dev"},
            {"Key": "project", "Value": "topic-model"},
        ]
        for stack, kind in (
            ("storage", "AWS::S3::Bucket"),
            ("training", "AWS::Lambda::Function"),
            ("serving", "AWS::SageMaker::Endpoint"),
        ):
            templates[stack].has_resource_properties(kind, {"Tags": Match.array_with(expected)})

    def test_only_what_knows_no_resource_is_allowed_on_all(self, templates: Templates) -> None:
        wild = {
            action
            for template in templates.values()
            for s in statements(template)
            if s["Resource"] == "*"
            for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
        }
        narrowed = {"cloudwatch:PutMetricData"}  # by its namespace, in a condition
        assert wild - narrowed <= WILDCARDS.keys()

    def test_without_a_corpus_the_stacks_are_there_and_refuse_to_deploy(
        self, tmp_path: Path
    ) -> None:
        app = App(outdir=str(tmp_path / "out"), context=flags())
        settings = load({"environments": {"dev": {}}, "prepared": str(tmp_path / "nowhere")})
        add_environment(app, settings, Environment(region="us-east-1"))
        ids = [stack.node.id for stack in app.node.children if "topic-model" in stack.node.id]
        assert ids == [f"topic-model-dev-{name}" for name in ("storage", "training", "serving")]
        for name in ids[1:]:
            metadata = app.node.find_child(name).node.metadata
            (error,) = [entry.data for entry in metadata if entry.type == "aws:cdk:error"]
            assert "nowhere" in error
            assert "python -m data_prep convert" in error

    def test_data_that_was_edited_to_the_same_size_is_not_deployed_under_its_old_digest(
        self, tmp_path: Path
    ) -> None:
        corpus = write_corpus(tmp_path / "corpus")
        data = (corpus / "train.recordio").read_bytes()
        (corpus / "train.recordio").write_bytes(data[:-1] + b"?")
        app = App(outdir=str(tmp_path / "out"), context=flags())
        settings = load({"environments": {"dev": {}}, "prepared": str(corpus)})
        add_environment(app, settings, Environment(region="us-east-1"))
        for name in ("training", "serving"):
            metadata = app.node.find_child(f"topic-model-dev-{name}").node.metadata
            (error,) = [entry.data for entry in metadata if entry.type == "aws:cdk:error"]
            assert "manifest.json does not match train.recordio" in error


class TestTraining:
    def test_the_request_is_the_notebooks(self, templates: Templates) -> None:
        job = request(templates["training"])
        assert job["ResourceConfig"] == {
            "InstanceType": "ml.c4.2xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 10,
        }
        assert job["HyperParameters"] == {
            "num_topics": "10",
            "feature_dim": "3012",
            "mini_batch_size": "8713",
            "alpha0": "1.0",
            "max_restarts": "10",
            "max_iterations": "1000",
            "tol": "1e-08",
        }

    def test_no_metric_definitions_are_sent(self, templates: Templates) -> None:
        """The API refuses them for built-in algorithms."""
        algorithm = request(templates["training"])["AlgorithmSpecification"]
        assert algorithm.keys() == {"TrainingImage", "TrainingInputMode"}

    def test_channels_are_folders_so_that_no_other_key_matches(self, templates: Templates) -> None:
        channels = request(templates["training"])["InputDataConfig"]
        assert [channel["ChannelName"] for channel in channels] == ["train", "test"]
        for channel in channels:
            assert channel["ContentType"] == "application/x-recordio-protobuf"
            assert channel["DataSource"]["S3DataSource"]["S3Uri"].endswith("/")

    def test_without_test_documents_there_is_no_test_channel(
        self, synthesize: Synthesize, tmp_path: Path
    ) -> None:
        corpus = write_corpus(tmp_path / "corpus", test=False)
        job = request(synthesize(prepared=str(corpus))["training"])
        assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train"]

    def test_the_role_trusts_sagemaker_for_this_account_and_region_alone(
        self, templates: Templates
    ) -> None:
        source = Capture()
        templates["training"].has_resource_properties(
            "AWS::IAM::Role",
            {
                "AssumeRolePolicyDocument": {
                    "Statement": [
                        {
                            "Principal": {"Service": "sagemaker.amazonaws.com"},
                            "Condition": {
                                "StringEquals": {"aws:SourceAccount": "111122223333"},
                                "ArnLike": {"aws:SourceArn": source},
                            },
                        }
                    ]
                }
            },
        )
        assert source.as_object()["Fn::Join"][1][-1] == ":sagemaker:us-east-1:111122223333:*"

    def test_an_existing_role_is_passed_and_none_is_made(self, synthesize: Synthesize) -> None:
        role = "arn:aws:iam::111122223333:role/LdaRole"
        training = synthesize(role=role)["training"]
        assert request(training)["RoleArn"] == role
        trusted = [
            r["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
            for r in resources_of(training, "IAM::Role")
        ]
        assert "sagemaker.amazonaws.com" not in trusted

    def test_the_role_is_passed_to_sagemaker_and_to_nothing_else(
        self, templates: Templates
    ) -> None:
        (passing,) = [s for s in statements(templates["training"]) if s["Action"] == "iam:PassRole"]
        assert passing["Condition"] == {
            "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
        }
        assert passing["Resource"] != "*"

    def test_the_condition_depends_on_its_handle_alone(self, templates: Templates) -> None:
        """So it waits already when a signal comes at once."""
        (condition,) = resources(templates["training"], "AWS::CloudFormation::WaitCondition")
        described = resources(templates["training"], "AWS::CloudFormation::WaitCondition")
        (handle,) = resources(templates["training"], "AWS::CloudFormation::WaitConditionHandle")
        properties = described[condition]["Properties"]
        assert properties == {"Count": 1, "Handle": {"Ref": handle}, "Timeout": "4800"}
        assert "DependsOn" not in described[condition]

    def test_the_job_starts_when_its_end_can_be_heard(self, templates: Templates) -> None:
        (resource,) = resources(templates["training"], "Custom::TrainingJob").values()
        (rule,) = resources(templates["training"], "AWS::Events::Rule")
        permissions = resources(templates["training"], "AWS::Lambda::Permission")
        assert {rule, *permissions} <= set(resource["DependsOn"])

    def test_ends_of_other_jobs_are_not_listened_to(self, templates: Templates) -> None:
        """Not of other fingerprints, and not of an environment whose name begins the same."""
        own = f"topic-model-dev-{fingerprint(templates['training'])[:12]}-"
        templates["training"].has_resource_properties(
            "AWS::Events::Rule",
            {
                "EventPattern": {
                    "source": ["aws.sagemaker"],
                    "detail": {
                        "TrainingJobName": [{"prefix": own}],
                        "TrainingJobStatus": ["Completed", "Failed", "Stopped"],
                    },
                }
            },
        )


class TestFingerprint:
    @pytest.mark.parametrize(
        ("settings", "recorded"),
        [
            ({}, "ded338aa6f26a0e395e19b2f58c34ada121a7a6db578e224fc3ed6d0335a62b4"),
            (
                {"region": "us-gov-west-1"},
                "4b16b483c0ab62b1876f78cf3077eed6220eb997c70226fc27a748011ca98bc7",
            ),
            (
                {"model.num_topics": "20", "model.alpha0": "0.5", "model.revision": "2"},
                "de0a8dc91e179254007eaa705f7d4fd22853a423515e8affc292099ffd383b69",
            ),
        ],
        ids=["defaults", "GovCloud", "other hyperparameters"],
    )
    def test_what_is_deployed_keeps_its_model_with_this_version(
        self, synthesize: Synthesize, settings: dict[str, str], recorded: str
    ) -> None:
        """Another one would train the same model again in every account: a new image alone may."""
        assert fingerprint(synthesize(**settings)["training"]) == recorded

    def test_the_same_inputs_have_the_same_one(self, synthesize: Synthesize) -> None:
        """The default is given in words, since the same settings are synthesized once."""
        again = synthesize(**{"model.num_topics": "10"})
        assert fingerprint(synthesize()["training"]) == fingerprint(again["training"])

    @pytest.mark.parametrize(
        "change",
        [
            {"model.num_topics": "11"},
            {"model.alpha0": "0.5"},
            {"model.revision": "2"},
            {"region": "eu-west-1"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_makes_another_model_makes_another_one(
        self, synthesize: Synthesize, change: dict[str, str]
    ) -> None:
        unchanged = fingerprint(synthesize()["training"])
        assert fingerprint(synthesize(**change)["training"]) != unchanged

    def test_other_data_makes_another_one(self, synthesize: Synthesize, tmp_path: Path) -> None:
        other = write_corpus(tmp_path / "corpus", train=b"other data")
        unchanged = fingerprint(synthesize()["training"])
        assert fingerprint(synthesize(prepared=str(other))["training"]) != unchanged

    @pytest.mark.parametrize(
        "change",
        [
            {"training.instance_type": "ml.c5.2xlarge"},
            {"training.volume_gb": "20"},
            {"training.max_runtime_minutes": "30"},
            {"endpoint.instance_type": "ml.m5.large"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_how_it_is_made_and_served_does_not_matter(
        self, synthesize: Synthesize, change: dict[str, str]
    ) -> None:
        unchanged = fingerprint(synthesize()["training"])
        assert fingerprint(synthesize(**change)["training"]) == unchanged

    @pytest.mark.parametrize(
        "change", [{"model.num_topics": "11"}, {"training.max_runtime_minutes": "9"}]
    )
    def test_what_changes_the_wait_makes_a_new_condition_and_handle(
        self, synthesize: Synthesize, change: dict[str, str]
    ) -> None:
        """A wait condition can't be updated."""
        before, after = synthesize()["training"], synthesize(**change)["training"]
        for kind in ("WaitCondition", "WaitConditionHandle"):
            name = f"AWS::CloudFormation::{kind}"
            assert not resources(before, name).keys() & resources(after, name).keys()


class TestServing:
    def test_the_endpoint_is_the_notebooks_with_a_name_clients_can_know(
        self, templates: Templates
    ) -> None:
        templates["serving"].has_resource_properties(
            "AWS::SageMaker::Endpoint", {"EndpointName": "topic-model-dev"}
        )
        templates["serving"].has_resource_properties(
            "AWS::SageMaker::EndpointConfig",
            {
                "ProductionVariants": [
                    {
                        "InstanceType": "ml.m4.xlarge",
                        "InitialInstanceCount": 1,
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                    }
                ]
            },
        )

    def test_what_can_only_be_replaced_has_no_name_of_ours(self, templates: Templates) -> None:
        (model,) = resources_of(templates["serving"], "SageMaker::Model")
        (config,) = resources_of(templates["serving"], "SageMaker::EndpointConfig")
        assert "ModelName" not in model["Properties"]
        assert "EndpointConfigName" not in config["Properties"]

    def test_the_model_is_named_by_fingerprint_so_that_a_new_one_replaces_it(
        self, templates: Templates
    ) -> None:
        (model,) = resources_of(templates["serving"], "SageMaker::Model")
        url = model["Properties"]["PrimaryContainer"]["ModelDataUrl"]["Fn::Join"][1]
        name = fingerprint(templates["training"])
        assert url[-1] == f"/sagemaker/lda-model/models/{name}/model.tar.gz"

    def test_no_value_that_changes_with_the_model_crosses_stacks(
        self, synthesize: Synthesize
    ) -> None:
        """A CloudFormation export in use can't change."""
        before, after = synthesize(), synthesize(**{"model.num_topics": "11"})
        for stack in before:
            exports = [
                {k: o for k, o in t[stack].find_outputs("*").items() if "Export" in o}
                for t in (before, after)
            ]
            assert exports[0] == exports[1]

    def test_the_endpoints_log_group_goes_with_the_stack(self, templates: Templates) -> None:
        templates["serving"].has_resource(
            "AWS::Logs::LogGroup",
            {
                "Properties": {"LogGroupName": "/aws/sagemaker/Endpoints/topic-model-dev"},
                "DeletionPolicy": "Delete",
            },
        )


class TestNotices:
    def test_there_are_none_by_default(self, templates: Templates) -> None:
        templates["training"].resource_count_is("AWS::SNS::Topic", 0)

    def test_the_end_of_each_job_is_mailed_by_an_encrypted_topic(
        self, synthesize: Synthesize
    ) -> None:
        training = synthesize(notices="me@example.com")["training"]
        training.has_resource_properties("AWS::SNS::Topic", {"KmsMasterKeyId": Match.any_value()})
        training.has_resource_properties(
            "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "me@example.com"}
        )
        (rule,) = [
            rule
            for name, rule in resources(training, "AWS::Events::Rule").items()
            if "Notify" in name
        ]
        detail = rule["Properties"]["EventPattern"]["detail"]
        assert detail["TrainingJobStatus"] == ["Completed", "Failed", "Stopped"]

    @pytest.mark.parametrize("settings", [{}, {"encryption_key": "create"}], ids=["own", "shared"])
    def test_no_rule_but_its_own_may_publish_or_use_the_key(
        self, synthesize: Synthesize, settings: dict[str, str]
    ) -> None:
        """The service EventBridge would be anybody's rule: it says not for whom it publishes."""
        found = synthesize(notices="me@example.com", **settings)
        training = found["training"]
        policies = [
            *resources_of(training, "SNS::TopicPolicy"),
            *resources_of(training, "KMS::Key"),
            *resources_of(found["storage"], "KMS::Key"),
        ]
        assert "events.amazonaws.com" not in json.dumps(policies)
        (rule,) = [
            rule["Properties"]
            for name, rule in resources(training, "AWS::Events::Rule").items()
            if "Notify" in name
        ]
        (role,) = [name for name in resources(training, "AWS::IAM::Role") if "Notify" in name]
        assert rule["Targets"][0]["RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
        (policy,) = [
            policy["Properties"]["PolicyDocument"]["Statement"]
            for policy in resources(training, "AWS::IAM::Policy").values()
            if policy["Properties"]["Roles"] == [{"Ref": role}]
        ]
        assert [statement["Action"] for statement in policy] == [
            "sns:Publish",
            ["kms:Decrypt", "kms:GenerateDataKey*"],
        ]
        assert "*" not in [statement["Resource"] for statement in policy]

    def test_the_commit_is_noted_with_the_job(self, synthesize: Synthesize) -> None:
        tags = request(synthesize(commit="abc1234")["training"])["Tags"]
        assert {"Key": "commit", "Value": "abc1234"} in tags
