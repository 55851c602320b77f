"""Settings that are right each for itself and wrong together, told in the user's words.

What AWS would refuse in the middle of a deployment is refused here, before it starts. Sources: the
SageMaker Developer Guide's "Deployment guardrails exclusions", "Serverless Inference", "Update
endpoints that use auto scaling", and the API reference of CreateEndpointConfig.
"""

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stacks.settings.model import Settings

# Metrics come once a minute, and alarms on them need two whole ones: less protects from nothing.
SHORTEST_WAIT = 180
LONGEST_UPDATE = 28_800  # seconds: the most of MaximumExecutionTimeoutInSeconds
GRADUAL = {"canary": 1, "linear": 10, "rolling": 5}  # by the smallest step, a percentage
BURSTABLE = re.compile(r"ml\.t\d")
# Their own disks are encrypted by the hardware, with no key of anybody's.
WITH_DISKS = re.compile(r"ml\.[a-z]+\d+[a-z]*d[a-z]*\.")
# Tags that settings of their own set.
OWN_TAGS = {
    "project": "the setting project",
    "environment": "the environment's name",
    "owner": "the setting owner",
    "cost-center": "the setting cost_center",
    "commit": "the setting commit",
}
RESERVED_BY_SSM = ("aws", "ssm")
RESERVED_BY_S3 = ("xn--", "sthree-", "amzn-s3-demo-")  # at the beginning of a bucket's name
MOST_TAGS = 40  # AWS takes 50 on a resource, and a training job has some of its own


def contradictions(settings: "Settings") -> Iterator[str]:
    """A line for each pair of settings that exclude each other: what was got, what is allowed."""
    yield from _of_names(settings)
    yield from _of_tags(settings)
    yield from _of_network(settings)
    yield from _of_key(settings)
    yield from _of_pipeline(settings)
    if settings.github.ids and not settings.repository:
        yield f"github.ids is {settings.github.ids!r} and repository is not given; give both"
    if settings.is_serverless:
        yield from _of_serverless(settings)
    else:
        yield from _of_updates(settings)
        yield from _of_scaling(settings)


def _of_names(settings: "Settings") -> Iterator[str]:
    if settings.project.startswith(RESERVED_BY_SSM):
        yield (
            f"project is {settings.project!r}; names of parameters may not begin with "
            f"{' or '.join(RESERVED_BY_SSM)}"
        )
    if settings.bucket is None and settings.name.startswith(RESERVED_BY_S3):
        yield (
            f"project is {settings.project!r}; a bucket is named after it, and S3 keeps names that "
            f"begin with {' or '.join(RESERVED_BY_S3)} for itself"
        )


def _of_tags(settings: "Settings") -> Iterator[str]:
    lowered = [key.lower() for key in settings.tags]  # as keys of S3's metadata are
    for key in settings.tags:
        if key.lower() in OWN_TAGS:
            yield f"tags has {key!r}, which {OWN_TAGS[key.lower()]} sets"
        elif lowered.count(key.lower()) > 1 or key.lower().startswith("aws"):
            yield f"tags has {key!r}; keys differ by more than case and do not begin with aws"
    if len(settings.tags) > MOST_TAGS:
        yield f"tags has {len(settings.tags)} keys; at most {MOST_TAGS} are allowed"


def _of_network(settings: "Settings") -> Iterator[str]:
    network = settings.network
    needed = 2 if settings.endpoint.enabled and not settings.is_serverless else 1
    if network.vpc and len(network.subnets) < needed:
        yield (
            f"network.subnets names {len(network.subnets)} of {network.vpc}; "
            "an endpoint needs 2 or more, in different Availability Zones, and training alone 1"
        )
    if not network.vpc and (network.subnets or network.security_groups):
        yield "network.subnets or network.security_groups are given without their network.vpc"
    for name in ("subnets", "security_groups"):
        given = getattr(network, name)
        if len(set(given)) < len(given):
            yield f"network.{name} is {', '.join(given)}; each is named once"


def _of_key(settings: "Settings") -> Iterator[str]:
    if settings.encryption_key is None:
        return
    if settings.encryption_key == "create" and settings.bucket:
        yield (
            f"encryption_key is 'create' and bucket is {settings.bucket!r}, which has a key "
            "already; give that key's ARN"
        )
    place = settings.encryption_key.split(":")[3:4]  # none of a key that is yet to be made
    if settings.region and place not in ([], [settings.region]):
        yield (
            f"encryption_key is a key of {place[0]} and region is {settings.region!r}; S3 and "
            "SageMaker take a key of their own Region alone"
        )
    for group, instance_type in (
        ("training", settings.training.instance_type),
        ("endpoint", settings.endpoint.instance_type),
    ):
        if WITH_DISKS.match(instance_type):
            yield (
                f"{group}.instance_type is {instance_type!r}, which has disks of its own that "
                "take no encryption_key; take a type without, such as ml.m5.xlarge"
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
            yield f"pipeline.connection is given and {name} is not; a pipeline takes both"
    if len(set(pipeline.environments)) < len(pipeline.environments):
        named = ", ".join(pipeline.environments)
        yield f"pipeline.environments is {named}; each is deployed once"


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
                f"has no {name}"
            )


def _of_updates(settings: "Settings") -> Iterator[str]:
    updates = settings.updates
    gradual = updates.strategy != "all_at_once"
    wait = settings.wait_seconds
    if wait < SHORTEST_WAIT and (wait or gradual):
        none = "" if gradual else "0, for no watching, or "
        yield (
            f"updates.wait_seconds is {wait}; alarms look at whole minutes and would see nothing "
            f"of the new model: take {none}{SHORTEST_WAIT} to 3600"
        )
    if (seconds := _longest_update(settings)) >= LONGEST_UPDATE:
        yield (
            f"updates.wait_seconds is {wait} and updates.step_percent {updates.step_percent}; an "
            f"update would wait {seconds} s, and SageMaker ends it after {LONGEST_UPDATE} s: take "
            "a shorter wait or larger steps"
        )
    if not gradual:
        return
    counts = {"endpoint.instance_count": settings.endpoint.instance_count}
    if settings.scaled:
        counts["scaling.min_instances"] = settings.scaling.min_instances
    for name, count in counts.items():
        if count < 2:
            yield (
                f"updates.strategy is {updates.strategy!r} and {name} is {count}; moving traffic "
                "in steps takes 2 instances or more"
            )
    smallest = GRADUAL[updates.strategy]
    if updates.step_percent < smallest:
        yield (
            f"updates.step_percent is {updates.step_percent}; with the strategy "
            f"{updates.strategy!r} it is {smallest} to 50"
        )


def _longest_update(settings: "Settings") -> int:
    """Return the seconds that an update only waits: after each step, and before the old fleet ends.

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
            f"endpoint.instance_count is {endpoint.instance_count}; scaling keeps it between "
            f"scaling.min_instances, {scaling.min_instances}, and scaling.max_instances, "
            f"{scaling.max_instances}"
        )
    if BURSTABLE.match(endpoint.instance_type):
        yield (
            f"endpoint.instance_type is {endpoint.instance_type!r}; burstable instances are not "
            "scaled, so take another type or no scaling.max_instances"
        )
    # Nothing here can ask AWS what is deployed, so the settings say it.
    if scaling.instance_type != endpoint.instance_type:
        yield (
            f"endpoint.instance_type is {endpoint.instance_type!r} and scaling.instance_type is "
            f"{scaling.instance_type!r}; SageMaker does not change the type of a scaled endpoint. "
            "To begin scaling, name the type in both. To change it, deploy once without "
            "scaling.max_instances, and then with the new type in both"
        )
