"""cdk-nag's AwsSolutions and NIST 800-53 r5 on every environment: what is found is accepted here.

An acceptance has a reason that a reviewer can dispute. One that accepts nothing any more fails.
"""

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

from stacks.environment import add_environment
from stacks.settings import load
from tests.support.synthesis import PROJECT, flags, write_corpus
from toolchain import pipeline

from .test_environments import ALL
from .test_pipeline import ASKED

NIST = "NIST.800.53.R5-"
OWN_KEYS = (
    "AWS encrypts it with a key of its own; `encryption_key` brings one that you hold, for a "
    "dollar a month, and then this is not found"
)


@dataclass(frozen=True)
class Accepted:
    """Findings by patterns of the rule's name and of the path below the stack."""

    rule: str
    where: str
    reason: str


ACCEPTED = (
    Accepted(
        "AwsSolutions-L1",
        ".*/(Check|DuringUpdate|Crashed|Finish|Start)/Resource",
        "Python 3.13 is supported until 2029; a newer runtime is an update like any other",
    ),
    Accepted(
        "AwsSolutions-S1|NIST.*S3BucketLoggingEnabled",
        "Bucket/Resource",
        "Access logs need a second bucket to keep and pay; CloudTrail's data events record the "
        "same and are the account's to switch on",
    ),
    Accepted(
        f"{NIST}S3BucketReplicationEnabled",
        "Bucket/Resource",
        "Data comes from files that somebody has, and a model is a function of it: both can be "
        "made again in any Region",
    ),
    Accepted(f"{NIST}S3DefaultEncryptionKMS", "Bucket/Resource", OWN_KEYS),
    Accepted(f"{NIST}CloudWatchLogGroupEncrypted", ".*Logs/Resource", OWN_KEYS),
    Accepted(
        f"{NIST}SNSEncryptedKMS",
        "Alarms/Resource",
        "A notice has an alarm's name and its numbers; `encryption_key` encrypts it",
    ),
    Accepted(f"{NIST}SageMakerEndpointConfigurationKMSKeyConfigured", "EndpointConfig.*", OWN_KEYS),
    Accepted(
        f"{NIST}IAMNoInlinePolicy",
        ".*Role/(DefaultPolicy/)?Resource",
        "A policy that one role has and nobody shares goes with it, and is there before the role "
        "is used; a managed one could be attached elsewhere",
    ),
    Accepted(
        f"{NIST}LambdaConcurrency",
        ".*",
        "Deployments and ends of jobs call these functions, a few times a day; concurrency that is "
        "reserved for them is taken from the account's",
    ),
    Accepted(
        f"{NIST}LambdaDLQ",
        ".*",
        "A custom resource's failure is the deployment's. Finish, which is called by an event, "
        "hands its failures to Crashed; a queue would be read by nobody",
    ),
    Accepted(
        f"{NIST}LambdaInsideVPC",
        ".*",
        "They call AWS's public APIs and no address of a network; in a VPC they need ways out",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::\*\]",
        "(?!Pipeline/).*",
        "Actions that know no resource; docs/permissions.md lists each, and a test holds the list",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::<\w+\.Arn>:\*\]",
        "(Gate|TrainingJob)/(ProviderRole|FinishRole)/DefaultPolicy/Resource",
        "The versions of one function, as the CDK grants to invoke it",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*"
        r"/(data|models|jobs|(data|jobs)/[0-9a-f]{64}|capture|batches|predictions)/\*\]",
        "(ExecutionRole|TransformPolicy|TrainingJob/(Start|Finish)Role/DefaultPolicy)/Resource",
        "Objects below a prefix of one bucket; their names come with data, jobs and requests",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*:s3:::cdk-\w+-assets-[\w<>:-]+/\*\.recordio\]",
        "TrainingJob/StartRole/DefaultPolicy/Resource",
        "The files of a corpus that has several: the CDK names each by a digest, and a policy has "
        "room for some fifty names",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*:log-group:"
        r"/aws/sagemaker/(\*|(Training|Transform)Jobs(\*|:.*))\]",
        "(ExecutionRole|TransformPolicy|TrainingJob/(Start|Finish)Role/DefaultPolicy)/Resource",
        "SageMaker names the groups and streams of jobs and endpoints itself",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*:s3:::corpora/news/\*\]",
        "JobRole/Resource",
        "The source: files that the team names, below a prefix that the settings name",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*/data/\*(/(manifest\.json|(vocab|left_out)\.txt|golden\.json))?\]",
        "(JobRole|PreparePolicy)/Resource",
        "Prepared corpora below a prefix of one bucket; whoever prepares one names it",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*:log-group:/aws-glue/(\*|jobs/.*)\]",
        "(JobRole|PreparePolicy)/Resource",
        "Glue names the groups itself, and the streams after runs",
    ),
    Accepted(
        "AwsSolutions-GL1",
        "Job",
        "The job's log is in the account's groups, which AWS encrypts with a key of its own",
    ),
    Accepted(
        "AwsSolutions-GL3",
        "Job",
        "It uses no job bookmark",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*:alarm:[\w-]+-serving-\*\]",
        "ExecutionRole/Resource",
        "CloudFormation names the alarms of the serving stack, which comes after the role",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*:network-interface/\*\]",
        "ExecutionRole/DefaultPolicy/Resource",
        "SageMaker makes the interfaces; that they are in the environment's subnets is said beside",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Action::kms:GenerateDataKey\*\]",
        "TrainingJob/Notify/EventsRole/DefaultPolicy/Resource",
        "The CDK grants it so to whoever publishes: the forms of one action, on the topic's key",
    ),
)

