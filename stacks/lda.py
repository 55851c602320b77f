"""What is peculiar to Amazon SageMaker's built-in LDA: its images, hyperparameters and limits.

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
from stacks.training_job import Channel

REPOSITORY = "lda"
TAG = "1"  # AWS advises against `latest` in production

# LDA's registry accounts are not those of other algorithms, and these are all the Regions it has.
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
# LDA keeps no checkpoints, and SageMaker limits spot jobs that keep none to an hour.
LONGEST_SPOT = Duration.hours(1)
# LDA trains on one instance, has an image for x86 and makes no use of accelerators.
ACCELERATED = re.compile(r"ml\.(p|g|trn|inf|dl)\d")
GRAVITON = re.compile(r"ml\.[a-z]+\d+g")
HOST_ONLY = re.compile(r"ml\.((t2|c5d|c6in|m5d)\..+|(c4|c5|c6i)\.large)")
TRAIN_ONLY = re.compile(r"ml\.((c5n|t3|[cmr]\d+i-flex|[cmr]8i)\..+|r5d?\.(8|16)xlarge)")


class LdaError(ValueError):
    """What was asked for is beyond the algorithm's limits; the message says what is allowed."""


class UnsupportedRegionError(LdaError):
    """The Region has no LDA image; the message names those that have."""


def image_uri(scope: Construct) -> str:
    """The LDA image in the Region of `scope`'s stack.

    In a stack whose Region is known at deployment only, the account is looked up then, and a
    Region without the image fails there.

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
    """The hyperparameters as CreateTrainingJob takes them: all are strings.

    Args:
        num_topics: Topics to find.
        feature_dim: Words in the vocabulary.
        mini_batch_size: Documents in the training corpus; LDA takes them all at once.
        alpha0: Initial guess of the Dirichlet concentration parameter's sum.
        max_restarts: Restarts of the alternating least squares.
        max_iterations: Iterations of one of them.
        tol: Its target error.

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


def channels(folder: Path, corpus: Manifest) -> Mapping[str, Channel]:
    """The input channels: `train`, and `test` when there are documents to score the model by."""
    parts = {"train": corpus.train} | ({} if corpus.test is None else {"test": corpus.test})
    return {name: _channel(folder, part) for name, part in parts.items()}


def _channel(folder: Path, part: Part) -> Channel:
    return Channel(folder / part.file, part.sha256, CONTENT_TYPE)


def check_training(instance_type: str, max_runtime: Duration, *, spot: bool) -> None:
    """See that LDA can train so.

    Raises:
        LdaError: It can't; the message says why, and what it can.
    """
    for pattern, reason in (
        (ACCELERATED, "LDA trains on CPUs alone, and a GPU or accelerator would only cost"),
        (GRAVITON, "LDA's image is for x86, and SageMaker does not train on Graviton"),
        (HOST_ONLY, "SageMaker hosts on it, but does not train on it"),
    ):
        if pattern.match(instance_type):
            raise LdaError(
                f"training.instance_type is {instance_type!r}; {reason}: take ml.c5.2xlarge, for "
                "instance, or another of the families c4, c5, c6i, m4, m5 and m6i"
            )
    if spot and max_runtime.to_minutes() > LONGEST_SPOT.to_minutes():
        raise LdaError(
            f"training.spot is on and training.max_runtime_minutes is {max_runtime.to_minutes()}; "
            f"LDA keeps no checkpoints, so SageMaker allows its spot jobs "
            f"{LONGEST_SPOT.to_minutes()} minutes"
        )


def check_volume(corpus: Manifest, gibibytes: int) -> None:
    """See that the volume of the training instance holds the corpus, which SageMaker copies there.

    Raises:
        LdaError: It does not; the message says how much it takes.
    """
    size = corpus.train.bytes + (0 if corpus.test is None else corpus.test.bytes)
    if size >= gibibytes * GIB:
        raise LdaError(
            f"training.volume_gb is {gibibytes}; the corpus alone takes "
            f"{size / GIB:.1f}: take {math.ceil(size / GIB) + 1} or more"
        )


def check_hosting(instance_type: str) -> None:
    """See that LDA can be hosted so.

    Raises:
        LdaError: It can't; the message says why, and what it can.
    """
    for pattern, reason in (
        (ACCELERATED, "LDA makes no use of a GPU or accelerator, which would only cost"),
        (GRAVITON, "LDA's image is for x86, and this is Graviton"),
        (TRAIN_ONLY, "SageMaker trains on it, but does not host on it"),
    ):
        if pattern.match(instance_type):
            raise LdaError(
                f"endpoint.instance_type is {instance_type!r}; {reason}: take ml.m5.xlarge, for "
                "instance, or another of the families c4, c5, c6i, c7i, m4, m5, m6i, m7i and t2"
            )
