"""The checks that ask AWS, with the caller's credentials; none changes anything."""

import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from operations.preflight.findings import Finding, Target, failed, passed, warned
from stacks.parts.encryption import CREATE

BOOTSTRAP_VERSION = 6  # the first whose asset bucket the CDK's deployments can use
DEFAULT_QUALIFIER = "hnb659fds"
# A stack in one of these takes no update; it is deleted first.
DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED"}
DIGEST = re.compile(r"[0-9A-F]{8}$")  # the CDK's, at the end of a logical id
STUCK = {"UPDATE_ROLLBACK_FAILED"}
# A change set was made and never executed: the CDK takes such a stack for one that is not there.
UNMADE = {"REVIEW_IN_PROGRESS"}
# An endpoint in one of these takes no update, and never leaves it by itself.
BROKEN = {"Failed", "OutOfService", "UpdateRollbackFailed"}


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def identity(target: Target) -> Iterator[Finding]:
    """The caller is in the account of the settings."""
    caller = target.client("sts").get_caller_identity()
    account, arn = caller["Account"], caller["Arn"]
    wanted = target.settings.account
    if wanted is not None and account != wanted:
        yield failed(
            "identity",
            f"the caller {arn} is in account {account}; the environment's is {wanted}",
            "take other credentials: set AWS_PROFILE, or assume a role there",
        )
    else:
        yield passed("identity", f"{arn}, in {target.region}")


def separation(target: Target) -> Iterator[Finding]:
    """No other environment can be deployed by whoever deploys this one."""
    caller = _account(target)
    account = target.settings.account or caller
    together = [other.env for other in target.others if (other.account or caller) == account]
    if together:
        yield warned(
            "separation",
            f"account {account} also has {', '.join(together)}: whoever deploys one of them can "
            "deploy the others, whatever has to be approved",
            "give each its own account: the setting `account`",
        )
    else:
        yield passed("separation", f"no other environment is in account {account}")


