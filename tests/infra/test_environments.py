"""Environments: what they inherit, what they are called, and how they are told apart."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnResource, Environment, TagManager

from operations.__main__ import main
from stacks.environment import add_environment
from stacks.settings import SettingsError, load, read_context
from stacks.settings.context import read_sources
from stacks.settings.load import effective
from stacks.settings.reference import reference
from stacks.settings.schema import schema
from stacks.synthesis import context_of
from tests.support.synthesis import PROJECT, flags

from .conftest import Synthesize, Templates

ALL = {
    "preparation.source": "s3://corpora/news",
    "notices": "me@example.com",
    "endpoint.instance_count": "2",
    "updates.strategy": "canary",
    "scaling.max_instances": "3",
    "scaling.min_instances": "2",
    "scaling.instance_type": "ml.m4.xlarge",
    "encryption_key": "create",
    "network.vpc": "vpc-00000001",
    "network.subnets": "subnet-00000001,subnet-00000002",
}
# Properties by which a resource gets a name that somebody else could have taken.
NAMES = re.compile(r"Name$")
NOT_OWN_NAMES = {"MetricName", "PolicyName"}  # inside of what has a name of its own


def context(**environments: Any) -> dict[str, Any]:
    return {"environments": {"dev": {}, **environments}}


def test_an_environment_inherits_the_defaults_and_wins_over_them() -> None:
    defaults = {
        "model": {"num_topics": 5},
        "owner": "Search",
        "tags": {"team": "a", "Stage": "x"},
        "endpoint": {"instance_type": "ml.m5.large", "capture_percent": 5},
    }
    own = {"model": {"num_topics": 7}, "tags": {"team": "b"}, "endpoint": {"capture_percent": 9}}
    settings = load({"defaults": defaults, "environments": {"dev": own}, "endpoint.enabled": "no"})
    assert settings.model.num_topics == 7
    assert settings.owner == "Search"
    assert settings.tags == {"team": "b", "Stage": "x"}
    assert settings.endpoint.instance_type == "ml.m5.large"
    assert settings.endpoint.capture_percent == 9
    assert not settings.endpoint.enabled


VPC = {"network.vpc": "vpc-00000001", "network.subnets": "subnet-00000001,subnet-00000002"}
KEY = "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012"
ROLE = "arn:aws:iam::111122223333:role/Theirs"
EACH = [
    {},
    ALL,
    {"role": ROLE},
    VPC,
    {**VPC, "network.security_groups": "sg-00000001"},
    {"encryption_key": "create"},
    {"encryption_key": KEY},
    {"model.num_topics": "7"},
    {"retain_data": "true"},
    {"endpoint.enabled": "false"},
    {"endpoint.capture_percent": "5"},
    {"serverless.memory_mb": "1024"},
    {"permissions_boundary": "Bound"},
]


def test_preflight_knows_every_export_that_a_change_of_settings_drops(
    synthesize: Synthesize,
) -> None:
    """CloudFormation refuses to delete one that the stacks deployed before still import."""
    exports, imports = {}, {}
    for number, settings in enumerate(EACH):
        made = {name: template.to_json() for name, template in synthesize(**settings).items()}
        exports[number] = {
            output["Export"]["Name"]
            for template in made.values()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }
        imports[number] = set(
            re.findall(r'{"Fn::ImportValue": "([^"]+)"}', json.dumps(list(made.values())))
        )
    dropped = {
        name
        for before, used in imports.items()
        for after, offered in exports.items()
        if before != after
        for name in used - offered
    }
    known = re.compile(r"GetAtt(ExecutionRole|SecurityGroup|Key)[0-9A-F]{8}")
    assert dropped
    assert [name for name in dropped if known.search(name) is None] == []


def test_an_environment_takes_back_a_default_with_null() -> None:
    assert load({"defaults": {"bucket": "mine"}, **context(dev={"bucket": None})}).bucket is None


@pytest.mark.parametrize(
    ("shared", "own"),
    [
        ({"notices": "me@example.com"}, {"notices": None}),
        ({"notices": "me@example.com"}, {"notices": ""}),
        ({"encryption_key": "create"}, {"encryption_key": None}),
        ({"scaling": {"max_instances": 2}}, {"scaling": {"max_instances": None}}),
        ({"serverless": {"memory_mb": 1024}}, {"serverless": {"memory_mb": ""}}),
        ({"tags": {"team": "a"}}, {"tags": {"team": None}}),
        ({"tags": {"team": "a"}}, {"tags": {"team": ""}}),
        ({"tags": {"team": "a"}}, {"tags": None}),
        (
            {"network": {"vpc": "vpc-00000001", "subnets": ["subnet-00000001"]}},
            {"network": {"vpc": None, "subnets": None}},
        ),
    ],
)
def test_what_an_environment_inherits_is_switched_off_by_null_or_an_empty_text(
    shared: dict[str, Any], own: dict[str, Any]
) -> None:
    assert load({"defaults": shared, **context(dev=own)}) == load(context())


@pytest.mark.parametrize(
    ("shared", "options"),
    [
        ({"notices": "me@example.com"}, {"notices": ""}),
        ({"serverless": {"memory_mb": 1024}}, {"serverless.memory_mb": ""}),
        ({"tags": {"team": "a"}}, {"tags.team": ""}),
        (
            {"network": {"vpc": "vpc-00000001", "subnets": ["subnet-00000001"]}},
            {"network.vpc": "", "network.subnets": ""},
        ),
    ],
)
def test_an_option_without_a_value_switches_off_what_is_inherited(
    shared: dict[str, Any], options: dict[str, str]
) -> None:
    assert load({"defaults": shared, **context(), **options}) == load(context())


def test_an_alarm_that_is_on_by_itself_is_switched_off_by_null() -> None:
    assert load(context(dev={"alarms": {"idle_hours": None}})).alarms.idle_hours is None
    assert load({**context(), "alarms.idle_hours": ""}).alarms.idle_hours is None


@pytest.mark.parametrize("key", ["prefix", "retain_data", "alarms"])
def test_what_must_have_a_value_is_not_switched_off(key: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{key} is null; "):
        load({**context(), key: None})


def test_a_synthesis_reads_the_nulls_that_cdk_hands_over(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of a context that is too long for a variable."""
    app = App(outdir=str(tmp_path / "out"), context={"owner": "Search"})
    overflow = tmp_path / "overflow.json"
    overflow.write_text(json.dumps({"defaults": {"notices": None}}))
    monkeypatch.setenv("CONTEXT_OVERFLOW_LOCATION_ENV", str(overflow))
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({"alarms": {"idle_hours": None}}))
    found = context_of(app)
    assert found["owner"] == "Search"
    assert found["defaults"] == {"notices": None}
    assert found["alarms"] == {"idle_hours": None}


