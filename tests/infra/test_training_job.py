"""The construct alone, as another project would use it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template
from botocore.session import Session

from stacks.training_job import Channel, Network, TrainingJob, TrainingJobError
from stacks.training_job.handlers import finish
from stacks.training_job.permissions import WILDCARDS

PERMISSIONS = Path(__file__).parents[2] / "docs/permissions.md"


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))


def build(stack: Stack, **properties: Any) -> TrainingJob:
    defaults: dict[str, Any] = {
        "name": "job",
        "image": "image",
        "role": iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
        "bucket": s3.Bucket.from_bucket_name(stack, "Bucket", "bucket"),
        "prefix": "prefix",
        "channels": {"train": Channel({Path(__file__): "0" * 64}, "0" * 64, "text/csv")},
        "hyperparameters": {},
        "instance_type": "ml.c5.xlarge",
        "volume_size": Size.gibibytes(1),
        "max_runtime": Duration.minutes(30),
    }
    return TrainingJob(stack, "Job", **defaults | properties)


def request(stack: Stack) -> dict[str, Any]:
    """The CreateTrainingJob request, its references replaced by their names."""
    (resource,) = Template.from_stack(stack).find_resources("Custom::TrainingJob").values()
    parts = resource["Properties"]["Request"]["Fn::Join"][1]
    names = [part if isinstance(part, str) else _reference(part) for part in parts]
    parsed: dict[str, Any] = json.loads("".join(names))
    return parsed


def _reference(part: dict[str, Any]) -> str:
    (target,) = part.values()
    return target if isinstance(target, str) else str(target[0])


def policies(stack: Stack) -> list[dict[str, Any]]:
    found = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    return [s for p in found for s in p["Properties"]["PolicyDocument"]["Statement"]]


def test_spot_capacity_is_waited_for_within_the_run_time(stack: Stack) -> None:
    build(stack, spot=True)
    job = request(stack)
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 1800,
        "MaxWaitTimeInSeconds": 1800,
    }


def test_without_spot_nothing_is_said_of_it(stack: Stack) -> None:
    build(stack)
    job = request(stack)
    assert "EnableManagedSpotTraining" not in job
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}


def test_a_key_encrypts_volume_artifact_and_copies(stack: Stack) -> None:
    build(stack, encryption_key=kms.Key(stack, "Key"))
    job = request(stack)
    assert "Key" in job["OutputDataConfig"]["KmsKeyId"]
    assert "Key" in job["ResourceConfig"]["VolumeKmsKeyId"]
    functions = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    encrypting = {
        function["Properties"]["Handler"]
        for function in functions.values()
        if "ENCRYPTION_KEY" in function["Properties"].get("Environment", {}).get("Variables", {})
    }
    assert encrypting == {"handlers.start.handler", "handlers.finish.handler"}


def test_a_key_is_used_by_whoever_copies_and_by_the_execution_role(stack: Stack) -> None:
    build(stack, encryption_key=kms.Key(stack, "Key"))
    copying = ["kms:Decrypt", "kms:GenerateDataKey"]
    uses = [s["Action"] for s in policies(stack) if "kms:Decrypt" in s["Action"]]
    assert sorted(uses) == [copying, copying, [*copying, "kms:Encrypt", "kms:CreateGrant"]]


def test_in_a_vpc_the_role_may_attach_to_those_subnets_alone(stack: Stack) -> None:
    build(stack, network=Network(ec2.Vpc(stack, "Vpc", max_azs=2)))
    assert len(request(stack)["VpcConfig"]["Subnets"]) == 2
    assert len(request(stack)["VpcConfig"]["SecurityGroupIds"]) == 1
    (attach,) = [s for s in policies(stack) if s.get("Sid") == "AttachToSubnets"]
    resources = json.dumps(attach["Resource"])
    assert resources.count(":subnet/") == 2
    assert resources.count(":security-group/") == 1


def test_without_private_subnets_the_isolated_ones_are_taken(stack: Stack) -> None:
    isolated = ec2.SubnetConfiguration(name="a", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, subnet_configuration=[isolated])
    build(stack, network=Network(vpc))
    assert len(request(stack)["VpcConfig"]["Subnets"]) == 2


def test_subnets_and_groups_of_the_users_own_are_taken(stack: Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    build(stack, network=Network(vpc, vpc.public_subnets[:1], [group]))
    assert request(stack)["VpcConfig"]["SecurityGroupIds"] == ["sg-1"]
    assert len(request(stack)["VpcConfig"]["Subnets"]) == 1


def test_jobs_are_tagged_with_what_they_are_made_of_and_models_too(stack: Stack) -> None:
    job = build(stack, environment_tags={"environment": "dev", "commit": "abc1234"})
    tags = {tag["Key"]: tag["Value"] for tag in request(stack)["Tags"]}
    assert tags == {
        "environment": "dev",
        "commit": "abc1234",
        "data-train": "0" * 64,
        "fingerprint": job.fingerprint,
        "image": "image",
        "stack-id": "AWS::StackId",
    }
    functions = Template.from_stack(stack).find_resources("AWS::Lambda::Function").values()
    (finish_function,) = [
        f for f in functions if f["Properties"]["Handler"] == "handlers.finish.handler"
    ]
    lineage = finish_function["Properties"]["Environment"]["Variables"]["LINEAGE"]
    assert lineage.split() == sorted(tags)


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"te am": "a"}, "environment_tags has the key 'te am'"),
        ({"team": "é"}, "environment_tags has 'é' for 'team'"),
        ({"team": "a, b"}, "environment_tags has 'a, b' for 'team'"),  # SageMaker takes no comma
        ({"Image": "a"}, "has the key 'Image', which the construct itself sets"),
        ({"fingerprint": "a"}, "has the key 'fingerprint', which the construct itself sets"),
        ({"data-train": "a"}, "has the key 'data-train', which the construct itself sets"),
        ({f"tag-{n}": "a" * 128 for n in range(10)}, "make 2[0-9]* bytes .*; S3 allows 2048"),
    ],
)
def test_a_tag_that_can_not_be_metadata_is_refused(
    stack: Stack, tags: dict[str, str], problem: str
) -> None:
    with pytest.raises(TrainingJobError, match=problem):
        build(stack, environment_tags=tags)


@pytest.mark.parametrize("name", ["a" * 42, "a_b", "a-", ""])
def test_a_name_with_which_no_jobs_name_can_begin_is_refused(stack: Stack, name: str) -> None:
    with pytest.raises(TrainingJobError, match=f"name is '{name}'; allowed are up to 41"):
        build(stack, name=name)


def test_the_longest_name_makes_job_names_as_long_as_sagemaker_takes(stack: Stack) -> None:
    build(stack, name="a" * 41)
    model = Session().get_service_model("sagemaker")
    assert (
        len(f"{'a' * 41}-{'f' * 12}-{'0' * 8}")
        == model.shape_for("TrainingJobName").metadata["max"]
    )


def shards(folder: Path, number: int) -> Channel:
    files = {folder / f"part-{each:05}.recordio": f"{each:064x}" for each in range(number)}
    for file in files:
        file.write_text(file.name, encoding="utf-8")
    return Channel(files, "f" * 64, "text/csv")


def test_a_template_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    """A template has room for some thousand files, a policy for fifty."""
    sizes = []
    for number in (2, 60):
        stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
        build(stack, channels={"train": shards(tmp_path, number)})
        sizes.append(len(json.dumps(Template.from_stack(stack).to_json())))
    assert sizes[0] == sizes[1]


def test_the_function_is_told_of_a_list_of_all_files_and_may_read_and_copy_them_alone(
    tmp_path: Path,
) -> None:
    app = App(outdir=str(tmp_path / "out"))
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
    build(stack, channels={"train": shards(tmp_path, 3)})
    (resource,) = Template.from_stack(stack).find_resources("Custom::TrainingJob").values()
    (data,) = resource["Properties"]["Data"]
    assert data["Folder"] == f"prefix/data/{'f' * 64}/"
    published = json.loads((tmp_path / "out" / "Stack.assets.json").read_text())["files"]
    uploaded = {
        destination["objectKey"]: tmp_path / "out" / each["source"]["path"]
        for each in published.values()
        for destination in each["destinations"].values()
    }
    listed = json.loads(uploaded[data["SourceList"]].read_text())
    assert [name for _, name in listed] == [f"part-{number:05}.recordio" for number in range(3)]
    assert [uploaded[key].read_text() for key, _ in listed] == [name for _, name in listed]
    allowed = {s["Sid"]: s["Resource"] for s in policies(stack) if "Sid" in s}
    sources = [arn["Fn::Join"][1][-1] for arn in allowed["ReadAssets"]]
    assets = f":s3:::{data['SourceBucket']}"
    assert sources == [f"{assets}/{data['SourceList']}", f"{assets}/*.recordio"]
    assert allowed["StageData"]["Fn::Join"][1][-1] == f":s3:::bucket/prefix/data/{'f' * 64}/*"


def test_the_same_content_under_another_name_is_staged_at_the_same_key(tmp_path: Path) -> None:
    """A folder belongs to a digest, and a job reads all that is in the folder."""
    keys = set()
    for name in ("train.recordio", "part-00000.recordio"):
        (tmp_path / name).write_text("the same", encoding="utf-8")
        channel = Channel({tmp_path / name: "f" * 64}, "f" * 64, "text/csv")
        stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
        build(stack, channels={"train": channel})
        (resource,) = Template.from_stack(stack).find_resources("Custom::TrainingJob").values()
        keys.add(resource["Properties"]["Data"][0]["Key"])
    assert keys == {f"prefix/data/{'f' * 64}/train.recordio"}


def test_two_channels_with_the_same_data_are_refused(stack: Stack) -> None:
    """They would be in one folder, which each of the two reads."""
    channels = {name: Channel({Path(name): "0" * 64}, "0" * 64, "text/csv") for name in "ab"}
    with pytest.raises(TrainingJobError, match="the channels 'a' and 'b' have the same data"):
        build(stack, channels=channels)


@pytest.mark.parametrize("files", [[], ["a/x", "b/x"]])
def test_a_channel_whose_files_would_overwrite_each_other_is_refused(files: list[str]) -> None:
    with pytest.raises(
        TrainingJobError, match=r"a channel has (no file|two files 'x'); names must"
    ):
        Channel({Path(file): "0" * 64 for file in files}, "0" * 64, "text/csv")


def test_the_function_knows_which_wait_its_handle_is_for(stack: Stack) -> None:
    """As the request that it gets does."""
    build(stack)
    template = Template.from_stack(stack)
    (resource,) = template.find_resources("Custom::TrainingJob").values()
    (start,) = [
        f["Properties"]["Environment"]["Variables"]
        for f in template.find_resources("AWS::Lambda::Function").values()
        if f["Properties"]["Handler"] == "handlers.start.handler"
    ]
    assert start["WAIT"] == resource["Properties"]["Wait"]
    assert start["WAIT"] in start["WAIT_HANDLE"]["Ref"]


def test_the_function_has_the_request_itself(stack: Stack) -> None:
    """Its caller's is not what runs."""
    build(stack)
    template = Template.from_stack(stack)
    (resource,) = template.find_resources("Custom::TrainingJob").values()
    variables = [
        function["Properties"]["Environment"]["Variables"]
        for function in template.find_resources("AWS::Lambda::Function").values()
        if function["Properties"]["Handler"] == "handlers.start.handler"
    ]
    assert [each["REQUEST"] for each in variables] == [resource["Properties"]["Request"]]


