"""What is left of an environment after `destroy`: `python -m operations leftovers`.

Things are found by the environment's tags, and by name where a service knows no tags or AWS no way
to search by them. Ended training jobs stay in AWS's lists for ever, and are not counted.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import boto3

from cli.arguments import Commands
from operations.environment import add_environment_options, region_of
from stacks.settings import Settings, load, read_context

Client = Callable[[str], Any]
OF_A_JOB = re.compile(r"-[0-9a-f]{12}-[^-]+$")  # what follows the environment's name
OF_A_BOARD = re.compile(r"-[a-z]{2}(-[a-z]+)+-\d$")
RUNNING = ("InProgress", "Stopping")

_EXAMPLES = """\
examples:
  python -m operations leftovers
  cdk destroy --all -c env=prod && python -m operations leftovers --env prod

The exit code is 0 when nothing is left, 1 when something is, 2 for wrong use or if AWS could not be
asked. What the environment keeps on purpose (`retain_data`) is printed and not counted.
"""
# Lists of an account and Region: kind, service, operation, member of the answer, its name.
LISTS = (
    ("stack", "cloudformation", "describe_stacks", "Stacks", "StackName"),
    ("endpoint", "sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
    (
        "configuration",
        "sagemaker",
        "list_endpoint_configs",
        "EndpointConfigs",
        "EndpointConfigName",
    ),
    ("model", "sagemaker", "list_models", "Models", "ModelName"),
    ("bucket", "s3", "list_buckets", "Buckets", "Name"),
    ("function", "lambda", "list_functions", "Functions", "FunctionName"),
    ("role", "iam", "list_roles", "Roles", "RoleName"),
    ("rule", "events", "list_rules", "Rules", "Name"),
    ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("topic", "sns", "list_topics", "Topics", "TopicArn"),
    ("parameter", "ssm", "describe_parameters", "Parameters", "Name"),
    ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("security group", "ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
)


# What an ARN's service and resource are called in these lists.
KINDS = {
    ("cloudformation", "stack"): "stack",
    ("sagemaker", "endpoint"): "endpoint",
    ("sagemaker", "endpoint-config"): "configuration",
    ("sagemaker", "model"): "model",
    ("lambda", "function"): "function",
    ("iam", "role"): "role",
    ("iam", "policy"): "policy",
    ("events", "rule"): "rule",
    ("cloudwatch", "alarm"): "alarm",
    ("cloudwatch", "dashboard"): "dashboard",
    ("ssm", "parameter"): "parameter",
    ("logs", "log-group"): "log group",
    ("ec2", "security-group"): "security group",
}


@dataclass(frozen=True, order=True)
class Thing:
    """A resource: what it is, and its name or ARN."""

    kind: str
    name: str


def everything(client: Client) -> Iterator[Thing]:
    """All there is in the account and Region of what our stacks and jobs make, whoever's it is."""
    for kind, service, operation, member, name in LISTS:
        for entry in _pages(client(service), operation, member):
            yield Thing(kind, entry[name])
    for policy in _pages(client("iam"), "list_policies", "Policies", Scope="Local"):
        yield Thing("policy", policy["PolicyName"])
    for target in _pages(
        client("application-autoscaling"),
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
    ):
        yield Thing("scalable target", target["ResourceId"])
    for state in RUNNING:
        jobs = _pages(
            client("sagemaker"), "list_training_jobs", "TrainingJobSummaries", StatusEquals=state
        )
        for job in jobs:
            yield Thing("running job", job["TrainingJobName"])


