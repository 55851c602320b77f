"""The checks that ask AWS, with the caller's credentials; they change nothing."""

import re
from collections.abc import Iterator
from typing import Any

from aws_cdk import DefaultStackSynthesizer
from botocore.exceptions import ClientError

from operations.preflight.findings import Finding, Target, failed, passed, warned
from stacks.parts.encryption import CREATE

BOOTSTRAP_VERSION = 6  # the oldest version that the CDK can deploy with
# A stack in one of these states must be deleted before it can be deployed again.
DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED"}
DIGEST = re.compile(r"[0-9A-F]{8}$")  # the CDK's digest at the end of a logical id
STUCK = {"UPDATE_ROLLBACK_FAILED"}
# The stack has a change set that was never executed: for the CDK such a stack does not exist.
UNMADE = {"REVIEW_IN_PROGRESS"}
# An endpoint in one of these states can't be updated, and does not leave the state by itself.
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
    """Nobody who can deploy this environment can also deploy another one."""
    caller = _account(target)
    account = target.settings.account or caller
    together = [other.env for other in target.others if (other.account or caller) == account]
    if together:
        yield warned(
            "separation",
            f"account {account} also has {', '.join(together)}: who can deploy one of them can "
            "deploy the others without an approval",
            "give each environment its own account, with the setting `account`",
        )
    else:
        yield passed("separation", f"no other environment is in account {account}")


def bootstrap(target: Target) -> Iterator[Finding]:
    """The CDK's bootstrap stack exists and is new enough."""
    qualifier = target.settings.bootstrap_qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER
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
    """Every stack of the environment is in a state that can be deployed."""
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
            # Not `cdk rollback`: it needs a newer bootstrap than a deployment does.
            advice = f"`aws cloudformation continue-update-rollback --stack-name {name}`"
            yield failed("stacks", f"{name} is {state}", advice)
        elif state.endswith("_IN_PROGRESS") and state not in UNMADE:
            ready = False
            yield failed("stacks", f"{name} is {state}", "wait until it is done")
    if ready:
        yield passed("stacks", "all can be deployed")


def _stack_state(cloudformation: Any, name: str) -> str | None:
    try:
        return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def changes(target: Target) -> Iterator[Finding]:
    """No change of the settings deletes a resource that the serving stack still uses.

    CloudFormation does not delete an export that another stack imports ("Get exported outputs from
    a deployed CloudFormation stack", User Guide), and the CDK deploys the importing stack last.
    """
    settings, name = target.settings, target.settings.name
    if not _resources(target, "serving"):
        yield passed("changes", "no stack uses what another would delete")
        return
    first = (
        f"first run `cdk deploy {name}-serving --exclusively` with the same settings, so that "
        "nothing uses it any more, then deploy all"
    )
    made = _resources(target, "training")
    found = []
    if settings.role is not None and "AWS::IAM::Role ExecutionRole" in made:
        found.append(("role is set, but the endpoint's model still has the stack's role", first))
    group = made.get("AWS::EC2::SecurityGroup SecurityGroup")
    network = settings.network
    if group is not None and (network.vpc is None or network.security_groups):
        found.append(
            (f"network.* would delete {group}, which the endpoint's model still has", first)
        )
    elif group is not None and (vpc := _vpc_of(target, group)) != network.vpc:
        found.append(
            (
                f"network.vpc is {network.vpc}, but the security group {group} is in {vpc}",
                f"name groups of the new VPC in network.security_groups, and {first}",
            )
        )
    if "AWS::KMS::Key Key" in _resources(target, "storage") and settings.encryption_key != CREATE:
        was = f"encryption_key was {CREATE!r}; the key of all data and models would be deleted"
        found.append((was, f"keep {CREATE!r}, or destroy the environment and deploy it again"))
    for text, advice in found:
        yield failed("changes", text, advice)
    if not found:
        yield passed("changes", "no stack uses what another would delete")


def preparation(target: Target) -> Iterator[Finding]:
    """A preparation stack that is deployed is in the settings, so that `cdk destroy` knows it."""
    name = f"{target.settings.name}-preparation"
    if target.settings.preparation.source is not None:
        yield passed("preparation", f"{name} reads {target.settings.preparation.source}")
    elif _stack_state(target.client("cloudformation"), name) is None:
        yield passed("preparation", "no preparation stack is asked for, and none is there")
    else:
        yield warned(
            "preparation",
            f"{name} is deployed, but preparation.source is not set: `cdk destroy` would not "
            "delete it, nor the bucket that it uses",
            f"set preparation.source in cdk.json, or run `aws cloudformation delete-stack "
            f"--stack-name {name}`",
        )


