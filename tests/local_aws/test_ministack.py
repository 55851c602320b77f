import ast
import importlib
import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
from ministack.services.cloudformation import changesets, engine, handlers, stacks

from local_aws import ministack
from local_aws.ministack import install
from local_aws.ministack.patches import condition_values, waiting_last

ROOM = Path(ministack.__file__).parent


def touched() -> list[tuple[str, str]]:
    """Every (module of MiniStack, name in it) that the room touches."""
    return sorted({pair for file in ROOM.rglob("*.py") for pair in touched_by(file)})


def touched_by(file: Path) -> set[tuple[str, str]]:
    tree = ast.parse(file.read_text())
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
            modules |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            modules |= {a.asname: a.name for a in node.names if a.asname}
    return {
        (modules[node.value.id], node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
    }


def test_the_internals_are_found_by_this_test() -> None:
    assert ("ministack.services.iam", "_roles") in touched()
    assert ("ministack.services.iam", "_oidc_providers") in touched()
    assert len(touched()) > 80


def test_every_patch_is_applied() -> None:
    patches = {file.stem for file in (ROOM / "patches").glob("*.py")} - {"__init__"}
    assert {patch.__name__.rpartition(".")[2] for patch in install.PATCHES} == patches


@pytest.mark.parametrize(("module", "name"), touched())
def test_ministack_still_has_the_name_that_we_touch(module: str, name: str) -> None:
    """After an upgrade this says what has moved, before a deployment fails in some other way."""
    version = importlib.metadata.version("ministack")
    assert hasattr(importlib.import_module(module), name), f"gone in MiniStack {version}"


@pytest.mark.parametrize(
    ("resources", "ordered"),
    [
        pytest.param(
            {
                "AHandle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
                "BCondition": {
                    "Type": "AWS::CloudFormation::WaitCondition",
                    "Properties": {"Handle": {"Ref": "AHandle"}},
                },
                "CAfter": {"Type": "AWS::SNS::Topic", "DependsOn": "BCondition"},
                "DSignals": {"Type": "Custom::Job", "Properties": {"Handle": {"Ref": "AHandle"}}},
            },
            ["AHandle", "DSignals", "BCondition", "CAfter"],
            id="wait conditions",
        ),
        pytest.param(
            {
                "ACustom": {"Type": "Custom::Job"},
                "BAfter": {"Type": "AWS::SNS::Topic", "DependsOn": ["ACustom"]},
                "CCustom": {"Type": "AWS::CloudFormation::CustomResource"},
                "DNested": {"Type": "AWS::CloudFormation::Stack"},
                "ZPolicy": {"Type": "AWS::IAM::Policy"},
            },
            ["ZPolicy", "ACustom", "BAfter", "CCustom", "DNested"],
            id="what calls functions",
        ),
        pytest.param(
            {
                "ACustom": {"Type": "Custom::Job", "DependsOn": "BCondition"},
                "BCondition": {"Type": "AWS::CloudFormation::WaitCondition"},
                "CCustom": {"Type": "Custom::Signals"},
            },
            ["CCustom", "BCondition", "ACustom"],
            id="both",
        ),
        pytest.param(
            {"A": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "A"}}}},
            ["A"],
            id="itself",
        ),
    ],
)
def test_what_waits_for_others_comes_last_and_what_depends_on_it_after_it(
    monkeypatch: pytest.MonkeyPatch, resources: dict[str, Any], ordered: list[str]
) -> None:
    monkeypatch.setattr(stacks, "_topological_sort", stacks._topological_sort)
    waiting_last.apply()
    assert stacks._topological_sort(resources, {}) == ordered


LIST = {"Fn::Join": ["", {"Ref": "List"}]}
REGION = {"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "Key"]}


@pytest.mark.parametrize(
    ("condition", "value", "wanted"),
    [
        ({"Fn::Equals": ["", LIST]}, "", True),
        ({"Fn::Not": [{"Fn::Equals": ["", LIST]}]}, "", False),  # as the CDK's bootstrap stack
        ({"Fn::Not": [{"Fn::Equals": ["", LIST]}]}, "a,b", True),
        ({"Fn::Or": [{"Fn::Equals": [LIST, "ab"]}, {"Fn::Equals": ["1", "2"]}]}, "a,b", True),
        ({"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}, "", True),
        ({"Fn::Equals": [{"Fn::Sub": "${AWS::Partition}-x"}, "aws-x"]}, "", True),
        ({"Fn::Equals": [REGION, "here"]}, "", True),
        ({"Fn::Equals": [{"Ref": "List"}, "a"]}, "a", True),
    ],
)
def test_conditions_compare_what_their_functions_give(
    monkeypatch: pytest.MonkeyPatch, condition: dict[str, Any], value: str, wanted: bool
) -> None:
    for module in (engine, changesets, handlers, stacks):
        monkeypatch.setattr(module, "_evaluate_conditions", engine._evaluate_conditions)
    condition_values.apply()
    template = {
        "Parameters": {"List": {"Type": "CommaDelimitedList"}},
        "Mappings": {"Map": {"us-east-1": {"Key": "here"}}},
        "Conditions": {"It": condition},
    }
    parameters = engine._resolve_parameters(template, [{"Key": "List", "Value": value}])
    assert stacks._evaluate_conditions(template, parameters) == {"It": wanted}