BY_THE_CDK = "CDK Pipelines grants it so, and leaves no choice: "
POLICIES = "Pipeline/(.*/)?(File|SelfMutation/)?Role/DefaultPolicy/Resource"
OF_THE_PIPELINE = (
    Accepted(
        "AwsSolutions-CB4",
        "Pipeline/.*/Resource",
        "Builds store artifacts in the pipeline's bucket, encrypted with AWS's own key; there is "
        "one to hold, and pay, when environments are in other accounts",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::arn:aws:s3:::corpora/team/nyt/\*\]",
        "Pipeline/Pipeline/Build/Synth/CdkBuildProject/Role/DefaultPolicy/Resource",
        "The corpus: files that the team names, below a prefix that the settings name",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[(Action::s3:(Abort|DeleteObject|GetBucket|GetObject|List)\*"
        r"|Resource::<Bucket\w+\.Arn>/\*|Resource::arn:aws:s3:::topic-model-pipeline-\w+/\*)\]",
        POLICIES,
        BY_THE_CDK + "artifacts, in buckets that hold nothing else for more than 30 days",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Action::kms:(GenerateDataKey|ReEncrypt)\*\]",
        POLICIES,
        BY_THE_CDK + "the forms of one action, on the artifacts' key",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::arn:aws:codebuild:.*:report-group/.*\*\]",
        POLICIES,
        BY_THE_CDK + "reports of tests, which our steps do not write",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::arn:aws:logs:.*:log-group:/aws/codebuild/.*\*\]",
        POLICIES,
        BY_THE_CDK + "CodeBuild's own log groups, beside the one that the stack gives them",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::arn:\*:iam::\d+:role/\*\]",
        "Pipeline/UpdatePipeline/SelfMutation/Role/DefaultPolicy/Resource",
        BY_THE_CDK + "roles with a tag that the bootstrap alone gives, of this account",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::\*\]",
        "Pipeline/UpdatePipeline/SelfMutation/Role/DefaultPolicy/Resource",
        BY_THE_CDK + "describing stacks and listing the bootstrap's bucket, of names not known",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::\*\]",
        "Pipeline/Assets/FileRole/DefaultPolicy/Resource",
        BY_THE_CDK + "starting builds; what these may do is said by roles of their own",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::\*\]",
        "Pipeline/Pipeline/Role/DefaultPolicy/Resource",
        BY_THE_CDK + "the key of artifacts in another Region, whose ARN is not known here",
    ),
    Accepted(
        "AwsSolutions-S1|NIST.*S3Bucket(Logging|Replication|Versioning)Enabled",
        "Default/CrossRegionCodePipelineReplicationBucket/Resource",
        "Copies of artifacts, which CodePipeline makes for another Region and reads once",
    ),
)


