"""Deployment by CodePipeline: what it runs, in which order, and what each step may do."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from stacks.environment import add_environment
from stacks.settings import SettingsError, load
from tests.support.synthesis import PROJECT, flags
from toolchain.pipeline import build

from .test_snapshots import DIGEST

ACCOUNT, OTHER = "111122223333", "444455556666"
CONNECTION = f"arn:aws:codeconnections:eu-west-1:{ACCOUNT}:connection/11112222-3333-4444"
ASKED = {
    "repository": "OWNER/NAME",
    "pipeline.connection": CONNECTION,
    "pipeline.source": "s3://corpora/team/nyt",
    "pipeline.vocab": "vocab.txt",
}
TARGETS = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)


class Built:
    """A pipeline's app."""

    def __init__(self, folder: Path, corpus: Path, **given: Any) -> None:
        environments: dict[str, Any] = {"dev": {}, "prod": {}}
        context = {"environments": environments, "prepared": str(corpus), **ASKED, **given}
        self.app = App(outdir=str(folder), context=flags() | context)
        build(self.app)
        stack: Any = self.app.node.find_child(f"{given.get('project', 'topic-model')}-pipeline")
        self.stack = stack
        self.template = Template.from_stack(stack)

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        found = self.template.find_resources(f"AWS::{kind}")
        return {key: dict(one["Properties"]) for key, one in found.items()}

    def stages(self) -> dict[str, list[str]]:
        """The stages and their actions, in their order."""
        (pipeline,) = self.resources("CodePipeline::Pipeline").values()
        return {
            stage["Name"]: [
                action["Name"] for action in sorted(stage["Actions"], key=lambda a: a["RunOrder"])
            ]
            for stage in pipeline["Stages"]
        }

    def commands(self, step: str) -> list[str]:
        """What the projects of a step run after what the CDK adds."""
        found: list[str] = []
        for project in self.resources("CodeBuild::Project").values():
            if project["Description"].endswith(f"/{step}"):
                found += json.loads(project["Source"]["BuildSpec"])["phases"]["build"]["commands"]
        return found

    def statements(self, role: str) -> list[dict[str, Any]]:
        """What roles are allowed whose name has `role` in it."""
        policies = self.resources("IAM::Policy")
        documents = [one["PolicyDocument"] for key, one in policies.items() if role in key]
        return [statement for document in documents for statement in document["Statement"]]


@pytest.fixture(scope="module")
def make(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Built]:
    return lambda **given: Built(tmp_path_factory.mktemp("cdk.out"), corpus, **given)


@pytest.fixture(scope="module")
def built(make: Callable[..., Built]) -> Built:
    return make()


def test_template_is_unchanged(built: Built, snapshot: SnapshotAssertion) -> None:
    text = DIGEST.sub("DIGEST", json.dumps(built.template.to_json()))
    text = re.sub(r"buildspec-[0-9a-f]+-", "buildspec-DIGEST-", text)
    text = re.sub(r"aws-cdk@[0-9.]+", "aws-cdk@VERSION", text)  # which another test holds
    assert json.loads(text) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("pipeline.connection", "^pipeline.connection is not set"),
        ("pipeline.source", "^pipeline.connection is set but pipeline.source is not"),
        ("repository", "^pipeline.connection is set but repository is not"),
    ],
)
def test_there_is_no_pipeline_unless_the_settings_ask_for_all_of_it(
    missing: str, problem: str, tmp_path: Path, corpus: Path
) -> None:
    with pytest.raises(SettingsError, match=problem):
        Built(tmp_path, corpus, **{missing: None})


def test_a_prepared_corpus_with_a_vocabulary_of_its_own_is_refused(
    tmp_path: Path, corpus: Path
) -> None:
    with pytest.raises(SettingsError, match=r"^pipeline\.vocab is set"):
        Built(tmp_path, corpus, **{"pipeline.corpus": ""})