def bootstrap(target: Target) -> Iterator[Finding]:
    """The CDK's bootstrap stack is there and new enough."""
    qualifier = target.settings.bootstrap_qualifier or DEFAULT_QUALIFIER
    own = f" --qualifier {qualifier}" if target.settings.bootstrap_qualifier else ""
    advice = f"`cdk bootstrap aws://{_account(target)}/{target.region}{own}`"
    name = f"/cdk-bootstrap/{qualifier}/version"
    try:
        version = int(target.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if _code(error) != "ParameterNotFound":
            raise
        yield failed("bootstrap", f"no bootstrap {qualifier!r} in {target.region}", advice)
        return
    if version < BOOTSTRAP_VERSION:
        text = f"bootstrap {qualifier!r} has version {version}; {BOOTSTRAP_VERSION} is needed"
        yield failed("bootstrap", text, advice)
    else:
        yield passed("bootstrap", f"{qualifier!r}, version {version}")


def _account(target: Target) -> str:
    return str(target.client("sts").get_caller_identity()["Account"])


def stacks(target: Target) -> Iterator[Finding]:
    """No stack of the environment is in a state that takes no deployment."""
    settings = target.settings
    cloudformation = target.client("cloudformation")
    ready = True
    for name in settings.stacks:
        state = _stack_state(cloudformation, name)
        if state is None:
            continue
        if state in DEAD:
            ready = False
            yield failed("stacks", f"{name} is {state}", f"delete it: `cdk destroy {name}`")
        elif state in STUCK:
            ready = False
            # Not `cdk rollback`, which needs a newer bootstrap than a deployment.
            advice = f"`aws cloudformation continue-update-rollback --stack-name {name}`"
            yield failed("stacks", f"{name} is {state}", advice)
        elif state.endswith("_IN_PROGRESS") and state not in UNMADE:
            ready = False
            yield failed("stacks", f"{name} is {state}", "wait until it is done")
    if ready:
        yield passed("stacks", "all are ready to be deployed")


def _stack_state(cloudformation: Any, name: str) -> str | None:
    try:
        return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def changes(target: Target) -> Iterator[Finding]:
    """No setting takes away what the training or storage stack has made and the serving stack uses.

    CloudFormation deletes no export that another stack imports ("Get exported outputs from a
    deployed CloudFormation stack", User Guide), and the CDK deploys the importing stack last.
    """
    settings, name = target.settings, target.settings.name
    if not _resources(target, "serving"):
        yield passed("changes", "no stack needs what another would delete")
        return
    first = (
        f"deploy first `cdk deploy {name}-serving --exclusively` with the same settings, so that "
        "nothing uses it, and then all"
    )
    made = _resources(target, "training")
    found = []
    if settings.role is not None and "AWS::IAM::Role ExecutionRole" in made:
        found.append(("role is given, and the endpoint's model has the role of the stack", first))
    group = made.get("AWS::EC2::SecurityGroup SecurityGroup")
    network = settings.network
    if group is not None and (network.vpc is None or network.security_groups):
        found.append((f"the endpoint's model has {group}, which network.* would delete", first))
    elif group is not None and (vpc := _vpc_of(target, group)) != network.vpc:
        found.append(
            (
                f"network.vpc is {network.vpc}, and the security group {group} is in {vpc}",
                f"name groups of the new VPC in network.security_groups, and {first}",
            )
        )
    if "AWS::KMS::Key Key" in _resources(target, "storage") and settings.encryption_key != CREATE:
        was = f"encryption_key was {CREATE!r}; the key of all data and models would be deleted"
        found.append((was, f"keep {CREATE!r}, or destroy the environment and deploy it anew"))
    for text, advice in found:
        yield failed("changes", text, advice)
    if not found:
        yield passed("changes", "no stack needs what another would delete")


def _resources(target: Target, part: str) -> dict[str, str]:
    """Physical ids of what a stack has made, by type and logical id, less the id's digest."""
    stack = f"{target.settings.name}-{part}"
    try:
        answer = target.client("cloudformation").describe_stack_resources(StackName=stack)
    except ClientError as error:
        if "does not exist" in str(error):
            return {}
        raise
    return {
        f"{one['ResourceType']} {DIGEST.sub('', one['LogicalResourceId'])}": one.get(
            "PhysicalResourceId", ""
        )
        for one in answer["StackResources"]
        if one["ResourceStatus"] != "DELETE_COMPLETE"
    }


def _vpc_of(target: Target, group: str) -> str:
    groups = target.client("ec2").describe_security_groups(GroupIds=[group])
    return str(groups["SecurityGroups"][0]["VpcId"])


def bucket(target: Target) -> Iterator[Finding]:
    """The bucket of the settings is the account's and in the Region."""
    name = target.settings.bucket
    if name is None:
        yield passed("bucket", "CloudFormation gives it a name that is free")
        return
    try:
        answer = target.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=_account(target))
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            advice = "make it, or leave the setting `bucket` out and have one made"
            yield failed("bucket", f"there is no bucket {name}", advice)
        elif status == 403:
            advice = "take a bucket of this account that you may look at"
            yield failed("bucket", f"{name} is another account's, or out of your reach", advice)
        else:
            raise
        return
    region = answer.get("BucketRegion", target.region)
    if region != target.region:
        advice = "take one in the endpoint's Region: SageMaker reads from no other"
        yield failed("bucket", f"{name} is in {region}, not in {target.region}", advice)
    else:
        yield passed("bucket", f"{name} is there")


def role(target: Target) -> Iterator[Finding]:
    """The role of the settings is there."""
    arn = target.settings.role
    if arn is None:
        yield passed("role", "the stack makes one")
        return
    name = arn.rpartition("/")[2]
    try:
        found = target.client("iam").get_role(RoleName=name)["Role"]["Arn"]
    except ClientError as error:
        if _code(error) != "NoSuchEntity":
            raise
        found = None
    if found == arn:
        yield passed("role", f"{arn} is there")
    else:
        advice = "make it, or leave the setting `role` out and have one made"
        yield failed("role", f"there is no role {arn}", advice)


