"""The images, hyperparameters and limits of Amazon SageMaker's built-in LDA.

Sources: the image table is the SageMaker Python SDK's `image_uri_config/lda.json` (v2 and v3
agree; AWS has retired the documentation pages that listed it); the hyperparameters are from the
Developer Guide's "LDA Hyperparameters".
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Aws, CfnMapping, Duration, Stack, Token, region_info
from constructs import Construct

from data_prep.manifest import Manifest, Part
from stacks.training_job import Channel, StoredChannel, StoredFile

REPOSITORY = "lda"
TAG = "1"  # AWS advises against `latest` in production

# LDA has its own registry accounts, and exists only in these Regions.
REGISTRY_ACCOUNTS = {
    "ap-northeast-1": "258307448986",
    "ap-northeast-2": "293181348795",
    "ap-south-1": "991648021394",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "297031611018",
    "ca-central-1": "469771592824",
    "eu-central-1": "353608530281",
    "eu-west-1": "999678624901",
    "eu-west-2": "644912444149",
    "us-east-1": "766337827248",
    "us-east-2": "999911452149",
    "us-gov-west-1": "226302683700",
    "us-iso-east-1": "490574956308",
    "us-isob-east-1": "765400339828",
    "us-west-1": "632365934929",
    "us-west-2": "266724342769",
}


CONTENT_TYPE = "application/x-recordio-protobuf"
GIB = 1 << 30
# LDA writes no checkpoints, and SageMaker limits spot jobs without checkpoints to an hour.
LONGEST_SPOT = Duration.hours(1)
# LDA trains on one instance, has only an image for x86, and does not use accelerators.
ACCELERATED = re.compile(r"ml\.(p|g|trn|inf|dl)\d")
GRAVITON = re.compile(r"ml\.[a-z]+\d+g")
HOST_ONLY = re.compile(r"ml\.((t2|c5d|c6in|m5d)\..+|(c4|c5|c6i)\.large)")
TRAIN_ONLY = re.compile(r"ml\.((c5n|t3|[cmr]\d+i-flex|[cmr]8i)\..+|r5d?\.(8|16)xlarge)")


class LdaError(ValueError):
    """A setting is outside the algorithm's limits; the message says what is allowed."""


class UnsupportedRegionError(LdaError):
    """The Region has no LDA image; the message names the Regions that have one."""


def image_uri(scope: Construct) -> str:
    """Return the URI of the LDA image in the Region of `scope`'s stack.

    If the Region is known only at deployment, CloudFormation looks up the account then, and fails
    in a Region without the image.

    Raises:
        UnsupportedRegionError: The Region is known and has no LDA image.
    """
    stack = Stack.of(scope)
    if Token.is_unresolved(stack.region):
        accounts = {region: {"Account": account} for region, account in REGISTRY_ACCOUNTS.items()}
        mapping = CfnMapping(scope, "LdaRegistry", mapping=accounts)
        account = mapping.find_in_map(Aws.REGION, "Account")
        return f"{account}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}/{REPOSITORY}:{TAG}"
    if stack.region not in REGISTRY_ACCOUNTS:
        raise UnsupportedRegionError(
            f"region is {stack.region!r}, which has no image of SageMaker's LDA; "
            f"these {len(REGISTRY_ACCOUNTS)} have: {', '.join(sorted(REGISTRY_ACCOUNTS))}"
        )
    suffix = region_info.RegionInfo.get(stack.region).domain_suffix or "amazonaws.com"
    account = REGISTRY_ACCOUNTS[stack.region]
    return f"{account}.dkr.ecr.{stack.region}.{suffix}/{REPOSITORY}:{TAG}"


