"""Checks between settings: values that are valid alone but not together.

AWS would reject them in the middle of a deployment; here they are rejected before it starts.
Sources: the SageMaker Developer Guide's "Deployment guardrails exclusions", "Serverless Inference",
"Update endpoints that use auto scaling", and the API reference of CreateEndpointConfig.
"""

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stacks.settings.model import Settings

# Metrics come once a minute, and the alarms need two whole minutes: a shorter wait sees nothing.
SHORTEST_WAIT = 180
LONGEST_UPDATE = 28_800  # seconds: the maximum of MaximumExecutionTimeoutInSeconds
GRADUAL = {"canary": 1, "linear": 10, "rolling": 5}  # strategy: its smallest step, a percentage
BURSTABLE = re.compile(r"ml\.t\d")
# The hardware encrypts their local disks, and takes no KMS key.
WITH_DISKS = re.compile(r"ml\.[a-z]+\d+[a-z]*d[a-z]*\.")
# Tags that the project sets: where the value of each comes from.
OWN_TAGS = {
    "project": "the setting project",
    "environment": "the environment's name",
    "owner": "the setting owner",
    "cost-center": "the setting cost_center",
    "commit": "the setting commit",
}
RESERVED_BY_SSM = ("aws", "ssm")
RESERVED_BY_S3 = ("xn--", "sthree-", "amzn-s3-demo-")  # at the beginning of a bucket's name
MOST_TAGS = 40  # AWS allows 50 on a resource, and the project adds some to a training job


def contradictions(settings: "Settings") -> Iterator[str]:
    """Yield a line for each contradiction: the values found, and what is allowed."""
    yield from _of_names(settings)
    yield from _of_tags(settings)
    yield from _of_network(settings)
    yield from _of_accounts(settings)
    yield from _of_key(settings)
    yield from _of_pipeline(settings)
    if settings.github.ids and not settings.repository:
        yield f"github.ids is {settings.github.ids!r} but repository is not set; set both or none"
    if settings.is_serverless:
        yield from _of_serverless(settings)
    else:
        yield from _of_updates(settings)
        yield from _of_scaling(settings)


def _of_names(settings: "Settings") -> Iterator[str]:
    if settings.project.startswith(RESERVED_BY_SSM):
        yield (
            f"project is {settings.project!r}; SSM parameters are named after it, and their names "
            f"must not begin with {' or '.join(RESERVED_BY_SSM)}: choose another name"
        )
    if settings.bucket is None and settings.name.startswith(RESERVED_BY_S3):
        yield (
            f"project is {settings.project!r}; the bucket is named after it, and S3 reserves names "
            f"that begin with {' or '.join(RESERVED_BY_S3)}: choose another name"
        )


def _of_tags(settings: "Settings") -> Iterator[str]:
    alike: dict[str, list[str]] = {}  # S3's metadata, where the tags go too, has lower-case keys
    for key in settings.tags:
        alike.setdefault(key.lower(), []).append(key)
    for lowered, keys in alike.items():
        if lowered in OWN_TAGS:
            yield f"tags has {keys[0]!r}, which {OWN_TAGS[lowered]} sets: remove it from tags"
        elif lowered.startswith("aws"):
            yield f"tags has {keys[0]!r}; AWS reserves keys that begin with aws: rename it"
        elif len(keys) > 1:
            named = " and ".join(map(repr, keys))
            yield f"tags has {named}, which differ only in case: keep one, or rename the others"
    if len(settings.tags) > MOST_TAGS:
        yield f"tags has {len(settings.tags)} keys; at most {MOST_TAGS} are allowed"


def _of_network(settings: "Settings") -> Iterator[str]:
    network = settings.network
    needed = 2 if settings.has_instances else 1
    if network.vpc and len(network.subnets) < needed:
        yield (
            f"network.subnets names {len(network.subnets)} of {network.vpc}; an endpoint needs 2 "
            "or more, in different Availability Zones; without an endpoint 1 is enough"
        )
    if not network.vpc and (network.subnets or network.security_groups):
        yield (
            "network.subnets or network.security_groups is set but network.vpc is not; set the VPC "
            "that they are in"
        )
    for name in ("subnets", "security_groups"):
        given = getattr(network, name)
        if len(set(given)) < len(given):
            yield f"network.{name} is {', '.join(given)}; name each only once"


def _of_accounts(settings: "Settings") -> Iterator[str]:
    for name in ("role", "permissions_boundary"):
        owner = (getattr(settings, name) or "").split(":")[4:5]  # empty for a name
        if settings.account and owner not in ([], [settings.account], ["aws"]):
            yield (
                f"{name} is of the account {owner[0]} but account is {settings.account!r}; IAM "
                f"allows only one of the same account: name one of {settings.account}"
            )


