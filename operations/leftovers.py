"""`python -m operations leftovers`: find what is left of an environment after `destroy`.

Resources are found by the environment's name and by its tags, since not every resource has tags
that AWS can search. Ended jobs stay in AWS's lists for ever, and do not count.
"""

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from cli.arguments import Commands
from operations.environment import Clients, clients, pages, region_of
from stacks.settings import Settings, load, read_context

# What follows the environment's name in the name of a training job, a transform job, a dashboard.
JOB_SUFFIX = re.compile(r"(-[0-9a-f]{12}-[^-]+|-[0-9a-f]{8})$")
DASHBOARD_SUFFIX = re.compile(r"-[a-z]{2}(-[a-z]+)+-\d$")
JOBS = ("training", "transform")
RUNNING = ("InProgress", "Stopping")

_EXAMPLES = """\
examples:
  python -m operations leftovers
  cdk destroy --all -c env=prod && python -m operations leftovers --env prod

The exit code is 0 if nothing is left, 1 if something is, 2 for wrong use or if AWS could not be
asked. What the environment keeps on purpose (`retain_data`) is printed, but does not count.
"""
# How to list resources: kind, service, operation, member of the answer, member with the name.
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
    ("Glue job", "glue", "get_jobs", "Jobs", "Name"),
    ("parameter", "ssm", "describe_parameters", "Parameters", "Name"),
    ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("security group", "ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
)


# The kind of a resource by the service and the resource type in its ARN.
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
    ("glue", "job"): "Glue job",
    ("ssm", "parameter"): "parameter",
    ("logs", "log-group"): "log group",
    ("ec2", "security-group"): "security group",
}


@dataclass(frozen=True, order=True)
class Resource:
    """A resource in AWS; `name` is its name or ARN."""

    kind: str
    name: str


def list_resources(client: Clients) -> Iterator[Resource]:
    """List all resources of the account and Region, of each kind that an environment has."""
    for kind, service, operation, member, name in LISTS:
        for entry in pages(client(service), operation, member):
            yield Resource(kind, entry[name])
    for policy in pages(client("iam"), "list_policies", "Policies", Scope="Local"):
        yield Resource("policy", policy["PolicyName"])
    for target in pages(
        client("application-autoscaling"),
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
    ):
        yield Resource("scalable target", target["ResourceId"])
    for kind, state in product(JOBS, RUNNING):
        name = kind.capitalize()
        for job in pages(
            client("sagemaker"), f"list_{kind}_jobs", f"{name}JobSummaries", StatusEquals=state
        ):
            yield Resource("running job", job[f"{name}JobName"])


def left_of(settings: Settings, client: Clients) -> list[Resource]:
    """Find resources left over: those matched by name, plus tagged ones that the names missed."""
    resources = list(list_resources(client))
    there = {_identity(resource) for resource in resources}
    named = [resource for resource in resources if _is_named_after(resource, settings)]
    known = {_last(resource.name) for resource in named}
    tagged = []
    for resource in _tagged(settings, client):
        listed = listed_as(resource.name)
        # The tagging API lists "all the tagged or previously tagged resources" (GetResources, API
        # reference), also for hours after their end; the resource's own service knows better.
        gone = listed is not None and _identity(listed) not in there
        if not gone and _last(resource.name) not in known:
            tagged.append(resource)
    return [*named, *tagged, *_interfaces(settings, client)]


def listed_as(arn: str) -> Resource | None:
    """Return an ARN's resource as `list_resources` lists it; None if it does not list the kind."""
    service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
    if service == "sns":
        return Resource("topic", arn)
    if service == "s3":
        return Resource("bucket", resource)
    kind, *names = re.split("[/:]", resource, maxsplit=1)
    name = "".join(names)
    found = KINDS.get((service, kind))
    if found is None:
        return None
    if found == "stack":
        name = name.partition("/")[0]  # its id follows
    elif service == "iam":
        name = _last(name)  # without the path before it
    return Resource(found, name.removesuffix(":*"))