def _resources(target: Target, part: str) -> dict[str, str]:
    """Return the physical ids of a stack's resources by `TYPE LOGICAL-ID`, without the digest."""
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
    """The bucket of the settings is in the account and the Region."""
    name = target.settings.bucket
    if name is None:
        yield passed("bucket", "CloudFormation creates one, with a free name")
        return
    try:
        answer = target.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=_account(target))
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            advice = "create it, or remove the setting `bucket` to have one created"
            yield failed("bucket", f"there is no bucket {name}", advice)
        elif status == 403:
            advice = "name a bucket of this account, and grant the caller s3:ListBucket on it"
            yield failed("bucket", f"{name} is in another account, or you may not read it", advice)
        else:
            raise
        return
    region = answer.get("BucketRegion", target.region)
    if region != target.region:
        advice = "name a bucket in the endpoint's Region: SageMaker reads only from there"
        yield failed("bucket", f"{name} is in {region}, not in {target.region}", advice)
    else:
        yield passed("bucket", f"{name} exists")


def role(target: Target) -> Iterator[Finding]:
    """The role of the settings exists."""
    arn = target.settings.role
    if arn is None:
        yield passed("role", "CloudFormation creates one")
        return
    name = arn.rpartition("/")[2]
    try:
        found = target.client("iam").get_role(RoleName=name)["Role"]["Arn"]
    except ClientError as error:
        if _code(error) != "NoSuchEntity":
            raise
        found = None
    if found == arn:
        yield passed("role", f"{arn} exists")
    else:
        advice = "create it, or remove the setting `role` to have one created"
        yield failed("role", f"there is no role {arn}", advice)


def endpoint(target: Target) -> Iterator[Finding]:
    """No other stack has the endpoint's name, and the endpoint can be updated."""
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
            f"there is an endpoint {name}, but it is not in the stack {name}-serving",
            "delete it, or give this environment another name or `project`",
        )
    elif status in BROKEN and target.settings.endpoint.enabled:
        advice = (
            "deploy once with `-c endpoint.enabled=false`, which deletes it, then deploy again: "
            "SageMaker can't update it"
        )
        yield failed("endpoint", f"{name} is {status}", advice)
    elif status not in BROKEN | {"InService"}:
        advice = "wait until it is in service: SageMaker can't update it before"
        yield failed("endpoint", f"{name} is {status}", advice)
    else:
        yield passed("endpoint", f"{name} is in the environment's stack, and {status}")


def _is_ours(target: Target, name: str) -> bool:
    """Whether the serving stack has a resource of this name, or whose ARN ends with it."""
    ids = _resources(target, "serving").values()
    return any(id == name or id.endswith(f"/{name}") for id in ids)


def logs(target: Target) -> Iterator[Finding]:
    """No log group outside the stack has the name of the endpoint's log group.

    SageMaker creates one if the execution role allows it, as an existing `role` may.
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
            f"the log group {name} already exists, so the stack can't create it",
            f"save what you need of it, then run `aws logs delete-log-group --log-group-name "
            f"{name}`",
        )
    else:
        yield passed("logs", f"the name {name} is free, or the stack's")


def quotas(target: Target) -> Iterator[Finding]:
    """The quotas allow enough instances for training, and for the endpoint and its updates."""
    needs = list(_needed(target))
    allowed = _allowed(target.client("service-quotas"), {name for name, _, _ in needs})
    for name, needed, in_updates in needs:
        ask = f"request {in_updates} under Service Quotas, Amazon SageMaker, {name!r}"
        if name not in allowed:
            advice = "choose an instance type that SageMaker offers for this in the Region"
            yield failed("quotas", f"{name}: no such quota in {target.region}", advice)
        elif allowed[name] < needed:
            text = f"{name}: the quota is {allowed[name]:g}, but {needed} are needed"
            yield failed("quotas", text, ask)
        elif allowed[name] < in_updates:
            text = f"{name}: the quota is {allowed[name]:g}, but an update needs {in_updates}"
            yield warned("quotas", text, ask)
        else:
            text = f"{name}: the quota is {allowed[name]:g}, and {in_updates} are needed"
            yield passed("quotas", text)


def _needed(target: Target) -> Iterator[tuple[str, int, int]]:
    """Yield quotas: the name, the instances needed at all times, and those during an update."""
    training, endpoint = target.settings.training, target.settings.endpoint
    spot = "spot " if training.spot else ""
    yield f"{training.instance_type} for {spot}training job usage", 1, 1
    if target.settings.has_instances:
        count = max(endpoint.instance_count, target.settings.scaling.max_instances or 0)
        # During an update the old and the new fleet run side by side.
        yield f"{endpoint.instance_type} for endpoint usage", count, 2 * count


def _allowed(service_quotas: Any, names: set[str]) -> dict[str, float]:
    """Return quotas by name: the account's own value, or else AWS's default."""
    found: dict[str, float] = {}
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        if names <= found.keys():
            break
        for page in service_quotas.get_paginator(operation).paginate(ServiceCode="sagemaker"):
            own = {quota["QuotaName"]: float(quota["Value"]) for quota in page["Quotas"]}
            found = own | found
    return found