def endpoint(target: Target) -> Iterator[Finding]:
    """No endpoint of that name is somebody else's."""
    name = target.settings.name
    try:
        found = target.client("sagemaker").describe_endpoint(EndpointName=name)
    except ClientError as error:
        if _code(error) != "ValidationException":
            raise
        yield passed("endpoint", f"the name {name} is free")
        return
    status = found["EndpointStatus"]
    if not _is_ours(target, name):
        yield failed(
            "endpoint",
            f"there is an endpoint {name}, and it is not the stack's {name}-serving",
            "delete it, or give this environment another name or `project`",
        )
    elif status in BROKEN and target.settings.endpoint.enabled:
        advice = (
            "deploy once with `-c endpoint.enabled=false`, which deletes it, and then as you "
            "wanted: SageMaker updates no such endpoint"
        )
        yield failed("endpoint", f"{name} is {status}", advice)
    elif status not in BROKEN | {"InService"}:
        advice = "wait until it is in service: SageMaker takes no update before"
        yield failed("endpoint", f"{name} is {status}", advice)
    else:
        yield passed("endpoint", f"{name} is this environment's, and {status}")


def _is_ours(target: Target, name: str) -> bool:
    """Whether the serving stack has made what has this name, or whose ARN ends with it."""
    ids = _resources(target, "serving").values()
    return any(id == name or id.endswith(f"/{name}") for id in ids)


def logs(target: Target) -> Iterator[Finding]:
    """No log group of the endpoint's name stands in the stack's way.

    SageMaker makes one if the execution role lets it, as an existing `role` may.
    """
    name = f"/aws/sagemaker/Endpoints/{target.settings.name}"
    pages = target.client("logs").get_paginator("describe_log_groups")
    found = {
        group["logGroupName"]
        for page in pages.paginate(logGroupNamePrefix=name)
        for group in page["logGroups"]
    }
    if name in found and not _is_ours(target, name):
        yield failed(
            "logs",
            f"{name} is there, and not the stack's, which makes one of that name",
            f"keep what you need of it, then `aws logs delete-log-group --log-group-name {name}`",
        )
    else:
        yield passed("logs", f"{name} does not stand in the way")


def quotas(target: Target) -> Iterator[Finding]:
    """There are enough instances for training, and for the endpoint and its updates."""
    needs = list(_needed(target))
    allowed = _allowed(target.client("service-quotas"), {name for name, _, _ in needs})
    for name, needed, in_updates in needs:
        ask = f"ask for {in_updates} under Service Quotas, Amazon SageMaker, {name!r}"
        if name not in allowed:
            advice = "take an instance type that SageMaker offers for this in the Region"
            yield failed("quotas", f"{name}: no such quota in {target.region}", advice)
        elif allowed[name] < needed:
            text = f"{name}: {allowed[name]:g}, and {needed} are asked for"
            yield failed("quotas", text, ask)
        elif allowed[name] < in_updates:
            text = f"{name}: {allowed[name]:g}, and an update takes {in_updates} for a while"
            yield warned("quotas", text, ask)
        else:
            text = f"{name}: {allowed[name]:g}, of which {in_updates} are needed"
            yield passed("quotas", text)


def _needed(target: Target) -> Iterator[tuple[str, int, int]]:
    """Quotas by name, with the instances that stay and those that an update takes."""
    training, endpoint = target.settings.training, target.settings.endpoint
    spot = "spot " if training.spot else ""
    yield f"{training.instance_type} for {spot}training job usage", 1, 1
    if endpoint.enabled and not target.settings.is_serverless:
        count = max(endpoint.instance_count, target.settings.scaling.max_instances or 0)
        # Blue and green, side by side.
        yield f"{endpoint.instance_type} for endpoint usage", count, 2 * count


def _allowed(service_quotas: Any, names: set[str]) -> dict[str, float]:
    """Quotas by name: the account's own value, or AWS's default where it has none."""
    found: dict[str, float] = {}
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        if names <= found.keys():
            break
        for page in service_quotas.get_paginator(operation).paginate(ServiceCode="sagemaker"):
            own = {quota["QuotaName"]: float(quota["Value"]) for quota in page["Quotas"]}
            found = own | found
    return found