def test_an_alarm_that_the_environment_switches_off_is_not_in_the_template(
    corpus: Path, tmp_path: Path
) -> None:
    given = {**flags(), **context(dev={"alarms": {"idle_hours": None}}), "prepared": str(corpus)}
    handed_over = {"CDK_CONTEXT_JSON": json.dumps(given), "CDK_OUTDIR": str(tmp_path)}
    environment = {**os.environ, **handed_over, "CDK_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=PROJECT, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    template = (tmp_path / "topic-model-dev-serving.template.json").read_text()
    assert "answers take more than" in template
    assert "no request for" not in template


def test_defaults_that_are_no_object_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"^defaults is 3; an object is needed$"):
        load({"defaults": 3, **context()})


@pytest.mark.parametrize("environments", [3, None, ["dev"], "dev"])
def test_environments_that_are_no_object_are_refused(environments: object) -> None:
    with pytest.raises(SettingsError, match=r"^environments is .*; an object is needed$"):
        load({"environments": environments})


def test_an_environment_is_chosen_by_a_name() -> None:
    with pytest.raises(SettingsError, match=r"^env is \['dev'\]; .* declares: dev$"):
        load({**context(), "env": ["dev"]})


def test_each_effective_setting_says_where_it_comes_from() -> None:
    given: dict[str, Any] = {
        "defaults": {
            "owner": "Search",
            "endpoint": {"capture_percent": 5},
            "model": {"num_topics": 5},
        },
        "environments": {"prod": {"model": {"num_topics": 7}, "endpoint": {"enabled": False}}},
        "model.alpha0": 2,
    }
    written = {"env": "prod", "endpoint.capture_percent": "9"}
    sources = {"cdk.json": given, "command line": written}
    found = {one.key: (one.value, one.origin) for one in effective(sources)}
    assert found["env"] == ("prod", "command line")
    assert found["owner"] == ("Search", "defaults")
    assert found["model.num_topics"] == (7, "environments.prod")
    assert found["model.alpha0"] == (2, "cdk.json")
    assert found["endpoint.enabled"] == (False, "environments.prod")
    assert found["endpoint.capture_percent"] == (9, "command line")
    assert found["endpoint.instance_type"] == ("ml.m4.xlarge", "built in")