def test_an_environment_that_is_not_declared_is_refused(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(SettingsError, match="env is 'test'"):
        Built(tmp_path, corpus, **{"pipeline.environments": "dev,test"})


def test_dev_is_deployed_and_asked_before_prod_is_approved(built: Built) -> None:
    deployed = [
        f"{stack}.{action}"
        for stack in ("storage", "training", "serving")
        for action in ("Prepare", "Deploy")
    ]
    assert built.stages() == {
        "Source": ["OWNER_NAME"],
        "Build": ["Synth"],
        "UpdatePipeline": ["SelfMutate"],
        "Assets": ["FileAssets"],
        "topic-model-dev": [*deployed, "Smoke"],
        "topic-model-prod": ["Approve", *deployed, "Smoke"],
    }


def test_environments_are_deployed_in_the_order_of_the_settings(make: Callable[..., Built]) -> None:
    built = make(**{"pipeline.environments": "prod,dev"})
    assert list(built.stages())[-2:] == ["topic-model-prod", "topic-model-dev"]
    assert built.stages()["topic-model-dev"][0] == "Approve"


def test_our_steps_are_the_makefiles(built: Built) -> None:
    assert built.commands("Synth") == [
        "make fetch SOURCE=s3://corpora/team/nyt",
        (
            "make pipeline CORPUS=build/source/corpus.txt VOCAB=build/source/vocab.txt "
            'CDK_OPTIONS="-c commit=$COMMIT"'
        ),
    ]
    assert sorted(built.commands("Smoke")) == [
        f"make smoke ENDPOINT=topic-model-{env} AWS_REGION=eu-west-1" for env in ("dev", "prod")
    ]
    for command in built.commands("Synth") + built.commands("Smoke"):
        assert command.split()[1] in TARGETS


def test_another_commit_changes_nothing_of_the_pipeline_itself(
    built: Built, make: Callable[..., Built]
) -> None:
    """Or each would update it and start it again."""
    assert make(commit="0123456789abcdef").template.to_json() == built.template.to_json()


def test_raw_text_has_no_vocabulary(make: Callable[..., Built]) -> None:
    built = make(**{"pipeline.vocab": None, "pipeline.corpus": "articles.jsonl"})
    assert built.commands("Synth")[1].startswith(
        "make pipeline CORPUS=build/source/articles.jsonl CDK_OPTIONS="
    )


def test_the_documents_of_a_prepared_corpus_are_not_fetched(
    make: Callable[..., Built], built: Built
) -> None:
    prepared = make(**{"pipeline.vocab": None, "pipeline.corpus": ""})
    assert prepared.commands("Synth") == [
        'make pipeline CORPUS=s3://corpora/team/nyt CDK_OPTIONS="-c commit=$COMMIT"'
    ]
    assert prepared.statements("Synth") == built.statements("Synth")


def test_the_tools_of_the_steps_are_pinned(built: Built, make: Callable[..., Built]) -> None:
    """The CDK's own steps have the version of package.json, and no step a runtime by chance."""
    package = json.loads((PROJECT / "package.json").read_text())["devDependencies"]
    specs = [
        json.loads(project["Source"]["BuildSpec"])
        for project in built.resources("CodeBuild::Project").values()
        if project["Source"]["BuildSpec"].startswith("{")
    ]
    (published,) = Path(built.app.outdir).glob("buildspec-*.yaml")
    specs.append(json.loads(published.read_text()))
    installed = [c for spec in specs for c in spec["phases"]["install"].get("commands", [])]
    npm = [command for command in installed if "npm" in command]
    assert f"npm install -g aws-cdk@{package['aws-cdk']}" in npm
    assert all(re.fullmatch(r"npm install -g [a-z-]+@\d+\.\d+\.\d+", one) for one in npm)
    for spec in specs:
        assert spec["phases"]["install"]["runtime-versions"].keys() == {"python", "nodejs"}


def test_synthesis_reads_the_corpus_and_nothing_else_of_s3_but_artifacts(built: Built) -> None:
    named = [one for one in built.statements("Synth") if isinstance(one["Resource"], str)]
    assert named == [
        {
            "Sid": "ReadCorpus",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::corpora/team/nyt/*",
        },
        {
            "Sid": "FindCorpus",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::corpora",
            "Condition": {"StringLike": {"s3:prefix": "team/nyt/*"}},
        },
    ]
    actions = [one["Action"] for one in built.statements("Synth") if one not in named]
    services = {action.partition(":")[0] for several in actions for action in several}
    assert services == {"codebuild", "logs", "s3"}


def test_a_smoke_test_may_invoke_its_own_endpoint_and_no_other(built: Built) -> None:
    for env in ("dev", "prod"):
        invoking = [
            statement
            for statement in built.statements(f"topicmodel{env}Smoke")
            if "sagemaker" in json.dumps(statement["Action"])
        ]
        assert invoking == [
            {
                "Effect": "Allow",
                "Action": "sagemaker:InvokeEndpoint",
                "Resource": f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/topic-model-{env}",
            }
        ]


@pytest.mark.parametrize(
    ("service", "allowed"),
    [
        (
            "codeconnections",
            ["codeconnections:UseConnection", "codestar-connections:UseConnection"],
        ),
        ("codestar-connections", "codestar-connections:UseConnection"),
    ],
)
def test_the_connection_may_be_used_by_the_name_of_its_service(
    service: str, allowed: list[str] | str, make: Callable[..., Built]
) -> None:
    connection = CONNECTION.replace("codeconnections", service)
    built = make(**{"pipeline.connection": connection})
    using = [one for one in built.statements("PipelineRole") if one["Resource"] == connection]
    assert [one["Action"] for one in using] == [allowed]


def without_paths(template: dict[str, Any]) -> dict[str, Any]:
    """A template less what tells a construct's path: metadata, a description, a permission's id."""
    resources = {
        key: {name: value for name, value in resource.items() if name != "Metadata"}
        for key, resource in template["Resources"].items()
        if resource["Type"] != "AWS::CDK::Metadata"
    }
    text = json.dumps(template | {"Resources": resources})
    text = text.replace("topic-model-pipeline/topic-model-dev/", "")
    stripped: dict[str, Any] = json.loads(re.sub(r"(AllowEventRule)\w+", r"\1", text))
    return stripped


def test_the_stacks_are_those_that_cdk_deploy_makes(
    built: Built, corpus: Path, tmp_path: Path
) -> None:
    """So one can take over from the other, and nothing that has state is replaced."""
    app = App(outdir=str(tmp_path), context=flags())
    settings = load({"environments": {"dev": {}}, "prepared": str(corpus)})
    add_environment(app, settings, Environment(account=ACCOUNT, region="eu-west-1"))
    by_hand = {stack.stack_name: stack.template for stack in app.synth().stacks}
    assembly = built.app.synth().get_nested_assembly(
        "assembly-topic-model-pipeline-topic-model-dev"
    )
    by_pipeline = {stack.stack_name: stack.template for stack in assembly.stacks}
    assert by_hand.keys() == by_pipeline.keys()
    for name, template in by_hand.items():
        assert without_paths(by_pipeline[name]) == without_paths(template)


def stacks(built: Built) -> list[Any]:
    return list(built.app.synth().stacks_recursively)


def test_without_other_accounts_there_is_no_key_to_pay_for(built: Built) -> None:
    assert not built.resources("KMS::Key")
    assert {stack.environment.account for stack in stacks(built)} == {ACCOUNT}


def test_an_environment_elsewhere_is_deployed_there_with_a_key_and_asked_by_its_gate_alone(
    make: Callable[..., Built],
) -> None:
    """No role of this account can invoke an endpoint of another."""
    environments = {"dev": {}, "prod": {"account": OTHER, "region": "us-east-1"}}
    built = make(environments=environments)
    assert len(built.resources("KMS::Key")) == 1
    places = {s.stack_name: (s.environment.account, s.environment.region) for s in stacks(built)}
    assert places["topic-model-dev-serving"] == (ACCOUNT, "eu-west-1")
    assert places["topic-model-prod-serving"] == (OTHER, "us-east-1")
    assert "Smoke" in built.stages()["topic-model-dev"]
    assert "Smoke" not in built.stages()["topic-model-prod"]


def test_an_endpoint_that_is_asleep_is_not_asked(make: Callable[..., Built]) -> None:
    built = make(environments={"dev": {"endpoint": {"enabled": False}}, "prod": {}})
    assert "Smoke" not in built.stages()["topic-model-dev"]
    assert "Smoke" in built.stages()["topic-model-prod"]


def test_the_pipeline_has_what_the_defaults_say_and_nothing_of_an_environment(
    make: Callable[..., Built],
) -> None:
    defaults = {
        "project": "search",
        "owner": "Search",
        "permissions_boundary": "Bound",
        "bootstrap_qualifier": "platform1",
        "termination_protection": True,
    }
    environments = {"dev": {"owner": "Somebody"}, "prod": {}}
    built = make(project="search", defaults=defaults, environments=environments)
    artifact: Any = built.app.synth().get_stack_by_name("search-pipeline")
    assert artifact.tags == {"project": "search", "environment": "pipeline", "owner": "Search"}
    assert artifact.termination_protection
    assert "cdk-platform1-deploy-role" in artifact.assume_role_arn
    for role in built.resources("IAM::Role").values():
        assert json.dumps(role["PermissionsBoundary"]).rstrip(']}"').endswith("policy/Bound")
    assert "hnb659fds" not in json.dumps(built.template.to_json())
    for project in built.resources("CodeBuild::Project").values():
        assert {"Key": "owner", "Value": "Search"} in project["Tags"]


def test_artifacts_and_logs_are_encrypted_private_and_go(built: Built) -> None:
    built.template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "ExpirationInDays": 30,
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                        "Status": "Enabled",
                    }
                ]
            },
        },
    )
    for kind in ("AWS::S3::Bucket", "AWS::Logs::LogGroup"):
        for resource in built.template.find_resources(kind).values():
            assert resource["DeletionPolicy"] == "Delete"
    for project in built.resources("CodeBuild::Project").values():
        assert "GroupName" in project["LogsConfig"]["CloudWatchLogs"]
