"""Connect the stacks of one environment, in the app or in a stage of a pipeline.

They are split by lifetime: storage keeps data, preparation and training are paid for by the run,
serving by the hour.
"""

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from aws_cdk import (
    Annotations,
    DefaultStackSynthesizer,
    Environment,
    PermissionsBoundary,
    Stack,
    Tags,
)
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from data_prep.manifest import MANIFEST, Manifest, ManifestError
from stacks.parts.encryption import encrypt_logs
from stacks.preparation import PreparationStack
from stacks.serving import ServingStack
from stacks.settings import Settings
from stacks.storage import StorageStack
from stacks.training import TrainingStack


def add_environment(scope: Construct, settings: Settings, env: Environment) -> None:
    """Add the stacks of `settings` to `scope`.

    Without a prepared corpus the stacks exist, so that `cdk ls` and `cdk destroy` work, but they
    have an error, so that `cdk deploy` stops.
    """
    corpus, problem = _prepared(settings.prepared)
    common = partial(stack_properties, settings, env)
    stacks: list[Stack] = []
    bucket: s3.IBucket | str
    key: kms.IKey | str | None = settings.encryption_key
    if settings.bucket:
        bucket = settings.bucket
    else:
        storage = StorageStack(scope, settings=settings, **common(f"{settings.name}-storage"))
        bucket, key = storage.bucket, storage.key
        stacks.append(storage)
    training = TrainingStack(
        scope,
        settings=settings,
        bucket=bucket,
        key=key,
        corpus=corpus,
        **common(f"{settings.name}-training"),
    )
    serving = ServingStack(
        scope,
        settings=settings,
        training=training,
        golden=corpus.golden if corpus else None,
        **common(f"{settings.name}-serving"),
    )
    stacks += [training, serving]
    for earlier, later in pairwise(stacks):
        later.add_stack_dependency(earlier)
    if settings.preparation.source is not None:
        preparation = PreparationStack(
            scope,
            settings=settings,
            source=settings.preparation.source,
            bucket=bucket,
            key=key,
            **common(f"{settings.name}-preparation"),
        )
        if not settings.bucket:
            preparation.add_stack_dependency(storage)
        stacks.append(preparation)
    if corpus is None:
        for incomplete in (training, serving):
            Annotations.of(incomplete).add_error(problem)
    for stack in stacks:
        if training.key is not None:
            encrypt_logs(stack, training.key)
        for tag, value in settings.all_tags.items():
            Tags.of(stack).add(tag, value)


def _prepared(folder: Path) -> tuple[Manifest | None, str]:
    """Load a prepared corpus and check its files; return the manifest, or None and the problem.

    Fingerprints contain the manifest's digests, so the digests must be right.
    """
    try:
        corpus = Manifest.load(folder)
        if damaged := corpus.damaged(folder):
            raise ManifestError(f"{folder}: {MANIFEST} does not match {', '.join(damaged)}")
    except ManifestError as error:
        return None, (
            f"no prepared corpus to deploy ({error}); make one with `python -m data_prep convert "
            f"--corpus FILE --vocab FILE --out {folder}`"
        )
    return corpus, ""


def stack_properties(settings: Settings, env: Environment, id: str) -> dict[str, Any]:
    """Return the properties that every stack of `settings` is constructed with."""
    boundary = settings.permissions_boundary
    by_arn = boundary is not None and boundary.startswith("arn:")
    return {
        "id": id,
        "stack_name": id,  # otherwise a pipeline's stage would put its name before the id
        "env": env,
        "tags": settings.all_tags,
        "termination_protection": settings.termination_protection,
        "synthesizer": DefaultStackSynthesizer(qualifier=settings.bootstrap_qualifier),
        "permissions_boundary": (
            None
            if boundary is None
            else PermissionsBoundary.from_arn(boundary)
            if by_arn
            else PermissionsBoundary.from_name(boundary)
        ),
    }
