"""Destroy an environment from any state.

It uses only AWS's APIs, not the CDK, since a run may be interrupted before there is a template.
CloudFormation deletes the stacks with the role of the CDK's bootstrap.
"""

from collections.abc import Callable
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from acceptance.probes import remove
from acceptance.stage import Stage
from acceptance.waiting import wait_until
from operations.leftovers import Resource, left_of

TIMES = 3  # a deletion may fail because of a resource that is gone a little later
STACK_MINUTES = 45  # enough for a job's time limit, and to create and delete an endpoint
LATE_MINUTES = 10  # for resources that end after the stacks, such as network interfaces


def clean_up(stage: Stage) -> list[Resource]:
    """Delete everything; return what is left nevertheless."""
    for _ in range(TIMES):
        _try(partial(_stop_jobs, stage))
        _try(partial(remove, stage))
        for name in reversed(stage.settings.stacks):
            _try(partial(_delete_stack, stage, name))
        if not (left := _left(stage)):
            break
    return left


def _try(delete: Callable[[], object]) -> None:
    """Print an error and go on, so that the rest is deleted; the report says what is left."""
    try:
        delete()
    except (ClientError, BotoCoreError) as error:
        print(f"not deleted: {error}", flush=True)


def _stop_jobs(stage: Stage) -> None:
    """Stop running jobs: a deployment that waits for one then fails, and can be deleted."""
    sagemaker, name = stage.client("sagemaker"), stage.settings.name
    running = sagemaker.list_training_jobs(NameContains=f"{name}-", StatusEquals="InProgress")
    for job in running["TrainingJobSummaries"]:
        sagemaker.stop_training_job(TrainingJobName=job["TrainingJobName"])


def _left(stage: Stage) -> list[Resource]:
    found: list[Resource] = []

    def is_empty() -> bool:
        found[:] = left_of(stage.settings, stage.client)
        return not found

    wait_until(is_empty, LATE_MINUTES if _are_gone(stage) else 0)
    return found


def _are_gone(stage: Stage) -> bool:
    return not any(stage.stack_status(name) for name in stage.settings.stacks)


def _delete_stack(stage: Stage, name: str) -> None:
    """Delete a stack as soon as CloudFormation allows it, and wait until it is gone."""
    if stage.stack_status(name) is None:
        return
    print(f"deleting {name}", flush=True)
    cloudformation = stage.client("cloudformation")
    # A deletion stops a job that still trains. An endpoint that is being created can't be deleted,
    # so the serving stack must first end its creation.
    at_once = {"CREATE_IN_PROGRESS"} if not name.endswith("-serving") else set()
    if stage.stack_status(name) == "UPDATE_IN_PROGRESS":
        try:
            cloudformation.cancel_update_stack(StackName=name)
        except ClientError as error:  # the update has just ended
            print(f"not cancelled: {error}", flush=True)

    def can_be_deleted() -> bool:
        state = stage.stack_status(name)
        return state is None or state in at_once or not state.endswith("_IN_PROGRESS")

    wait_until(can_be_deleted, STACK_MINUTES)
    if stage.stack_status(name) is None:
        return
    cloudformation.delete_stack(StackName=name)
    wait_until(lambda: _has_ended(stage, name), STACK_MINUTES)


def _has_ended(stage: Stage, name: str) -> bool:
    return stage.stack_status(name) in (None, "DELETE_FAILED")
