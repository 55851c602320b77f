"""Every permission is sufficient with the others, and needed: without it a step of the flow fails.

The environment is deployed, updated and destroyed by the real CDK CLI; in between the steps are
taken one by one, so that a permission costs seconds.
"""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from .conftest import options
from .only_aws import ONLY_AWS, OnlyAws
from .permissions import Permission
from .stage import Stage
from .steps import STEPS
from .steps.step import Step
from .table import Row, readable

WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")

pytestmark = pytest.mark.prove_iam


def source_of(permission: Permission) -> OnlyAws | None:
    return next((one for one in ONLY_AWS if one.covers(permission)), None)


def test_every_principal_has_steps_or_is_listed_apart(stage: Stage) -> None:
    proved = {p.principal for p in stage.permissions() if source_of(p) is None}
    assert proved == STEPS.keys()


def test_what_is_listed_apart_is_there(stage: Stage, rows: list[Row]) -> None:
    permissions = stage.permissions()
    for one in ONLY_AWS:
        covered = [permission for permission in permissions if one.covers(permission)]
        assert covered, f"{one.principal} has no {one.action}"
        rows += [Row(permission, one) for permission in covered]


@pytest.mark.parametrize("principal", STEPS)
def test_each_permission_of_a_principal_is_needed(
    stage: Stage, rows: list[Row], principal: str
) -> None:
    steps = STEPS[principal]
    for step in steps:
        step.take(stage)
    unneeded = []
    for permission in stage.permissions():
        if permission.principal != principal or source_of(permission) is not None:
            continue
        failure = failure_without(permission, stage, steps)
        if failure is None:
            unneeded.append((permission.action, *permission.resources))
        else:
            rows.append(Row(permission, failure))
    assert unneeded == []


def failure_without(permission: Permission, stage: Stage, steps: list[Step]) -> str | None:
    """Which step fails, and how, with everything but the permission; None when all succeed."""
    for step in steps:
        if step.logs != writes_own_log(permission):
            continue
        error = failure_of(step, stage, permission)
        if error is None:
            continue
        if permission.action.rstrip("*") not in str(error):
            # It may have failed for another reason: with the permission it must succeed.
            step.take(stage)
            assert failure_of(step, stage, permission), f"{step.title} fails now and then"
        return f"*{step.title}*: {told(error)}"
    return None


def failure_of(step: Step, stage: Stage, permission: Permission) -> BaseException | None:
    """How a step fails without the permission."""
    try:
        with stage.without(permission):
            step.take(stage)
    except (Exception, pytest.fail.Exception) as error:
        return error
    return None


def writes_own_log(permission: Permission) -> bool:
    """The execution role writes the logs of containers; every other role its function's own."""
    return permission.action in WRITE_LOGS and not permission.sid


def told(error: BaseException) -> str:
    """What an error says first, less the type that pytest's and Python's have."""
    text = str(error).partition("\n")[0]
    if isinstance(error, ClientError):
        text = error.response["Error"]["Message"]
    return readable(text)


def test_a_deployment_with_everything_is_updated(
    stage: Stage, corpus: Path, network: dict[str, str]
) -> None:
    """And is destroyed by the fixture, which leaves nothing."""
    stage.tidy()
    stage.put("data", "jobs", "models")
    before = stage.outputs()["Fingerprint"]
    outputs = stage.deployed(*options(corpus, **network, **{"model.num_topics": "4"}))
    del stage.configuration  # it is another one now
    assert outputs["Fingerprint"] != before