def _of_key(settings: "Settings") -> Iterator[str]:
    if settings.encryption_key is None:
        return
    if settings.encryption_key == "create" and settings.bucket:
        yield (
            f"encryption_key is 'create' but bucket is {settings.bucket!r}, which exists and has "
            "its own key; set encryption_key to that key's ARN"
        )
    place = settings.encryption_key.split(":")[3:4]  # empty for 'create'
    if settings.region and place not in ([], [settings.region]):
        yield (
            f"encryption_key is a key in {place[0]} but region is {settings.region!r}; S3 and "
            f"SageMaker need a key in their own Region: give one in {settings.region}"
        )
    for group, instance_type in (
        ("training", settings.training.instance_type),
        ("endpoint", settings.endpoint.instance_type),
    ):
        if WITH_DISKS.match(instance_type):
            yield (
                f"{group}.instance_type is {instance_type!r}, whose local disks can't use "
                "encryption_key; choose a type without local disks, such as ml.m5.xlarge"
            )


def _of_pipeline(settings: "Settings") -> Iterator[str]:
    pipeline = settings.pipeline
    if pipeline.connection is None:
        return
    for name, value in {
        "repository": settings.repository,
        "pipeline.source": pipeline.source,
    }.items():
        if value is None:
            yield f"pipeline.connection is set but {name} is not; a pipeline needs both"
    if pipeline.corpus is None and pipeline.vocab is not None:
        yield "pipeline.vocab is set but pipeline.corpus is null; a prepared corpus has its own"
    if len(set(pipeline.environments)) < len(pipeline.environments):
        named = ", ".join(pipeline.environments)
        yield f"pipeline.environments is {named}; name each only once"


def _of_serverless(settings: "Settings") -> Iterator[str]:
    excluded = {
        "scaling.max_instances": settings.scaled,
        "updates.strategy other than all_at_once": settings.updates.strategy != "all_at_once",
        "updates.wait_seconds": settings.wait_seconds > 0,
        "endpoint.capture_percent": settings.endpoint.capture_percent > 0,
        "network.vpc": settings.network.vpc is not None,
        "network.isolation": settings.network.isolation is True,
    }
    for name, wanted in excluded.items():
        if wanted:
            yield (
                f"serverless.memory_mb is {settings.serverless.memory_mb}; a serverless endpoint "
                f"does not support {name}: remove one of the two"
            )


def _of_updates(settings: "Settings") -> Iterator[str]:
    updates = settings.updates
    gradual = updates.strategy != "all_at_once"
    wait = settings.wait_seconds
    if wait < SHORTEST_WAIT and (wait or gradual):
        none = "" if gradual else "0 (alarms do not watch) or "
        yield (
            f"updates.wait_seconds is {wait}, too short for alarms to see the new model, since "
            f"they look at whole minutes: set it to {none}{SHORTEST_WAIT} to 3600"
        )
    if (seconds := _longest_update(settings)) >= LONGEST_UPDATE:
        yield (
            f"updates.wait_seconds is {wait} and updates.step_percent is {updates.step_percent}; "
            f"an update would wait {seconds} s, but SageMaker ends it after {LONGEST_UPDATE} s: "
            "choose a shorter wait or larger steps"
        )
    if not gradual:
        return
    counts = {"endpoint.instance_count": settings.endpoint.instance_count}
    if settings.scaled:
        counts["scaling.min_instances"] = settings.scaling.min_instances
    for name, count in counts.items():
        if count < 2:
            yield (
                f"updates.strategy is {updates.strategy!r} but {name} is {count}; moving traffic "
                "in steps needs 2 instances or more"
            )
    smallest = GRADUAL[updates.strategy]
    if updates.step_percent < smallest:
        yield (
            f"updates.step_percent is {updates.step_percent}; with the strategy "
            f"{updates.strategy!r} it must be {smallest} to 50"
        )


def _longest_update(settings: "Settings") -> int:
    """Return the seconds that an update waits: after each step, and before it ends the old fleet.

    Source: API reference, BlueGreenUpdatePolicy and RollingUpdatePolicy.
    """
    strategy = settings.updates.strategy
    steps = {"all_at_once": 1, "canary": 2}.get(
        strategy, math.ceil(100 / settings.updates.step_percent)
    )
    return settings.wait_seconds * (steps + (strategy != "rolling"))


def _of_scaling(settings: "Settings") -> Iterator[str]:
    scaling, endpoint = settings.scaling, settings.endpoint
    if scaling.max_instances is None:
        return
    if not scaling.min_instances <= endpoint.instance_count <= scaling.max_instances:
        yield (
            f"endpoint.instance_count is {endpoint.instance_count}; it must be between "
            f"scaling.min_instances, {scaling.min_instances}, and scaling.max_instances, "
            f"{scaling.max_instances}"
        )
    if BURSTABLE.match(endpoint.instance_type):
        yield (
            f"endpoint.instance_type is {endpoint.instance_type!r}; SageMaker does not scale "
            "burstable instances: choose another type, or remove scaling.max_instances"
        )
    # Synthesis can't ask AWS which type is deployed, so the settings name it.
    if scaling.instance_type != endpoint.instance_type:
        yield (
            f"endpoint.instance_type is {endpoint.instance_type!r} but scaling.instance_type is "
            f"{scaling.instance_type!r}; SageMaker can't change the type of a scaled endpoint. "
            "To switch scaling on, set both to the same type. To change the type, deploy once "
            "without scaling.max_instances, then with the new type in both"
        )