def test_two_environments_of_one_name_are_refused() -> None:
    both = {"x": {"project": "a-b"}, "b-x": {"project": "a"}}
    with pytest.raises(SettingsError, match=r"together they make the name 'a-b-x', which env"):
        load({"environments": both, "env": "x"})


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"Owner": "x"}, "tags has 'Owner', which the setting owner sets"),
        ({"awsome": "x"}, "AWS reserves keys that begin with aws: rename it"),
        ({"Team": "x", "team": "y"}, "tags has 'Team' and 'team', which differ only in case: keep"),
        ({"a b": "x"}, "tags.a b"),
        ({"team": "ü"}, r"tags.team is 'ü'"),
        ({f"t{i}": "x" for i in range(41)}, "tags has 41 keys; at most 40 are allowed"),
    ],
)
def test_tags_that_not_everything_takes_are_refused(tags: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(context(dev={"tags": tags}))
    assert problem in str(caught.value)


def resources(scope: App) -> Iterator[CfnResource]:
    return (child for child in scope.node.find_all() if isinstance(child, CfnResource))


def test_everything_taggable_is_tagged(corpus: Path, tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context=flags())
    tags = {"owner": "Search", "cost_center": "4711", "tags": {"Team": "Topics"}}
    settings = load({**context(dev=tags), **ALL, "prepared": str(corpus)})
    add_environment(app, settings, Environment(account="111122223333", region="us-east-1"))
    expected = {
        "project": "topic-model",
        "environment": "dev",
        "owner": "Search",
        "cost-center": "4711",
        "Team": "Topics",
    }
    stacks = app.synth().stacks  # tags are set at the very end
    tagged = 0
    for resource in resources(app):
        if TagManager.is_taggable(resource):
            manager: Any = resource
            assert expected.items() <= manager.tags.tag_values().items(), resource.node.path
            tagged += 1
    assert tagged > 20
    artifact: Any
    for artifact in stacks:
        assert artifact.tags == expected


def test_the_job_and_its_model_are_tagged_as_the_stacks_are(synthesize: Synthesize) -> None:
    template = synthesize(owner="Search", **{"tags.Team": "Topics"})["training"].to_json()
    text = json.dumps(template)
    for key, value in {"owner": "Search", "Team": "Topics"}.items():
        assert json.dumps(json.dumps({"Key": key, "Value": value}))[2:-2].replace(" ", "") in text


def roles(templates: Templates) -> list[dict[str, Any]]:
    found = [t.find_resources("AWS::IAM::Role").values() for t in templates.values()]
    return [dict(role["Properties"]) for values in found for role in values]


@pytest.mark.parametrize("boundary", ["Bound", "arn:aws:iam::111122223333:policy/Bound"])
def test_a_permissions_boundary_bounds_every_role(synthesize: Synthesize, boundary: str) -> None:
    for role in roles(synthesize(permissions_boundary=boundary)):
        assert json.dumps(role["PermissionsBoundary"]).rstrip(']}"').endswith("policy/Bound")


def test_the_bootstrap_of_the_qualifier_is_used(
    synthesize: Synthesize, corpus: Path, tmp_path: Path
) -> None:
    app = App(outdir=str(tmp_path), context=flags())
    given = context(dev={"bootstrap_qualifier": "platform1", "termination_protection": True})
    settings = load({**given, "prepared": str(corpus)})
    add_environment(app, settings, Environment(account="111122223333", region="us-east-1"))
    artifact: Any
    for artifact in app.synth().stacks:
        assert "cdk-platform1-deploy-role" in artifact.assume_role_arn
        assert "hnb659fds" not in Path(artifact.template_full_path).read_text()
        assert artifact.termination_protection


def physical_names(templates: Templates) -> set[str]:
    """What a template calls things, where a second one of that name would collide."""
    names = set()
    for template in templates.values():
        for resource in template.to_json()["Resources"].values():
            for key, value in resource.get("Properties", {}).items():
                if NAMES.search(key) and key not in NOT_OWN_NAMES and isinstance(value, str):
                    names.add(f"{resource['Type']} {value}")
        exports = template.find_outputs("*").values()
        names |= {json.dumps(o["Export"]) for o in exports if "Export" in o}
    return names


def test_two_environments_have_no_name_in_common(synthesize: Synthesize) -> None:
    one, other = (physical_names(synthesize(env=env, **ALL)) for env in ("dev", "dev-2"))
    assert "AWS::SageMaker::Endpoint topic-model-dev" in one
    assert not one & other


def test_no_name_of_one_region_is_known_to_the_whole_account(synthesize: Synthesize) -> None:
    """What is global (buckets, roles, policies) has a name of CloudFormation's, or the Region's."""
    for region in ("us-east-1", "eu-west-1"):
        templates = synthesize(region=region, **ALL)
        for template in templates.values():
            for kind, name in (
                ("AWS::S3::Bucket", "BucketName"),
                ("AWS::IAM::Role", "RoleName"),
                ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
            ):
                for resource in template.find_resources(kind).values():
                    assert name not in resource.get("Properties", {})
            for board in template.find_resources("AWS::CloudWatch::Dashboard").values():
                assert board["Properties"]["DashboardName"] == f"topic-model-dev-{region}"


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def in_a_folder_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        given = {"defaults": {"owner": "Search"}, "environments": {"dev": {}, "prod": {}}}
        Path("cdk.json").write_text(json.dumps({"context": given}))

    def test_prints_a_line_for_each_setting(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["settings", "--env", "prod", "-c", "model.num_topics=20"]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["env", "prod", "command", "line"] in lines
        assert ["owner", "Search", "defaults"] in lines
        assert ["model.num_topics", "20", "command", "line"] in lines
        assert ["bucket", "-", "built", "in"] in lines

    def test_prints_json_for_scripts(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["settings", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert {"key": "owner", "value": "Search", "origin": "defaults"} in found

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--env", "test"], "env is 'test'"),
            (["-c", "model.num_topics"], "must have the form KEY=VALUE"),
            (["-c", "model.num_topics=0"], "model.num_topics is '0'"),
        ],
    )
    def test_bad_input_is_told_in_a_line(
        self, arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["settings", *arguments]) == 2
        assert problem in capsys.readouterr().err

    @pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
    def test_a_folder_without_a_cdk_json_of_ours_is_told(
        self, content: str | None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("cdk.json").unlink()
        if content is not None:
            Path("cdk.json").write_text(content)
        assert main(["settings"]) == 2
        assert capsys.readouterr().err.startswith("operations settings: cdk.json: ")


class TestSources:
    """What `cdk` reads is what all command lines read; tests/e2e/test_context.py asks it."""

    @pytest.fixture(autouse=True)
    def in_a_folder_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "home").mkdir()
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        Path("cdk.json").write_text(
            json.dumps({"context": context(dev={"model": {"num_topics": 5}})})
        )

    def test_the_context_file_is_read_and_cdk_json_wins_over_it(self) -> None:
        kept = {
            "environments": {"dev": {"model": {"num_topics": 3, "alpha0": 2}}, "qa": {}},
            "owner": "Me",
        }
        Path("cdk.context.json").write_text(json.dumps(kept))
        found = {one.key: (one.value, one.origin) for one in effective(read_sources(None, []))}
        assert found["model.num_topics"] == (5, "environments.dev")
        assert found["model.alpha0"] == (2, "environments.dev")
        assert found["owner"] == ("Me", "cdk.context.json")

    def test_the_users_own_file_is_read_and_all_others_win_over_it(self) -> None:
        Path("home/.cdk.json").write_text(json.dumps({"context": {"owner": "Me", "tol": 1e-6}}))
        Path("cdk.context.json").write_text(json.dumps({"owner": "Us"}))
        found = read_context(None, [])
        assert (found["owner"], found["tol"]) == ("Us", 1e-6)

    def test_a_null_wins_over_what_is_weaker(self) -> None:
        Path("cdk.context.json").write_text(json.dumps({"environments": {"dev": {"tol": 1}}}))
        given = {"context": context(dev={"tol": None})}
        Path("cdk.json").write_text(json.dumps(given))
        assert read_context(None, [])["environments"]["dev"]["tol"] is None

    def test_the_variable_counts_without_an_option_only(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CDK_CONTEXT", "model.num_topics=7")
        assert load(read_context(None, [])).model.num_topics == 7
        assert load(read_context("dev", [])).model.num_topics == 5
        assert load(read_context(None, ["model.alpha0=2"])).model.num_topics == 5

    @pytest.mark.parametrize("content", ["[]", "{", '{"a": NaN}'])
    @pytest.mark.parametrize("name", ["cdk.context.json", "home/.cdk.json"])
    def test_a_file_that_is_no_json_object_is_refused(self, name: str, content: str) -> None:
        Path(name).write_text(content)
        with pytest.raises(SettingsError, match=r"cdk.*json: must be a JSON object"):
            read_context(None, [])

    def test_a_byte_order_mark_is_no_fault(self) -> None:
        Path("cdk.context.json").write_text('\ufeff{"model.num_topics": 7}', encoding="utf-8")
        assert load(read_context(None, [])).model.num_topics == 7


def test_the_schema_that_editors_use_is_the_settings() -> None:
    """`python -m operations settings --schema > stacks/settings/cdk.schema.json` mends it."""
    named = json.loads((PROJECT / "cdk.json").read_text())["$schema"]
    assert json.loads((PROJECT / named).read_text()) == schema()


def test_every_setting_is_described_where_it_stands_and_docs_settings_says_the_same() -> None:
    """`python -m operations settings --describe > docs/settings.md` mends it."""
    for name, group in schema()["$defs"].items():
        for key, one in group["properties"].items():
            assert "$ref" in one or one["description"].strip().endswith("."), f"{name}.{key}"
    assert (PROJECT / "docs/settings.md").read_text(encoding="utf-8") == reference()


def test_the_schema_knows_every_setting_and_no_other() -> None:
    environment = schema()["$defs"]["Environment"]
    known = {
        key.partition(".")[0] for key in (one.key for one in effective({"cdk.json": context()}))
    }
    assert environment["properties"].keys() | {"env"} == known | {"tags"}
    assert environment["additionalProperties"] is False
    assert "required" not in environment


def test_every_environment_of_cdk_json_is_right() -> None:
    given = json.loads((PROJECT / "cdk.json").read_text())["context"]
    for env in given["environments"]:
        assert load(given | {"env": env}).env == env


def test_a_cdk_json_of_endless_depth_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cdk.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^cdk\.json: must be a JSON object"):
        read_context(None, [])
