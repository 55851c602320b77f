"""The workflows: what they run is ours and pinned, and what they may do is little."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
CREDENTIALS = "aws-actions/configure-aws-credentials"


def workflow(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(file.read_text())
    return loaded


def steps(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return iter(job.get("steps", []))


@pytest.fixture(params=WORKFLOWS, ids=lambda file: file.name)
def file(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_there_are_workflows_to_hold() -> None:
    assert [file.name for file in WORKFLOWS] == [
        "check.yml",
        "deploy-environment.yml",
        "deploy.yml",
    ]


def test_every_action_is_pinned_by_its_commit_with_its_version_beside(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    for action in used:
        assert PINNED.fullmatch(action) or action.startswith("./.github/workflows/")


def test_the_workflow_as_a_whole_may_read_at_most(file: Path) -> None:
    assert workflow(file)["permissions"] in ({}, {"contents": "read"})


def test_a_job_may_read_and_with_aws_have_a_token(file: Path) -> None:
    for job in workflow(file)["jobs"].values():
        needs_aws = "uses" in job or any(
            step.get("uses", "").startswith(CREDENTIALS) for step in steps(job)
        )
        token = {"id-token": "write"} if needs_aws else {}
        assert job.get("permissions", {"contents": "read"}) == {"contents": "read", **token}


def test_credentials_are_a_roles_and_none_is_a_secret(file: Path) -> None:
    text = file.read_text()
    assert "secrets." not in text
    assert "aws-access-key-id" not in text
    for job in workflow(file)["jobs"].values():
        for step in steps(job):
            if step.get("uses", "").startswith(CREDENTIALS):
                assert step["with"]["role-to-assume"].startswith("${{ vars.")
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"] == {"persist-credentials": False}


def test_what_runs_with_credentials_was_installed_before_they_were_there(file: Path) -> None:
    """And without what only tests need: the code of all of it could use them."""
    for job in workflow(file)["jobs"].values():
        names = [step.get("uses", step.get("run", "")) for step in steps(job)]
        given = [at for at, name in enumerate(names) if name.startswith(CREDENTIALS)]
        if given:
            assert "make setup-deploy" in names[: given[0]]
            assert needs_of_targets(names[given[0] :]) <= {"prepare", ".venv/ready"}


def needs_of_targets(commands: list[str]) -> set[str]:
    """What Make makes first, for the targets that commands name."""
    rules = dict(re.findall(r"^([a-z-]+):([^#\n]*)", (PROJECT / "Makefile").read_text(), re.M))
    targets = re.findall(r"make (?:--silent )?([a-z-]+)", "\n".join(commands))
    return {need for target in targets for need in rules[target].split()}


def test_the_code_of_a_release_that_nobody_has_looked_at_gets_no_credentials() -> None:
    diff = workflow(PROJECT / ".github/workflows/check.yml")["jobs"]["diff"]
    assert "pull_request.user.login != 'dependabot[bot]'" in diff["if"]
    updates = workflow(PROJECT / ".github/dependabot.yml")["updates"]
    assert [update["cooldown"] for update in updates] == [{"default-days": 7}] * 3


def test_no_text_from_outside_becomes_a_command(file: Path) -> None:
    """Expressions reach commands by the environment alone, where the shell takes them for data."""
    for job in workflow(file)["jobs"].values():
        assert all("${{" not in step.get("run", "") for step in steps(job))


def test_every_command_is_the_makefiles(file: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    for job in workflow(file)["jobs"].values():
        for step in steps(job):
            if "run" in step:
                (target,) = re.findall(r"make (?:--silent )?([a-z-]+)", step["run"])
                assert target in targets


def test_two_deployments_of_an_environment_never_overlap_and_none_is_dropped() -> None:
    """GitHub drops the waiting run of a group when another comes, unless the group queues."""
    deploy = workflow(PROJECT / ".github/workflows/deploy-environment.yml")
    assert deploy["jobs"]["deploy"]["concurrency"] == {
        "group": "deploy-${{ inputs.environment }}",
        "queue": "max",
        "cancel-in-progress": False,
    }


def test_an_approval_of_one_environment_keeps_no_other_waiting() -> None:
    """A group of the whole workflow would be held for as long as prod waits for its approval."""
    assert "concurrency" not in workflow(PROJECT / ".github/workflows/deploy.yml")


def test_every_promised_python_is_tried_and_macos_too() -> None:
    ruff = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["ruff"]
    oldest = ruff["target-version"].replace("py3", "3.")
    jobs = workflow(PROJECT / ".github/workflows/check.yml")["jobs"]
    tried = [tuple(one.values()) for one in jobs["check"]["strategy"]["matrix"]["include"]]
    assert ("ubuntu-24.04", oldest) in tried
    assert any(system.startswith("macos-") for system, _ in tried)


def test_differences_are_shown_for_every_environment_and_prod_comes_after_dev() -> None:
    environments = json.loads((PROJECT / "cdk.json").read_text())["context"]["environments"]
    check = workflow(PROJECT / ".github/workflows/check.yml")["jobs"]
    assert check["diff"]["strategy"]["matrix"]["environment"] == list(environments)
    deploy = workflow(PROJECT / ".github/workflows/deploy.yml")["jobs"]
    assert deploy["prod"]["needs"] == "dev"


def test_the_endpoint_sleeps_by_the_schedules_first_time() -> None:
    deploy: dict[Any, Any] = workflow(PROJECT / ".github/workflows/deploy.yml")
    first = deploy[True]["schedule"][0]["cron"]  # YAML takes the key `on` for true
    assert first in deploy["jobs"]["sleep-or-wake"]["with"]["asleep"]
