"""Delete models that nothing needs, with what only they used."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.progress import Progress
from operations.environment import Clients, pages
from operations.models.stored import FINGERPRINT, Model, Place
from stacks.settings import SettingsError

_AT_ONCE = 1000  # objects that S3 deletes with one request


@dataclass(frozen=True)
class Unneeded:
    """What can be deleted.

    Attributes:
        keys: The objects: their archives, the outputs of their jobs, and data of no other model.
        bytes: The size of all objects.
    """

    keys: Sequence[str]
    bytes: int


def choose(
    models: Sequence[Model], *, keep: int | None, made_before: datetime | None
) -> list[Model]:
    """Choose the models to delete: of those that nothing needs, all but the newest, or the old.

    Args:
        models: All models, the newest first.
        keep: How many of those that nothing needs to keep.
        made_before: Delete those that are older, if `keep` is None.
    """
    free = [model for model in models if model.needed_by is None]
    if keep is not None:
        return free[keep:]
    return [model for model in free if made_before is not None and model.made < made_before]


def find(
    place: Place, models: Sequence[Model], chosen: Sequence[Model], client: Clients
) -> Unneeded:
    """Find the objects of the chosen models.

    Raises:
        SettingsError: A deployment is under way: it may need what nothing needs yet.
        ClientError: AWS can't be asked.
    """
    _check_nothing_is_under_way(client)
    gone = {model.fingerprint for model in chosen}
    kept = [model for model in models if model.fingerprint not in gone]
    data = {digest for model in chosen for digest in model.data}
    data -= {digest for model in kept for digest in model.data}
    # Only folders whose names are digests: a folder of another name is somebody's corpus.
    folders = [
        f"{kind}/{fingerprint}/" for fingerprint in sorted(gone) for kind in ("models", "jobs")
    ]
    folders += [f"data/{digest}/" for digest in sorted(data) if re.fullmatch(FINGERPRINT, digest)]
    entries = [entry for folder in folders for entry in place.objects(folder, client)]
    return Unneeded([entry["Key"] for entry in entries], sum(entry["Size"] for entry in entries))


def _check_nothing_is_under_way(client: Clients) -> None:
    for stack in pages(client("cloudformation"), "describe_stacks", "Stacks"):
        if stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise SettingsError(
                f"stack {stack['StackName']} is {stack['StackStatus']}; it may need any model: "
                "wait until it is done"
            )
    for job in pages(
        client("sagemaker"), "list_training_jobs", "TrainingJobSummaries", StatusEquals="InProgress"
    ):
        raise SettingsError(
            f"training job {job['TrainingJobName']} is running; it may need any data: wait until "
            "it has ended"
        )


def delete(place: Place, keys: Sequence[str], client: Clients) -> list[str]:
    """Delete objects; return those that S3 did not delete, each with its reason."""
    failed: list[str] = []
    with Progress("deleting", len(keys)) as progress:
        for some in _parts(keys):
            answer = client("s3").delete_objects(
                Bucket=place.bucket,
                Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
            )
            failed += [_reason(error) for error in answer.get("Errors", [])]
            progress.advance(len(some))
    return failed


def _parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    # The archives last: after an interruption the rest is found again by them.
    ordered = sorted(keys, key=lambda key: key.endswith("/model.tar.gz") and "/models/" in key)
    return (ordered[at : at + _AT_ONCE] for at in range(0, len(ordered), _AT_ONCE))


def _reason(error: Any) -> str:
    return f"{error['Key']}: {error.get('Code')}: {error.get('Message')}"
