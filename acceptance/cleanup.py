"""Destroy an environment from whatever state it is in.

It asks AWS alone and no CDK: a run may have been interrupted anywhere, also before a template was
made. CloudFormation deletes by the role that the CDK's bootstrap gave the stacks.
"""

from collections.abc import Callable
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from acceptance.probes import remove
from acceptance.stage import Stage
from acceptance.waiting import wait_until
from operations.leftovers import Resource, left_of

TIMES = 3  # a deletion may fail on something that is gone a little later
STACK_MINUTES = 45  # a job that ends by its time limit, an endpoint that is created and deleted
LATE_MINUTES = 10  # for what goes after the stacks, such as network interfaces


def clean_up(stage: Stage) -> list[Resource]:
    """Delete everything; what is left nevertheless."""
    for _ in range(TIMES):
        _whatever_happens(partial(_stop_jobs, stage))
        _whatever_happens(partial(remove, stage))
        for name in reversed(stage.settings.stacks):
            _whatever_happens(partial(_delete_stack, stage, name))
        if not (left := _left(stage)):
            break
    return left


def _whatever_happens(delete: Callable[[], object]) -> None:
    """Let no error keep the rest from being deleted; what is left is told at the end."""
    try:
        delete()
    except (ClientError, BotoCoreError) as error:
        print(f"not deleted: {error}", flush=True)


def _stop_jobs(stage: Stage) -> None:
    """Stop jobs that run: a deployment that waits for one then fails, and takes a deletion."""
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
    """Delete a stack, as soon as it takes a deletion, and wait until it is gone."""
    if stage.stack_status(name) is None:
        return
    print(f"deleting {name}", flush=True)
    cloudformation = stage.client("cloudformation")
    # A job that still trains is stopped by the deletion. An endpoint that is being created can't be
    # deleted, so its stack is let be until it is made.
    at_once = {"CREATE_IN_PROGRESS"} if not name.endswith("-serving") else set()
    if stage.stack_status(name) == "UPDATE_IN_PROGRESS":
        try:
            cloudformation.cancel_update_stack(StackName=name)
        except ClientError as error:  # it has ended meanwhile
            print(f"not cancelled: {error}", flush=True)

    def takes_deletion() -> bool:
        state = stage.stack_status(name)
        return state is None or state in at_once or not state.endswith("_IN_PROGRESS")

    wait_until(takes_deletion, STACK_MINUTES)
    if stage.stack_status(name) is None:
        return
    cloudformation.delete_stack(StackName=name)
    wait_until(lambda: _has_ended(stage, name), STACK_MINUTES)


def _has_ended(stage: Stage, name: str) -> bool:
    return stage.stack_status(name) in (None, "DELETE_FAILED")