def _identity(resource: Resource) -> tuple[str, str]:
    """Return what is the same in an ARN and in a list: SageMaker's ARNs are in lower case."""
    return resource.kind, resource.name.strip("/").lower()


def _last(name: str) -> str:
    """Return a name without its path, or the name at the end of an ARN."""
    return re.split("[/:]", name)[-1]


def _is_named_after(resource: Resource, settings: Settings) -> bool:
    """Whether the name contains a stack's name (CloudFormation's way) or the environment's."""
    name = _last(resource.name)
    made_by = tuple(f"{name}-" for name in settings.stacks)
    return (
        name == settings.name
        or resource.name.startswith(f"endpoint/{settings.name}/")  # a scalable target
        or (resource.kind == "dashboard" and DASHBOARD_SUFFIX.sub("", name) == settings.name)
        or (resource.kind == "running job" and JOB_SUFFIX.sub("", name) == settings.name)
        or resource.name.startswith(f"/{settings.project}/{settings.env}/")
        or any(f"{piece}-".startswith(made_by) for piece in re.split("[/:]", resource.name))
    )


def _tagged(settings: Settings, client: Clients) -> Iterator[Resource]:
    tags = {"project": settings.project, "environment": settings.env}
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    tagging = client("resourcegroupstaggingapi")
    for resource in pages(tagging, "get_resources", "ResourceTagMappingList", TagFilters=filters):
        arn = resource["ResourceARN"]
        service, resource_id = arn.split(":", 5)[2], arn.split(":", 5)[5]
        if service == "sagemaker" and resource_id.startswith(
            tuple(f"{kind}-job/" for kind in JOBS)
        ):
            continue
        if service == "kms" and _is_gone(client("kms"), arn):
            continue
        yield Resource("tagged", arn)


def _is_gone(kms: Any, arn: str) -> bool:
    """Whether a key is deleted: AWS waits some days before the deletion, but bills nothing."""
    try:
        state = kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    except kms.exceptions.NotFoundException:
        return True
    return bool(state == "PendingDeletion")


def _interfaces(settings: Settings, client: Clients) -> Iterator[Resource]:
    """List the network interfaces with which SageMaker is attached to the environment's subnets."""
    network = settings.network
    if network.vpc is None:
        return
    filters = [{"Name": "subnet-id", "Values": list(network.subnets)}]
    if network.security_groups:
        filters.append({"Name": "group-id", "Values": list(network.security_groups)})
    interfaces = pages(
        client("ec2"), "describe_network_interfaces", "NetworkInterfaces", Filters=filters
    )
    for interface in interfaces:
        if "sagemaker" in interface.get("Description", "").lower():
            yield Resource("network interface", interface["NetworkInterfaceId"])


def is_kept(resource: Resource, settings: Settings) -> bool:
    """Whether the environment keeps it on purpose: the bucket, or the bucket's key."""
    kept = resource.kind == "bucket" or resource.name.split(":")[2:3] in (["s3"], ["kms"])
    return settings.retain_data and kept


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    return commands.add_parser(
        "leftovers",
        help="print what a destroyed environment left behind",
        description="Print what is left of an environment after it was destroyed.",
        epilog=_EXAMPLES,
    )


def run(options: argparse.Namespace) -> int:
    """Print what is left; return 0 if nothing is, 1 if something is."""
    settings = load(read_context(options.env, options.context))
    found = left_of(settings, clients(region_of(settings), retries=5))
    left = [resource for resource in found if not is_kept(resource, settings)]
    kept = [resource for resource in found if is_kept(resource, settings)]
    if options.json:
        print(json.dumps({"left": _listed(left), "kept": _listed(kept)}, indent=2))
        return int(bool(left))
    for word, resources in (("kept", kept), ("left", left)):
        for resource in resources:
            print(f"{word}: {resource.kind} {resource.name}")
    if not left:
        print(f"{settings.name}: nothing is left")
    return int(bool(left))


def _listed(resources: list[Resource]) -> list[dict[str, str]]:
    return [asdict(resource) for resource in resources]
