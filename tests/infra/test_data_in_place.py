"""A prepared corpus whose documents stay in S3: what the templates then say."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from data_prep.manifest import MANIFEST
from stacks.environment import add_environment
from stacks.settings import load
from stacks.training_job import StoredChannel, StoredFile, TrainingJobError
from tests.support.synthesis import flags, write_corpus

LOCATION = "s3://corpora/data/news"


def in_place(folder: Path, files: int) -> Path:
    """A corpus whose documents are in S3, in so many files to train on, and one to test with."""
    write_corpus(folder, train=[b"%d" % number for number in range(files)])
    path = folder / MANIFEST
    content = json.loads(path.read_text(encoding="utf-8"))
    for part in ("train", "test"):
        for file in content[part]["files"]:
            (folder / file["file"]).unlink()
    path.write_text(json.dumps(content | {"location": LOCATION}), encoding="utf-8")
    return folder


def synthesize(prepared: Path) -> tuple[Template, Path]:
    """The template of the training stack, and the folder of the assets."""
    app = App(context=flags())
    context = {"environments": {"dev": {}}, "prepared": str(prepared)}
    add_environment(app, load(context), Environment(account="111122223333", region="us-east-1"))
    assembly = Path(app.synth().directory)
    training = app.node.find_child("topic-model-dev-training")
    return Template.from_stack(training), assembly  # type: ignore[arg-type]


def job_properties(template: Template) -> Any:
    (resource,) = template.find_resources("Custom::TrainingJob").values()
    return resource["Properties"]


def statements(template: Template, kind: str, policy: str) -> dict[str, Any]:
    """The statements with a name of the resources of a kind, by name."""
    found: dict[str, Any] = {}
    for resource in template.find_resources(kind).values():
        properties = resource["Properties"]
        documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
        for document in documents or [properties.get("PolicyDocument", {"Statement": []})]:
            found |= {s["Sid"]: s for s in document["Statement"] if policy in s.get("Sid", "")}
    return found


def test_a_job_reads_the_folder_of_several_files_and_the_one_file_itself(tmp_path: Path) -> None:
    template, assembly = synthesize(in_place(tmp_path, 3))
    properties = job_properties(template)
    request = json.dumps(properties["Request"])
    assert f"{LOCATION}/train/\\" in request.replace('\\\\"', '\\"')
    assert f"{LOCATION}/test.recordio\\" in request.replace('\\\\"', '\\"')
    places = [item["InPlace"] for item in properties["Data"]]
    assert places == [f"{LOCATION}/train/", f"{LOCATION}/test.recordio"]
    assert not list(assembly.glob("*.recordio"))
    lists = [json.loads(path.read_text()) for path in assembly.glob("asset.*.json")]
    names = sorted([file[0] for file in files] for files in lists if isinstance(files, list))
    assert names == [[""], [f"part-{number:05}.recordio" for number in range(3)]]


def test_the_template_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    sizes = [
        len(json.dumps(synthesize(in_place(tmp_path / str(files), files))[0].to_json()))
        for files in (10, 99)
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("kind", ["AWS::IAM::Role", "AWS::IAM::Policy"])
def test_the_function_and_the_job_may_read_the_folder_and_no_other_of_its_bucket(
    tmp_path: Path, kind: str
) -> None:
    template, _ = synthesize(in_place(tmp_path, 3))
    bucket = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::corpora"]]}
    folder = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::corpora/data/news/*"]]}
    assert statements(template, kind, "DataInPlace") == {
        "ReadDataInPlace": {
            "Sid": "ReadDataInPlace",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": folder,
        },
        "FindDataInPlace": {
            "Sid": "FindDataInPlace",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": ["data/news/*"]}},
        },
    }
    assert not statements(template, "AWS::IAM::Policy", "StageData")


def test_where_the_documents_are_does_not_change_the_model(tmp_path: Path) -> None:
    files = [b"%d" % number for number in range(3)]
    local, _ = synthesize(write_corpus(tmp_path / "local", train=files))
    stored, _ = synthesize(in_place(tmp_path / "stored", 3))
    assert job_properties(local)["Fingerprint"] == job_properties(stored)["Fingerprint"]


@pytest.mark.parametrize("names", [[], ["a/x", "b/x"], ["x", "y"], ["x", "a/x"]])
def test_files_that_no_folder_holds_alone_are_refused(names: list[str]) -> None:
    """The job would read what lies beside them too."""
    with pytest.raises(TrainingJobError, match="several files must be in one folder of their own"):
        StoredChannel(LOCATION, [StoredFile(name, 1, "0" * 64) for name in names], "0" * 64, "x")
