"""The stack of the Glue job: what it may do, what it runs, and when it is there."""

import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from stacks.environment import add_environment
from stacks.preparation import SCIKIT_LEARN
from stacks.settings import load
from tests.support.synthesis import PROJECT, flags

from .conftest import Synthesize

SOURCE = {"preparation.source": "s3://corpora/team/news"}
ASSETS = "arn:aws:s3:::cdk-hnb659fds-assets-111122223333-us-east-1/"


@pytest.fixture
def template(synthesize: Synthesize) -> Template:
    return synthesize(**SOURCE)["preparation"]


def only(template: Template, kind: str) -> dict[str, Any]:
    (found,) = template.find_resources(f"AWS::{kind}").values()
    return dict(found["Properties"])


def text(value: Any) -> str:
    """A value of a template, with a word for each reference."""
    if isinstance(value, dict):
        ((function, inside),) = value.items()
        joined = "".join(map(text, inside[1])) if function == "Fn::Join" else ""
        return joined or {"AWS::Partition": "aws"}.get(str(inside), "REFERENCE")
    return str(value)


def allowed(statements: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The resources of each action."""
    found: dict[str, set[str]] = {}
    for statement in statements:
        actions, on = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            resources = on if isinstance(on, list) else [on]
            found.setdefault(action, set()).update(map(text, resources))
    return found


def of_the_role(template: Template) -> list[dict[str, Any]]:
    (policy,) = only(template, "IAM::Role")["Policies"]
    return list(policy["PolicyDocument"]["Statement"])


def test_without_a_source_there_is_no_such_stack(synthesize: Synthesize) -> None:
    assert synthesize().keys() == {"storage", "training", "serving"}


def test_it_waits_for_storage_alone_and_nothing_waits_for_it(corpus: Path, tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context=flags())
    settings = load({"environments": {"dev": {}}, "prepared": str(corpus), **SOURCE})
    add_environment(app, settings, Environment(account="111122223333", region="us-east-1"))
    stacks: dict[str, Any] = {stack.node.id: stack for stack in app.node.children}
    waits = {id: {one.node.id for one in stack.dependencies} for id, stack in stacks.items()}
    assert waits["topic-model-dev-preparation"] == {"topic-model-dev-storage"}
    assert waits["topic-model-dev-training"] == {"topic-model-dev-storage"}


def test_it_can_be_deployed_before_there_is_a_corpus(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context=flags())
    settings = load({"environments": {"dev": {}}, "prepared": str(tmp_path / "none"), **SOURCE})
    add_environment(app, settings, Environment(account="111122223333", region="us-east-1"))
    marked = {
        stack.node.id.rpartition("-")[2]
        for stack in app.node.children
        if any(entry.type == "aws:cdk:error" for entry in stack.node.metadata)
    }
    assert marked == {"training", "serving"}


def test_an_existing_bucket_needs_no_storage(synthesize: Synthesize) -> None:
    made = synthesize(**SOURCE, bucket="mine", prefix="lda")
    assert made.keys() == {"preparation", "training", "serving"}
    on = allowed(of_the_role(made["preparation"]))
    assert on["s3:PutObject"] == {"arn:aws:s3:::mine/lda/data/*"}


def test_the_job_is_the_cheapest_that_runs_spark(template: Template) -> None:
    job = only(template, "Glue::Job")
    assert job["Command"]["Name"] == "glueetl"
    assert (job["GlueVersion"], job["WorkerType"]) == ("5.1", "G.1X")
    assert (job["NumberOfWorkers"], job["Timeout"], job["MaxRetries"]) == (2, 60, 0)
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["DefaultArguments"].keys() == {
        "--extra-py-files",
        "--additional-python-modules",
        "--corpus",
    }
    assert job["DefaultArguments"]["--corpus"] == "s3://corpora/team/news"


def test_the_settings_are_the_jobs(synthesize: Synthesize) -> None:
    given = {"preparation.workers": "9", "preparation.max_minutes": "30"}
    job = only(synthesize(**SOURCE, **given)["preparation"], "Glue::Job")
    assert (job["NumberOfWorkers"], job["Timeout"]) == (9, 30)


def test_the_role_is_glues_for_this_account_alone(template: Template) -> None:
    (trust,) = only(template, "IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "glue.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


def test_the_role_reads_source_and_program_and_writes_below_data(template: Template) -> None:
    on = allowed(of_the_role(template))
    assert on.keys() == {
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    data = "REFERENCE/sagemaker/lda-model/data/*"
    assert on["s3:PutObject"] == {data}
    program = {one for one in on["s3:GetObject"] if one.startswith(ASSETS)}
    assert len(program) == 2
    assert not any("*" in one for one in program)
    source = "arn:aws:s3:::corpora/team/news"
    assert on["s3:GetObject"] - program == {data, f"{source}/*"}
    assert on["s3:ListBucket"] == {"arn:aws:s3:::corpora", "REFERENCE"}
    groups = "arn:aws:logs:us-east-1:111122223333:log-group:/aws-glue/*"
    assert on["logs:CreateLogGroup"] == {groups}


def test_the_role_lists_no_other_part_of_a_bucket(template: Template) -> None:
    prefixes = [
        statement["Condition"]["StringLike"]["s3:prefix"]
        for statement in of_the_role(template)
        if statement["Action"] == "s3:ListBucket"
    ]
    assert prefixes == [["team/news/*"], ["sagemaker/lda-model/data/*"]]


def test_who_prepares_may_run_this_job_and_read_no_document(template: Template) -> None:
    document = only(template, "IAM::ManagedPolicy")["PolicyDocument"]
    on = allowed(document["Statement"])
    job = {"arn:aws:glue:us-east-1:111122223333:job/REFERENCE"}
    for action in ("StartJobRun", "GetJobRun", "BatchStopJobRun"):
        assert on.pop(f"glue:{action}") == job
    data = "REFERENCE/sagemaker/lda-model/data/*"
    assert on.pop("s3:GetObject") == {
        f"{data}/{name}" for name in ("manifest.json", "vocab.txt", "golden.json", "left_out.txt")
    }
    assert on.pop("s3:ListBucket") == {"REFERENCE"}
    streams = on.pop("logs:GetLogEvents")
    assert all(one.endswith(":log-stream:jr_*") for one in streams)
    assert on == {
        "ssm:GetParameter": {
            f"arn:aws:ssm:us-east-1:111122223333:parameter/topic-model/dev/{name}"
            for name in ("preparation-job", "prepared-data")
        }
    }


def test_with_a_key_both_may_use_it(synthesize: Synthesize) -> None:
    template = synthesize(**SOURCE, encryption_key="create")["preparation"]
    use = allowed(of_the_role(template))
    assert use["kms:Decrypt"] == use["kms:GenerateDataKey"] == {"REFERENCE"}
    policy = allowed(only(template, "IAM::ManagedPolicy")["PolicyDocument"]["Statement"])
    assert policy["kms:Decrypt"] == {"REFERENCE"}


def test_scikit_learn_is_the_one_that_convert_has() -> None:
    pinned = re.findall(r"^scikit-learn==\S+", (PROJECT / "requirements.txt").read_text(), re.M)
    assert pinned == [SCIKIT_LEARN]


def test_the_archive_has_the_two_packages_and_nothing_else(
    synthesize: Synthesize, tmp_path: Path
) -> None:
    app = App(outdir=str(tmp_path), context=flags())
    settings = load({"environments": {"dev": {}}, "prepared": str(tmp_path / "none"), **SOURCE})
    add_environment(app, settings, Environment(account="111122223333", region="us-east-1"))
    (packages,) = [folder for folder in tmp_path.glob("asset.*") if (folder / "data_prep").is_dir()]
    packed = {str(file.relative_to(packages)) for file in packages.rglob("*") if file.is_file()}
    ours = {
        str(file.relative_to(PROJECT))
        for room in ("cli", "data_prep")
        for file in (PROJECT / room).rglob("*")
        if file.suffix in (".py", ".typed")
    }
    assert packed == ours