def hyperparameters(
    *,
    num_topics: int,
    feature_dim: int,
    mini_batch_size: int,
    alpha0: float,
    max_restarts: int,
    max_iterations: int,
    tol: float,
) -> Mapping[str, str]:
    """Return the hyperparameters as CreateTrainingJob takes them: all are strings.

    Args:
        num_topics: How many topics to find.
        feature_dim: How many words the vocabulary has.
        mini_batch_size: How many documents the training corpus has; LDA takes them all at once.
        alpha0: The initial guess of the sum of the Dirichlet concentration parameter.
        max_restarts: How often the alternating least squares start again.
        max_iterations: The most iterations after each start.
        tol: The error at which the iterations end.

    Raises:
        LdaError: A value is not positive.
    """
    values = {
        "num_topics": num_topics,
        "feature_dim": feature_dim,
        "mini_batch_size": mini_batch_size,
        "alpha0": alpha0,
        "max_restarts": max_restarts,
        "max_iterations": max_iterations,
        "tol": tol,
    }
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise LdaError(f"{name} is {value}; LDA takes positive numbers")
    return {name: str(value) for name, value in values.items()}


def channels(folder: Path, corpus: Manifest) -> Mapping[str, Channel | StoredChannel]:
    """Return the input channels: `train`, and `test` if the corpus has test documents.

    Args:
        folder: Where the manifest is, and the documents too unless they are in S3.
        corpus: The manifest.
    """
    return {name: _channel(folder, corpus.location, part) for name, part in corpus.parts.items()}


def _channel(folder: Path, location: str | None, part: Part) -> Channel | StoredChannel:
    if location is not None:
        stored = [StoredFile(shard.file, shard.bytes, shard.sha256) for shard in part.files]
        return StoredChannel(location, stored, part.sha256, CONTENT_TYPE)
    local = {folder / shard.file: shard.sha256 for shard in part.files}
    return Channel(local, part.sha256, CONTENT_TYPE)


def check_training(instance_type: str, max_runtime: Duration, *, spot: bool) -> None:
    """Check that LDA can train on an instance type for this time.

    Raises:
        LdaError: It can't; the message says why, and what is allowed.
    """
    for pattern, reason in (
        (ACCELERATED, "LDA trains only on CPUs, so a GPU or accelerator would only cost money"),
        (GRAVITON, "LDA's image is for x86, and SageMaker does not train on Graviton"),
        (HOST_ONLY, "SageMaker hosts on it, but does not train on it"),
    ):
        if pattern.match(instance_type):
            raise LdaError(
                f"training.instance_type is {instance_type!r}; {reason}: choose ml.c5.2xlarge, for "
                "example, or another type of the families c4, c5, c6i, m4, m5 and m6i"
            )
    if spot and max_runtime.to_minutes() > LONGEST_SPOT.to_minutes():
        raise LdaError(
            f"training.spot is on and training.max_runtime_minutes is {max_runtime.to_minutes()}; "
            f"LDA writes no checkpoints, so SageMaker allows its spot jobs at most "
            f"{LONGEST_SPOT.to_minutes()} minutes"
        )


def check_volume(corpus: Manifest, gibibytes: int) -> None:
    """Check that the corpus fits on the volume of the training instance, where SageMaker copies it.

    Raises:
        LdaError: It does not fit; the message says how large the volume must be.
    """
    size = sum(part.bytes for part in corpus.parts.values())
    if size >= gibibytes * GIB:
        raise LdaError(
            f"training.volume_gb is {gibibytes}; the corpus alone takes "
            f"{size / GIB:.1f}: set it to {math.ceil(size / GIB) + 1} or more"
        )


def check_hosting(instance_type: str) -> None:
    """Check that LDA can be hosted on an instance type.

    Raises:
        LdaError: It can't; the message says why, and what is allowed.
    """
    for pattern, reason in (
        (ACCELERATED, "LDA does not use a GPU or accelerator, which would only cost money"),
        (GRAVITON, "LDA's image is for x86, and this is Graviton"),
        (TRAIN_ONLY, "SageMaker trains on it, but does not host on it"),
    ):
        if pattern.match(instance_type):
            raise LdaError(
                f"endpoint.instance_type is {instance_type!r}; {reason}: choose ml.m5.xlarge, for "
                "example, or another type of the families c4, c5, c6i, c7i, m4, m5, m6i, m7i and t2"
            )