def test_a_request_that_no_environment_can_hold_is_refused(stack: Stack) -> None:
    tags = {f"a{number}": "" for number in range(80)}
    with pytest.raises(TrainingJobError, match="the request for the training job has some"):
        build(stack, environment_tags=tags)


def test_metrics_are_those_that_the_function_writes(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = build(stack)
    monkeypatch.setenv("NAME_PREFIX", "job")
    ended: Any = {"TrainingJobStatus": "Completed"}
    (written,) = finish.measure(ended)["_aws"]["CloudWatchMetrics"]
    failed, duration = job.metric_failed(), job.metric_duration(period=Duration.hours(1))
    assert failed.namespace == duration.namespace == written["Namespace"]
    assert (failed.metric_name, failed.statistic) == ("Failed", "Sum")
    assert (duration.metric_name, duration.statistic) == ("Duration", "Maximum")
    assert duration.period.to_seconds() == 3600
    assert failed.dimensions == {"Name": "job"}


def test_a_rule_hears_every_change_of_this_fingerprints_jobs(stack: Stack) -> None:
    job = build(stack)
    job.on_state_change("Changes")
    (rule,) = [
        rule
        for name, rule in Template.from_stack(stack).find_resources("AWS::Events::Rule").items()
        if "Changes" in name
    ]
    prefix = f"job-{job.fingerprint[:12]}-"
    detail = rule["Properties"]["EventPattern"]["detail"]
    assert detail == {"TrainingJobName": [{"prefix": prefix}]}


def test_a_job_starts_when_all_that_hear_of_it_are_there(stack: Stack) -> None:
    build(stack).on_state_change("Changes")
    template = Template.from_stack(stack)
    (resource,) = template.find_resources("Custom::TrainingJob").values()
    assert template.find_resources("AWS::Events::Rule").keys() <= set(resource["DependsOn"])


def test_a_job_starts_when_its_end_can_be_handled_and_a_crash_be_told(stack: Stack) -> None:
    build(stack)
    template = Template.from_stack(stack)
    (resource,) = template.find_resources("Custom::TrainingJob").values()
    (config,) = template.find_resources("AWS::Lambda::EventInvokeConfig")
    functions = template.find_resources("AWS::Lambda::Function")
    (finish_function,) = [name for name in functions if name.startswith("JobFinish")]
    assert {config, finish_function} <= set(resource["DependsOn"])
    # And the function waits for its permissions.
    (policy,) = [p for p in template.find_resources("AWS::IAM::Policy") if "FinishRole" in p]
    assert policy in functions[finish_function]["DependsOn"]


def test_a_start_that_never_answers_fails_the_deployment_in_minutes(stack: Stack) -> None:
    """CloudFormation would wait for an hour by itself."""
    build(stack)
    (resource,) = Template.from_stack(stack).find_resources("Custom::TrainingJob").values()
    assert resource["Properties"]["ServiceTimeout"] == "900"


def test_the_functions_may_list_what_is_below_the_prefix_alone(stack: Stack) -> None:
    build(stack)
    listing = [s for s in policies(stack) if s["Action"] == "s3:ListBucket"]
    assert len(listing) == 2
    for statement in listing:
        assert statement["Condition"] == {"StringLike": {"s3:prefix": ["prefix/*"]}}


def test_no_signed_url_is_a_property_of_the_custom_resource(stack: Stack) -> None:
    """The CDK's provider logs the properties."""
    build(stack)
    template = Template.from_stack(stack)
    (handle,) = template.find_resources("AWS::CloudFormation::WaitConditionHandle")
    (resource,) = template.find_resources("Custom::TrainingJob").values()
    assert handle not in json.dumps(resource["Properties"])


def test_a_crash_of_the_last_function_is_told_to_the_deployment(stack: Stack) -> None:
    build(stack)
    (config,) = Template.from_stack(stack).find_resources("AWS::Lambda::EventInvokeConfig").values()
    assert config["Properties"]["MaximumRetryAttempts"] == 1
    (target,) = config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"].values()
    assert "Crashed" in target[0]


def _flat(resource: Any) -> str:
    """A resource of a policy as text, its references in angle brackets."""
    if isinstance(resource, str):
        return resource
    ((kind, value),) = resource.items()
    parts = value[1] if kind == "Fn::Join" else [f"<{_reference(resource)}>"]
    return "".join(_flat(part) for part in parts)


def wildcards(stack: Stack, fingerprint: str) -> set[tuple[str, str]]:
    """(action, resource) wherever a resource is not the name of one thing alone."""
    found = set()
    for statement in policies(stack):
        actions, resources = statement["Action"], statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            text = _flat(resource).replace(fingerprint, "FINGERPRINT")
            text = text.replace(fingerprint[:12], "FINGERPRINT").removeprefix(
                "arn:<AWS::Partition>:"
            )
            text = re.sub(r"^(\w+):[\w-]*:\d*:", r"\1:", text)
            text = re.sub(r"^<.*>", "FUNCTION", text)
            if "*" in text or "?" in text:
                for action in [actions] if isinstance(actions, str) else actions:
                    found.add((action, text))
    return found


def test_every_wildcard_is_listed_with_its_reason(stack: Stack) -> None:
    job = build(
        stack,
        name="NAME",
        prefix="PREFIX",
        network=Network(ec2.Vpc(stack, "Vpc")),
        encryption_key=kms.Key(stack, "Key"),
    )
    page = PERMISSIONS.read_text(encoding="utf-8")
    documented, _, _ = page.partition("<!--")  # what `make prove-iam` writes lists all there is
    rows = re.findall(r"^\| (`.+) \| (.+) \| (.+) \| (.+) \|$", documented, re.MULTILINE)
    listed = {
        (action, resource.strip("`"))
        for actions, resource, _, reason in rows
        for action in re.findall(r"`([^`]+)`", actions)
        if reason
    }
    assert wildcards(stack, job.fingerprint) == listed
    everything = {action for action, resource in listed if resource == "*"}
    assert everything == WILDCARDS.keys()


def test_the_page_of_permissions_shows_no_names_that_only_the_embedded_aws_gives() -> None:
    assert "/aws/cloudformation/" not in PERMISSIONS.read_text(encoding="utf-8")


def test_the_job_starts_when_its_role_has_its_permissions(stack: Stack) -> None:
    build(stack, encryption_key=kms.Key(stack, "Key"))
    (resource,) = Template.from_stack(stack).find_resources("Custom::TrainingJob").values()
    assert any(name.startswith("RoleDefaultPolicy") for name in resource["DependsOn"])


def test_a_job_that_outlasts_the_longest_wait_is_refused(stack: Stack) -> None:
    with pytest.raises(TrainingJobError, match=r"max_runtime is 701 minutes.* 720 minutes"):
        build(stack, max_runtime=Duration.minutes(701))