def findings(folder: Path, **given: Any) -> set[tuple[str, str]]:
    """What is found of an environment."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    app = App(context=flags(), outdir=str(folder))
    add_environment(
        app, load(context | given), Environment(account="111122223333", region="us-east-1")
    )
    return findings_of(app, folder)


def findings_of(app: App, folder: Path) -> set[tuple[str, str]]:
    """Rules, with the paths below the stack of what breaks them."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), NIST80053R5Checks(app))
    with contextlib.suppress(RuntimeError):  # that there are findings, which the report lists
        app.synth()
    report = json.loads((folder / "validation-report.json").read_text())
    return {
        (violation["ruleName"], construct["constructPath"].partition("/")[2])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


@pytest.fixture(scope="module")
def found(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """The findings of every environment, and of one with everything that settings can add."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    everything = {"env": "dev", **ALL, "endpoint.capture_percent": "10"}
    all_found: set[tuple[str, str]] = set()
    several = write_corpus(tmp_path_factory.mktemp("several"), train=[b"one", b"two"])
    for given in [
        *({"env": env} for env in context["environments"]),
        everything,
        {"env": "dev", "prepared": str(several)},
    ]:
        folder = tmp_path_factory.mktemp("nag")
        all_found |= findings(folder, **{"prepared": str(corpus), **given})
    return all_found


def accepts(one: Accepted, rule: str, path: str) -> bool:
    return bool(re.fullmatch(one.rule, rule) and re.fullmatch(one.where, path))


def test_nothing_is_found_but_what_is_accepted(found: set[tuple[str, str]]) -> None:
    assert found
    assert [f for f in sorted(found) if not any(accepts(one, *f) for one in ACCEPTED)] == []


@pytest.mark.parametrize("one", ACCEPTED, ids=lambda one: one.rule)
def test_every_acceptance_accepts_something(one: Accepted, found: set[tuple[str, str]]) -> None:
    assert any(accepts(one, *finding) for finding in found)


def test_with_a_key_of_ones_own_nothing_is_left_of_encryption(corpus: Path, tmp_path: Path) -> None:
    unencrypted = {one.rule for one in ACCEPTED if "encryption_key" in one.reason}
    rules = {rule for rule, _ in findings(tmp_path, prepared=str(corpus), encryption_key="create")}
    assert not rules & unencrypted


@pytest.fixture(scope="module")
def found_of_pipelines(
    corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> set[tuple[str, str]]:
    """The findings of a pipeline here, and of one to another account and Region."""
    elsewhere = {"account": "444455556666", "region": "us-east-1"}
    all_found: set[tuple[str, str]] = set()
    for prod in ({}, elsewhere):
        given = {"environments": {"dev": {}, "prod": prod}, "prepared": str(corpus), **ASKED}
        folder = tmp_path_factory.mktemp("nag")
        app = App(context=flags() | given, outdir=str(folder))
        pipeline.build(app)
        all_found |= findings_of(app, folder)
    # Stages hold environments, of which `found` is.
    return {(rule, path) for rule, path in all_found if not path.startswith("topic-model-")}


def test_nothing_is_found_of_a_pipeline_but_what_is_accepted(
    found_of_pipelines: set[tuple[str, str]],
) -> None:
    accepted = (*ACCEPTED, *OF_THE_PIPELINE)
    assert [
        f for f in sorted(found_of_pipelines) if not any(accepts(o, *f) for o in accepted)
    ] == []


@pytest.mark.parametrize("one", OF_THE_PIPELINE, ids=lambda one: one.rule)
def test_every_acceptance_of_a_pipeline_accepts_something(
    one: Accepted, found_of_pipelines: set[tuple[str, str]]
) -> None:
    assert any(accepts(one, *finding) for finding in found_of_pipelines)
