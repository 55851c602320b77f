"""The checks without AWS: Region, instance types, data."""

from collections.abc import Iterator

from aws_cdk import Duration

from data_prep.manifest import Manifest, ManifestError
from operations.preflight.findings import Finding, Target, failed, passed
from stacks import lda


def image(target: Target) -> Iterator[Finding]:
    """The Region has SageMaker's LDA."""
    if target.region in lda.REGISTRY_ACCOUNTS:
        registry = lda.REGISTRY_ACCOUNTS[target.region]
        yield passed("image", f"SageMaker's LDA is in {target.region}, in account {registry}")
    else:
        yield failed(
            "image",
            f"SageMaker's LDA is not in {target.region}",
            f"choose one of the Regions {', '.join(sorted(lda.REGISTRY_ACCOUNTS))}",
        )


def instance_types(target: Target) -> Iterator[Finding]:
    """LDA can train and be hosted on the instance types of the settings."""
    settings = target.settings
    try:
        lda.check_training(
            settings.training.instance_type,
            Duration.minutes(settings.training.max_runtime_minutes),
            spot=settings.training.spot,
        )
        if settings.has_instances:
            lda.check_hosting(settings.endpoint.instance_type)
    except lda.LdaError as error:
        yield failed("instance types", str(error), "change the setting")
    else:
        hosting = settings.endpoint.instance_type if settings.has_instances else "no instances"
        yield passed(
            "instance types", f"trains on {settings.training.instance_type}, hosted on {hosting}"
        )


def data(target: Target) -> Iterator[Finding]:
    """The prepared corpus exists, matches its manifest and fits on the training volume."""
    folder = target.settings.prepared
    try:
        corpus = Manifest.load(folder)
    except ManifestError as error:
        advice = f"`python -m data_prep convert --corpus FILE --vocab FILE --out {folder}`"
        yield failed("data", str(error), advice)
        return
    try:
        lda.check_volume(corpus, target.settings.training.volume_gb)
    except lda.LdaError as error:
        yield failed("data", str(error), "change the setting")
        return
    if damaged := corpus.damaged(folder):
        yield failed(
            "data",
            f"{folder}/manifest.json does not match {', '.join(damaged)}",
            "prepare the corpus again with `python -m data_prep convert`",
        )
    else:
        yield passed("data", f"{corpus.train.documents:,} documents to train on, digests right")