def _pages(client: Any, operation: str, member: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    if not client.can_paginate(operation):
        yield from getattr(client, operation)(**arguments)[member]
        return
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def left_of(settings: Settings, client: Client) -> list[Thing]:
    """What is left of the environment; by its tags only what its name does not tell."""
    things = list(everything(client))
    there = {_identity(thing) for thing in things}
    named = [thing for thing in things if _is_named_after(thing, settings)]
    known = {_last(thing.name) for thing in named}
    tagged = []
    for thing in _tagged(settings, client):
        listed = listed_as(thing.name)
        # The tagging API goes on listing "all the tagged or previously tagged resources"
        # (GetResources, API reference) for minutes or hours; their own services know better.
        gone = listed is not None and _identity(listed) not in there
        if not gone and _last(thing.name) not in known:
            tagged.append(thing)
    return [*named, *tagged, *_interfaces(settings, client)]


def listed_as(arn: str) -> Thing | None:
    """The thing of an ARN as `everything` lists it; None when it lists none of this kind."""
    service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
    if service == "sns":
        return Thing("topic", arn)
    if service == "s3":
        return Thing("bucket", resource)
    kind, *names = re.split("[/:]", resource, maxsplit=1)
    name = "".join(names)
    found = KINDS.get((service, kind))
    if found is None:
        return None
    if found == "stack":
        name = name.partition("/")[0]  # its id follows
    elif service == "iam":
        name = _last(name)  # a path stands before
    return Thing(found, name.removesuffix(":*"))


def _identity(thing: Thing) -> tuple[str, str]:
    """What is the same in an ARN and in a list: SageMaker writes ARNs in lower case."""
    return thing.kind, thing.name.strip("/").lower()


def _last(name: str) -> str:
    """A name without its path, of an ARN the resource's own."""
    return re.split("[/:]", name)[-1]


def _is_named_after(thing: Thing, settings: Settings) -> bool:
    """By CloudFormation, after a stack; or by us, after the environment."""
    name = _last(thing.name)
    made_by = tuple(f"{name}-" for name in settings.stacks)
    return (
        name == settings.name
        or thing.name.startswith(f"endpoint/{settings.name}/")  # a scalable target
        or (thing.kind == "dashboard" and OF_A_BOARD.sub("", name) == settings.name)
        or (thing.kind == "running job" and OF_A_JOB.sub("", name) == settings.name)
        or thing.name.startswith(f"/{settings.project}/{settings.env}/")
        or any(f"{piece}-".startswith(made_by) for piece in re.split("[/:]", thing.name))
    )


def _tagged(settings: Settings, client: Client) -> Iterator[Thing]:
    tags = {"project": settings.project, "environment": settings.env}
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    tagging = client("resourcegroupstaggingapi")
    for resource in _pages(tagging, "get_resources", "ResourceTagMappingList", TagFilters=filters):
        arn = resource["ResourceARN"]
        service, resource_id = arn.split(":", 5)[2], arn.split(":", 5)[5]
        if service == "sagemaker" and resource_id.startswith("training-job/"):
            continue
        if service == "kms" and _is_gone(client("kms"), arn):
            continue
        yield Thing("tagged", arn)


def _is_gone(kms: Any, arn: str) -> bool:
    """A key that a stack has deleted waits for its end, bills nothing, and is gone one day."""
    try:
        state = kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    except kms.exceptions.NotFoundException:
        return True
    return bool(state == "PendingDeletion")


def _interfaces(settings: Settings, client: Client) -> Iterator[Thing]:
    """Network interfaces by which SageMaker was attached to the environment's subnets."""
    network = settings.network
    if network.vpc is None:
        return
    filters = [{"Name": "subnet-id", "Values": list(network.subnets)}]
    if network.security_groups:
        filters.append({"Name": "group-id", "Values": list(network.security_groups)})
    interfaces = _pages(
        client("ec2"), "describe_network_interfaces", "NetworkInterfaces", Filters=filters
    )
    for interface in interfaces:
        if "sagemaker" in interface.get("Description", "").lower():
            yield Thing("network interface", interface["NetworkInterfaceId"])


def is_kept(thing: Thing, settings: Settings) -> bool:
    """Whether the environment keeps it on purpose: its bucket and the key of that."""
    kept = thing.kind == "bucket" or thing.name.split(":")[2:3] in (["s3"], ["kms"])
    return settings.retain_data and kept


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "leftovers",
        help="print what a destroyed environment left behind",
        description="Print what is left of an environment after it was destroyed.",
        epilog=_EXAMPLES,
    )
    add_environment_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, not lines")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what is left; 0 when nothing is, 1 when something is."""
    settings = load(read_context(options.env, options.context))
    session = boto3.Session(region_name=region_of(settings))
    found = left_of(settings, cache(session.client))
    left = [thing for thing in found if not is_kept(thing, settings)]
    kept = [thing for thing in found if is_kept(thing, settings)]
    if options.json:
        print(json.dumps({"left": _listed(left), "kept": _listed(kept)}, indent=2))
        return int(bool(left))
    for word, things in (("kept", kept), ("left", left)):
        for thing in things:
            print(f"{word}: {thing.kind} {thing.name}")
    if not left:
        print(f"{settings.name}: nothing is left")
    return int(bool(left))


def _listed(things: list[Thing]) -> list[dict[str, str]]:
    return [asdict(thing) for thing in things]
