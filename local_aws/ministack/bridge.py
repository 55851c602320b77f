"""Every touch of MiniStack's internals, each named: the one module to mend after an upgrade.

MiniStack keeps services, routes, IAM names and CloudFormation types in registries of its own that
a module can add to before the server starts. The rest of `local_aws` knows none of them.
"""

import asyncio
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

import ministack.app as gateway
from ministack.core import (
    iam_actions,
    iam_evaluator,
    lambda_runtime,
    responses,
    router,
    sigv4,
)
from ministack.services import (
    cloudformation,
    cloudwatch,
    cloudwatch_logs,
    ec2,
    eventbridge,
    iam,
    kms,
    lambda_svc,
    s3,
    sns,
    sts,
    tagging,
)
from ministack.services.cloudformation import engine, provisioners, stacks, wait_conditions
from ministack.services.cloudformation import handlers as requests

from local_aws import switches
from local_aws.ministack import alarm_states, embedded_metrics

Response = tuple[int, dict[str, str], bytes]

INVOCATIONS = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/invocations")
SESSION_SECONDS = 3600
SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
# What a service does to a resource that it tells of something, by the resource's service.
CALLS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish"}
IDS = "NetworkInterfaceId"
WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
MAKE_LOGS = ("logs:CreateLogGroup", *WRITE_LOGS)
# Where CloudFormation is answered, each with a token that nobody can guess.
TOKEN_PATHS = ("/_ministack/cfn-response/", wait_conditions.SIGNAL_PATH)
_LOG_GROUP = re.compile(r"arn:aws:logs:[^:]*:[^:]*:log-group:[^:]+")
_adding_interface = threading.Lock()


@dataclass(frozen=True)
class Scope:
    """The account and Region that a request belongs to."""

    account: str
    region: str

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """The ARN of `resource` (`training-job/NAME`) here."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True)
class ResourceType:
    """A CloudFormation type: its handlers, and the properties whose change replaces a resource.

    `create(logical_id, properties, stack_name)` and `update(physical_id, old, new, stack_name)`
    give (physical id, attributes); `delete(physical_id, properties)` nothing. All may block.
    `tagged` says whether it has the property `Tags`, which a stack's own tags are added to.
    """

    create: Callable[[str, dict[str, Any], str], tuple[str, dict[str, str]]]
    update: Callable[[str, dict[str, Any], dict[str, Any], str], tuple[str, dict[str, str]]]
    delete: Callable[[str, dict[str, Any]], None]
    replaced_by: tuple[str, ...]
    tagged: bool = True


class Service(Protocol):
    """A module that is a service of AWS's.

    Attributes:
        NAME: Of its credential scope and its IAM actions.
        TARGET_PREFIX: What stands before an operation's name in `X-Amz-Target`.
        MODELS: Botocore's names of its APIs.
        RESOURCE_TYPES: Its CloudFormation types.
    """

    NAME: str
    TARGET_PREFIX: str
    MODELS: list[str]
    RESOURCE_TYPES: dict[str, ResourceType]

    def resource_of(self, operation: str, request: Mapping[str, Any], scope: Scope, /) -> str:
        """The ARN that IAM checks for an operation, or `*`."""

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], /
    ) -> Response:
        """Answer a request that IAM has let through."""


def install(*services: Service) -> None:
    """Add `services` to MiniStack and mend it; call before the server starts."""
    for service in services:
        name = service.NAME
        gateway.SERVICE_REGISTRY[name] = {"module": name}
        gateway.SERVICE_HANDLERS[name] = gateway._lazy_handler(name)
        gateway._loaded_modules[name] = service
        router.SERVICE_PATTERNS[name] = {
            "target_prefixes": [service.TARGET_PREFIX],
            "credential_scope": name,
        }
        iam_actions.SERVICE_TO_IAM_NAMESPACE[name] = name
        iam_actions._BOTOCORE_SERVICE_MAP[name] = service.MODELS
    _name_resources({service.NAME: service for service in services})
    _provision({n: t for service in services for n, t in service.RESOURCE_TYPES.items()})
    _wait_last()
    _cancel_before_delete()
    _mind_buckets()
    _encrypt_topics()
    _retry_functions()
    _mind_alarms()
    _start_changed_alarms_anew()
    _write_logs_of_functions()
    _hand_over_failures_of_functions()
    _ask_who_is_told()
    _ask_for_keys_of_objects()
    _tell_functions_their_log_group()
    _keep_exports_in_use()
    _filter_interfaces()
    _keep_groups_in_use()
    _provision_oidc_providers()
    _list_what_is_gone()
    _let_policies_be_young()
    _give_functions_secrets()
    _make_sessions_in_threads()


def tell_tags(service: str, tags: Callable[[Scope], Mapping[str, Mapping[str, str]]]) -> None:
    """Let the Resource Groups Tagging API find a service's resources: tags by ARN."""

    def collect() -> Iterator[tuple[str, list[dict[str, str]]]]:
        for arn, pairs in tags(current_scope()).items():
            yield arn, [{"Key": key, "Value": value} for key, value in pairs.items()]

    tagging._COLLECTORS[service] = _lingering(collect)


def _name_resources(services: Mapping[str, Service]) -> None:
    """Let IAM see the ARN that AWS checks, for `services` and for CloudWatch Logs.

    MiniStack would say `*` for the ones, and leave out the log stream for the other.
    """
    original = iam_actions.extract_resource_arn

    def extract(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        region: str,
        account: str,
    ) -> str:
        if service not in services:
            arn = str(original(service, method, path, headers, body, query, region, account))
            return f"{arn}:log-stream:{_stream(body)}" if _LOG_GROUP.fullmatch(arn) else arn
        scope = Scope(account, region)
        if match := INVOCATIONS.fullmatch(path):
            return scope.arn(f"endpoint/{match['endpoint'].lower()}")
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            return "*"
        named = services[service]
        operation = headers.get("x-amz-target", "").removeprefix(named.TARGET_PREFIX)
        return named.resource_of(operation, request if isinstance(request, dict) else {}, scope)

    iam_actions.extract_resource_arn = extract


def _stream(body: bytes) -> str:
    try:
        return str(json.loads(body).get("logStreamName", ""))
    except (ValueError, AttributeError):
        return ""


def _provision(types: Mapping[str, ResourceType]) -> None:
    """Add the CloudFormation `types`; their handlers block, so they run on worker threads."""
    for name, handlers in types.items():
        provisioners._RESOURCE_HANDLERS[name] = {
            "create": handlers.create,
            "update": handlers.update,
            "delete": handlers.delete,
        }
        provisioners._REPLACING_PROPERTIES[name] = handlers.replaced_by
        if handlers.tagged:
            provisioners._STACK_TAG_PROPERTY[name] = ("Tags", "list")
    original = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in types or original(name)


def _wait_last() -> None:
    """Provision wait conditions, and what depends on them, after everything else.

    CloudFormation starts all resources whose dependencies are met at once; MiniStack takes one
    after the other, so that a condition could wait for a signal of a resource not yet begun.
    """
    original = stacks._topological_sort

    def sort(resources: dict[str, Any], conditions: dict[str, Any]) -> list[str]:
        ordered: list[str] = original(resources, conditions)
        waiting: set[str] = set()
        for name in ordered:
            definition = resources[name]
            if definition.get("Type") == "AWS::CloudFormation::WaitCondition" or (
                waiting & set(engine._extract_deps(definition, set(ordered)))
            ):
                waiting.add(name)
        return [n for n in ordered if n not in waiting] + [n for n in ordered if n in waiting]

    stacks._topological_sort = sort


def _cancel_before_delete() -> None:
    """Let the creation of a stack end before its deletion begins, and its wait conditions at once.

    MiniStack does both side by side: the deletion takes what is there so far, while the creation
    waits on for hours, and then rolls back a stack that was deleted long ago.
    """
    original = requests._delete_stack_async
    cancelled = {
        "Status": "FAILURE",
        "Reason": "Resource creation cancelled",
        "UniqueId": "DeleteStack",
    }

    async def delete(name: str, stack_id: str, *options: Any, **more: Any) -> None:
        while _status(name) in ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
            for (waiting, _), condition in list(wait_conditions._waiting.items()):
                if waiting == stack_id:
                    wait_conditions.deliver_signal(condition["token"], cancelled)
            await asyncio.sleep(0.1)
        await original(name, stack_id, *options, **more)

    requests._delete_stack_async = delete


def _status(stack: str) -> str:
    return str((cloudformation._stacks.get(stack) or {}).get("StackStatus"))


def _mind_buckets() -> None:
    """Give stacks' buckets the tags they ask for, and refuse to delete one that is not empty.

    MiniStack forgets the tags, without which the CDK's function does not empty the bucket, and
    deletes a bucket with all that is in it.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def tagged(created: Any, properties: dict[str, Any]) -> Any:
        s3._bucket_tags[created[0]] = {t["Key"]: t["Value"] for t in properties.get("Tags", [])}
        return created

    def create_tagged(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        return tagged(create(logical_id, properties, stack_name), properties)

    def update_tagged(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str
    ) -> Any:
        return tagged(update(physical_id, old, new, stack_name), new)

    def delete_empty(physical_id: str, properties: dict[str, Any]) -> None:
        bucket = s3._buckets.get(physical_id)
        if bucket is not None and (bucket["objects"] or s3._bucket_has_versions(physical_id)):
            raise ValueError("The bucket you tried to delete is not empty")
        delete(physical_id, properties)

    handlers |= {"create": create_tagged, "update": update_tagged, "delete": delete_empty}


def _encrypt_topics() -> None:
    """Let topics of stacks have their key, which MiniStack forgets."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SNS::Topic"]
    create, update = handlers["create"], handlers["update"]

    def encrypted(made: Any, properties: dict[str, Any]) -> Any:
        if key := properties.get("KmsMasterKeyId"):
            sns._topics[made[0]]["attributes"]["KmsMasterKeyId"] = key
        return made

    def create_encrypted(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        return encrypted(create(logical_id, properties, stack_name), properties)

    def update_encrypted(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> Any:
        return encrypted(update(physical_id, old, new, stack_name, logical_id), new)

    handlers |= {"create": create_encrypted, "update": update_encrypted}


def _retry_functions() -> None:
    """Let EventBridge call functions as AWS does: with retries, and a destination for failures.

    MiniStack does so for its other services, and calls once here.
    """
    original = eventbridge._dispatch_to_lambda

    def dispatch(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            lambda_svc.invoke_async_with_retry(function, json.loads(payload))
        else:
            original(arn, payload)

    eventbridge._dispatch_to_lambda = dispatch


def _write_logs_of_functions() -> None:
    """Write what a function says if its role may, and put the metrics in it into CloudWatch.

    MiniStack asks nobody, and makes a log group that is gone anew, so that a function that still
    runs when its stack is deleted would leave it behind.
    """
    original = lambda_svc._emit_lambda_logs

    def emit(function: dict[str, Any], request_id: str, log: str, *rest: Any, **more: Any) -> None:
        config = function.get("config") or function
        group = _log_group(config)
        stream = current_scope().arn(f"log-group:{group}:log-stream:new", "logs")
        actions = WRITE_LOGS if group in cloudwatch_logs._log_groups else MAKE_LOGS
        if all(_role_may(config["Role"], action, stream) for action in actions):
            for metric in embedded_metrics.found_in(log):
                cloudwatch.record_metric(*metric)
            original(function, request_id, log, *rest, **more)

    lambda_svc._emit_lambda_logs = emit


def _log_group(config: Mapping[str, Any]) -> str:
    """The log group of a function."""
    given = (config.get("LoggingConfig") or {}).get("LogGroup")
    return str(given or f"/aws/lambda/{config['FunctionName']}")


def _tell_functions_their_log_group() -> None:
    """Set AWS_LAMBDA_LOG_GROUP_NAME, as Lambda does.

    Source: Lambda Developer Guide, "Defined runtime environment variables".
    """
    original = lambda_runtime.Worker._spawn

    def spawn(worker: Any) -> Any:
        config = worker.config
        variables = (config.get("Environment") or {}).get("Variables") or {}
        named = {"AWS_LAMBDA_LOG_GROUP_NAME": _log_group(config)}
        worker.config = config | {"Environment": {"Variables": variables | named}}
        try:
            return original(worker)
        finally:
            worker.config = config

    lambda_runtime.Worker._spawn = spawn


def _keep_exports_in_use() -> None:
    """Let an update fail that drops or changes an export which another stack imports.

    MiniStack checks at deletions alone, and keeps exports that a template has dropped.
    """
    original = stacks._resolve_stack_outputs

    def resolve(*arguments: Any) -> tuple[list[Any], dict[str, dict[str, str]]]:
        outputs, exports = original(*arguments)
        stack_name, stack_id = arguments[-2:]
        for name, old in list(cloudformation._exports.items()):
            if old["StackId"] != stack_id or exports.get(name, {}).get("Value") == old["Value"]:
                continue
            importing = _importing(name, stack_name)
            if importing and switches.seconds("exports.in-use"):
                what = "Cannot update export" if name in exports else "Export"
                rest = "" if name in exports else " cannot be deleted"
                tail = f" as it is in use by {', '.join(importing)}"
                raise ValueError(f"{what} {name}{rest}{tail}")
            del cloudformation._exports[name]
        return outputs, exports

    stacks._resolve_stack_outputs = resolve


def _importing(export: str, own: str) -> list[str]:
    """The stacks, besides the one that has it, that import an export."""
    return [
        name
        for name, stack in cloudformation._stacks.items()
        if name != own
        and not str(stack.get("StackStatus")).startswith("DELETE_COMPLETE")
        and export in requests._imported_export_names(stack, name)
    ]


def _filter_interfaces() -> None:
    """Let DescribeNetworkInterfaces obey its filters, of which MiniStack takes no notice."""

    def describe(params: Any) -> Any:
        filters, ids = ec2._parse_filters(params), ec2._parse_member_list(params, IDS)
        found = [
            ec2._eni_fields_xml(interface)
            for interface in ec2._network_interfaces.values()
            if (not ids or interface[IDS] in ids) and _matches(interface, filters)
        ]
        answer = f"<networkInterfaceSet>{''.join(found)}</networkInterfaceSet>"
        return ec2._xml(200, "DescribeNetworkInterfacesResponse", answer)

    ec2._ACTION_MAP["DescribeNetworkInterfaces"] = describe


def _matches(interface: Mapping[str, Any], filters: Mapping[str, list[str]]) -> bool:
    values = {
        "subnet-id": {interface["SubnetId"]},
        "group-id": {group["GroupId"] for group in interface["Groups"]},
    }
    return all(values[name] & set(wanted) for name, wanted in filters.items())


def _keep_groups_in_use() -> None:
    """Refuse to delete a stack's security group while an interface has it."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::EC2::SecurityGroup"]
    delete = handlers["delete"]

    def delete_unused(physical_id: str, properties: dict[str, Any]) -> None:
        using = [
            interface
            for interface in ec2._network_interfaces.values()
            if _matches(interface, {"group-id": [physical_id]})
        ]
        if using and switches.seconds("vpc.groups"):
            raise ValueError(f"resource {physical_id} has a dependent object")
        delete(physical_id, properties)

    handlers["delete"] = delete_unused


def add_interface(scope: Scope, subnet: str, groups: list[str], description: str) -> str:
    """Add a network interface; its id."""
    created = {"SubnetId": subnet, "Description": description}
    created |= {f"SecurityGroupId.{number}": group for number, group in enumerate(groups, 1)}
    with _adding_interface, responses.request_scope(scope.account, scope.region):
        before = set(ec2._network_interfaces.keys())
        ec2._create_network_interface({name: [value] for name, value in created.items()})
        (added,) = set(ec2._network_interfaces.keys()) - before
    return str(added)


def remove_interface(scope: Scope, interface: str) -> None:
    """Remove a network interface, if it is there."""
    with responses.request_scope(scope.account, scope.region):
        ec2._network_interfaces.pop(interface, None)


def _provision_oidc_providers() -> None:
    """Provide AWS::IAM::OIDCProvider, of which an account has one for a URL."""

    def create(_: str, properties: dict[str, Any], *__: Any) -> Any:
        request = {"Url": [properties["Url"]]}
        for member in ("ClientIdList", "ThumbprintList"):
            for number, value in enumerate(properties.get(member, []), 1):
                name = "ClientIDList" if member == "ClientIdList" else member
                request[f"{name}.member.{number}"] = [value]
        before = set(iam._oidc_providers.keys())
        if not switches.seconds("oidc.one-a-url"):
            for arn in before:
                if iam._oidc_providers[arn]["Url"] == properties["Url"]:
                    return arn, {"Arn": arn}
        status, _, body = iam._create_oidc_provider(request)
        if status != 200:
            raise ValueError(
                re.sub(r".*<Message>(.*)</Message>.*", r"\1", body.decode(), flags=re.S)
            )
        (arn,) = set(iam._oidc_providers.keys()) - before
        return arn, {"Arn": arn}

    provisioners._RESOURCE_HANDLERS["AWS::IAM::OIDCProvider"] = {
        "create": create,
        "delete": lambda physical_id, _: iam._oidc_providers.pop(physical_id, None),
    }


_Collector = Callable[[], Iterator[tuple[str, list[dict[str, str]]]]]


def _list_what_is_gone() -> None:
    """Let the tagging API go on listing what it has listed, and what deleted stacks had."""
    for name, collector in list(tagging._COLLECTORS.items()):
        tagging._COLLECTORS[name] = _lingering(collector)
    original = requests._delete_stack_async

    async def delete(*arguments: Any, **more: Any) -> None:
        for collector in list(tagging._COLLECTORS.values()):
            list(collector())
        await original(*arguments, **more)

    requests._delete_stack_async = delete


def _lingering(collector: _Collector) -> _Collector:
    own: dict[Scope, dict[str, tuple[float, list[dict[str, str]]]]] = {}

    def collect() -> Iterator[tuple[str, list[dict[str, str]]]]:
        listed, now = own.setdefault(current_scope(), {}), time.time()
        present = dict(collector())
        yield from present.items()
        for arn, (seen, pairs) in list(listed.items()):
            if arn in present:
                continue
            if now - seen < switches.seconds("tags.linger"):
                yield arn, pairs
            else:
                del listed[arn]
        listed.update({arn: (now, pairs) for arn, pairs in present.items()})

    return collect


def _let_policies_be_young() -> None:
    """Let a role have its former policies for as long as the switch `iam.young` says.

    No thread sees a change half done: MiniStack replaces a stack's policy by removing it first.
    """
    gather = iam_evaluator._gather_role_policies
    former: dict[tuple[str, str], tuple[float, list[Any]]] = {}
    lock = threading.RLock()

    def gather_known(role: str, account: str) -> list[Any]:
        with lock:
            since, policies = former.get((account, role), (0.0, []))
            young = time.time() - since < switches.seconds("iam.young")
            return policies if young else list(gather(role, account))

    def noting(change: Callable[..., Any], roles: Callable[..., list[str]]) -> Callable[..., Any]:
        def act(*arguments: Any, **more: Any) -> Any:
            account = current_scope().account
            with lock:
                before = {role: gather_known(role, account) for role in roles(*arguments)}
                answer = change(*arguments, **more)
                for role, policies in before.items():
                    former[account, role] = (time.time(), policies)
            return answer

        return act

    iam_evaluator._gather_role_policies = gather_known
    for name in ("PutRolePolicy", "DeleteRolePolicy"):
        change = iam._IAM_HANDLERS[name]
        iam._IAM_HANDLERS[name] = noting(change, lambda r: [str(iam._p(r, "RoleName"))])
    of_policy = provisioners._RESOURCE_HANDLERS["AWS::IAM::Policy"]
    # The last properties are those of the policy as it is to be, or was.
    for name, place in (("create", 1), ("update", 2), ("delete", 1)):
        of_policy[name] = noting(of_policy[name], partial(_roles_of, place))
    of_role = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    of_role["update"] = noting(of_role["update"], lambda role, *_: [role])


def _roles_of(place: int, *arguments: Any) -> list[str]:
    """The roles of an inline policy whose properties are the argument in that place."""
    return list(arguments[place].get("Roles", []))


def _mind_alarms() -> None:
    """Let alarms look at their own metric, period by period, as CloudWatch does.

    MiniStack mixes all dimensions of a metric, takes all periods for one, and knows no missing
    data. What follows a change of state - history, actions, composite alarms - is its own.
    """

    def evaluate(alarm: dict[str, Any]) -> None:
        if (
            not alarm.get("MetricName")
            or alarm["ComparisonOperator"] not in alarm_states.COMPARISONS
        ):
            return
        dimensions = {d["Name"]: d["Value"] for d in alarm.get("Dimensions", [])}
        key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
        points = cloudwatch._metrics.get(key) or []
        statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        values = [
            _statistic([p for p in points if start < p["Timestamp"] <= end], statistic)
            for start, end in alarm_states.periods(alarm, time.time())
        ]
        old, new = alarm["StateValue"], alarm_states.state(alarm, values)
        if new == old:
            return
        reason = (
            f"Threshold Crossed: {statistic} of the last periods, newest first: {values}; "
            f"{alarm['ComparisonOperator']} {alarm['Threshold']} is an alarm."
        )
        alarm |= {
            "StateValue": new,
            "StateReason": reason,
            "StateUpdatedTimestamp": int(time.time()),
        }
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)

    cloudwatch._evaluate_alarm = evaluate


def _start_changed_alarms_anew() -> None:
    """Let alarms that are changed lose their state, which they keep as on AWS, if switched so."""
    put, provide = cloudwatch._put_metric_alarm, cloudwatch.cloudformation_put_metric_alarm

    keep = partial(switches.seconds, "alarms.keep-state")

    def put_anew(params: Any, body: dict[str, Any], *form: bool) -> Any:
        name = body["AlarmName"] if any(form) else cloudwatch._p(params, "AlarmName")
        if name in cloudwatch._alarms and not keep():
            cloudwatch._alarms[name]["StateValue"] = "INSUFFICIENT_DATA"
        return put(params, body, *form)

    def provide_anew(alarm: dict[str, Any]) -> None:
        provide(alarm if keep() else alarm | {"StateValue": "INSUFFICIENT_DATA"})

    cloudwatch._put_metric_alarm = put_anew
    cloudwatch.cloudformation_put_metric_alarm = provide_anew


def _hand_over_failures_of_functions() -> None:
    """Call a function's destination for failures only if the function's role may."""
    original = lambda_svc._route_async_failure

    def route(target: str, name: str, *details: Any) -> None:
        role = lambda_svc._functions[name]["config"]["Role"]
        if ":function:" not in target or _role_may(role, CALLS["lambda"], target):
            original(target, name, *details)

    lambda_svc._route_async_failure = route


def _role_may(role: str, action: str, resource: str) -> bool:
    scope = current_scope()
    key = role_credentials(role, scope)["aws_access_key_id"]
    return denied(key, action, resource, scope) is None


def _ask_who_is_told() -> None:
    """Let rules and alarms reach only functions and topics whose policies allow it.

    A rule's target that has a role is reached as that role.
    """
    invoke, dispatch = eventbridge._invoke_target, cloudwatch._dispatch_alarm_actions

    def invoke_if_allowed(target: dict[str, Any], event: Any, rule: Any, *more: Any) -> None:
        if (
            _role_reaches(role, target["Arn"])
            if (role := target.get("RoleArn"))
            else _service_may("events", target["Arn"], rule["Arn"])
        ):
            invoke(target, event, rule, *more)

    def dispatch_if_allowed(alarm: dict[str, Any], *states: Any) -> None:
        allowed = {
            kind: [
                arn
                for arn in alarm.get(kind) or []
                if _service_may("cloudwatch", arn, alarm["AlarmArn"])
            ]
            for kind in ("AlarmActions", "OKActions", "InsufficientDataActions")
        }
        dispatch(alarm | allowed, *states)

    eventbridge._invoke_target = invoke_if_allowed
    cloudwatch._dispatch_alarm_actions = dispatch_if_allowed


def _role_reaches(role: str, target: str) -> bool:
    """Whether a role may call `target`, and use the key of a topic that has one."""
    kind = target.split(":")[2]
    topic = sns._topics.get(target) if kind == "sns" else None
    key = kms._resolve_key((topic or {}).get("attributes", {}).get("KmsMasterKeyId"))
    uses = ("kms:Decrypt", "kms:GenerateDataKey") if key else ()
    return (kind not in CALLS or _role_may(role, CALLS[kind], target)) and all(
        _role_may(role, use, key["Arn"]) for use in uses
    )


def _service_may(service: str, target: str, source: str) -> bool:
    """Whether `target`'s own policy lets an AWS service call it on behalf of `source`."""
    kind = target.split(":")[2]
    if kind not in CALLS:
        return True
    found = iam_evaluator._resource_policy(kind, target)
    if found is None:
        return False
    scope = current_scope()
    # A topic that was given no policy has one that asks for its owner.
    account = {"aws:sourceaccount": scope.account, "aws:sourceowner": scope.account}
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=CALLS[kind],
        resource_arn=target,
        region=scope.region,
        secure_transport=True,
        service_context=account | {"aws:sourcearn": source},
    )
    result = iam_evaluator.evaluate_resource_policy(
        found[0], context, service=f"{service}.amazonaws.com"
    )
    return bool(result.decision == "Allow")


def _ask_for_keys_of_objects() -> None:
    """Let S3 use a key of the account's as the caller: to read an object, and to write one.

    Source: "Protecting data with SSE-KMS" in the S3 User Guide; a copy does both.
    """
    original = iam_actions.s3_additional_checks

    def checks(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = original(method, path, headers, body, query)
        action = iam_actions._s3_action(method, path, query)
        bucket, _, name = path.lstrip("/").partition("/")
        if action in ("GetObject", "GetObjectVersion") and method == "GET":
            found += [("kms:Decrypt", key) for key in _key_of(bucket, unquote(name))]
        elif action == "PutObject" and "uploadId" not in query:
            if source := iam_actions._s3_source_object(headers):
                from_bucket, _, from_name = source[0].removeprefix("arn:aws:s3:::").partition("/")
                found += [("kms:Decrypt", key) for key in _key_of(from_bucket, from_name)]
            asked = headers if SSE_KEY in headers else s3._bucket_default_sse_headers(bucket)
            if key := kms._resolve_key(asked.get(SSE_KEY)):
                found.append(("kms:GenerateDataKey", key["Arn"]))
        return found

    iam_actions.s3_additional_checks = checks


def _key_of(bucket: str, name: str) -> list[str]:
    """The ARN of the key that an object is encrypted with, if it is one of the account's."""
    stored = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(name)
    key = kms._resolve_key(s3._stored_sse_headers(stored).get(SSE_KEY)) if stored else None
    return [key["Arn"]] if key else []


def _statistic(points: list[dict[str, Any]], statistic: str) -> float | None:
    if not points:
        return None
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    return None if value is None else float(value)


def evaluate_alarms(scopes: Iterable[Scope]) -> None:
    """Look at all alarms; MiniStack does so only when data comes, and silence is data too.

    To be called in the thread of the event loop, where MiniStack's tables are its own.
    """
    for scope in scopes:
        with responses.request_scope(scope.account, scope.region):
            cloudwatch._evaluate_all_alarms()


def signs_without_body(scope: Mapping[str, Any]) -> bool:
    """Whether the signature of an ASGI request can be checked before its body is there."""
    declared = _headers(scope).get("x-amz-content-sha256", "")
    return declared != "" and not declared.startswith("STREAMING-AWS4")


def refusal(scope: Mapping[str, Any], body: bytes) -> Response | None:
    """The answer to an ASGI request that no credentials of this instance have signed, or None.

    MiniStack checks the signatures of roles and users, not that of the account's root, and has
    routes that ask for none. Where it checks, it does so again.
    """
    headers = _headers(scope)
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    try:
        failure = _signature_failure(scope, headers, query, body)
    except (ValueError, TypeError):  # what can't even be read as a signature
        failure = ("IncompleteSignature", "The request signature does not conform to AWS standards")
    if failure is None:
        return None
    signed_for = router.detect_service(scope["method"], scope["path"], headers, query)
    response: Response = gateway._credential_failure(
        signed_for, "", responses.new_uuid(), iam_evaluator.AuthError(*failure), headers
    )
    return response


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """Header fields as they are signed: those that were sent several times, joined by a comma."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), sigv4.decode_header_value(value)
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _signature_failure(
    scope: Mapping[str, Any], headers: dict[str, str], query: dict[str, list[str]], body: bytes
) -> tuple[str, str] | None:
    """Code and message of what is wrong with the signature, in a header or in the address."""
    method, path = scope["method"], scope["raw_path"].decode("latin-1")
    in_address = "authorization" not in headers
    if in_address and "AWSAccessKeyId" in query:  # Signature Version 2, boto3's for such addresses
        return _old_signature_failure(method, path, headers, query)
    signature = (
        sigv4.parse_query_signature(query) if in_address else sigv4.parse_header_signature(headers)
    )
    if isinstance(signature, tuple):
        return signature
    if in_address:
        (lifetime,) = query.get("X-Amz-Expires", ["0"])
        if sigv4.presigned_request_is_expired(signature.amz_date, lifetime):
            return "AccessDenied", "Request has expired"
    elif skewed := sigv4.request_time_failure(signature):
        code, message = skewed
        return code, message
    tokens = query.get("X-Amz-Security-Token", [""])
    token = tokens[0] if in_address else headers.get("x-amz-security-token", "")
    credential = _credential(signature.access_key_id, token)
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        return credential.code, credential.message
    failure: tuple[str, str] | None = sigv4.header_signature_failure(
        signature,
        credential.secret_access_key,
        method,
        path,
        query,
        headers,
        body,
        presigned=in_address,
    )
    return failure


def _old_signature_failure(
    method: str, path: str, headers: dict[str, str], query: dict[str, list[str]]
) -> tuple[str, str] | None:
    key = query["AWSAccessKeyId"][0]
    request = iam_evaluator.SignedRequest(
        key, method, path, query, headers, sigv2=True, auth_path=path
    )
    checked = iam_evaluator._sigv2_check(request, _account(key))
    return (checked.code, checked.message) if isinstance(checked, iam_evaluator.AuthError) else None


def _credential(key: str, token: str) -> Any:
    return iam_evaluator.resolve_credential(key, _account(key), token)


def _account(key: str) -> str:
    return str(responses._account_from_sts_session(key) or gateway._request_account_scope(key))


def current_scope() -> Scope:
    """The account and Region of the request that is being handled."""
    return Scope(responses.get_account_id(), responses.get_region())


def access_key(headers: Mapping[str, str]) -> str:
    """The access key id that signed a request."""
    return str(router.extract_access_key_id(headers))


def denied(
    key: str, action: str, resource: str, scope: Scope, context: Mapping[str, str] | None = None
) -> str | None:
    """Why the caller may not do `action` on the ARN `resource`, or None.

    For what AWS asks besides the operation itself; MiniStack leaves it unchecked.
    """
    # Services ask one another by TLS, also in threads that answer no request.
    origin = iam_evaluator._request_origin.set(("127.0.0.1", True))
    try:
        with responses.request_scope(scope.account, scope.region):
            denial = iam_evaluator.enforce(
                key,
                action,
                action.partition(":")[0],
                scope.region,
                resource_arn=resource,
                service_context=dict(context or {}),
            )
    finally:
        iam_evaluator._request_origin.reset(origin)
    if denial is None:
        return None
    return str(
        iam_actions.identity_denial_message(
            action,
            getattr(denial, "principal_arn", ""),
            resource,
            getattr(denial, "decision", "") == "Deny",
        )
    )


def trusts_sagemaker(role_arn: str, source_arn: str, scope: Scope) -> bool:
    """Whether the role exists and lets SageMaker assume it on behalf of `source_arn`."""
    with responses.request_scope(scope.account, scope.region):
        role = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    if role is None or role.get("Arn") != role_arn:
        return False
    document = role["AssumeRolePolicyDocument"]
    trust = json.loads(document) if isinstance(document, str) else document
    context = iam_evaluator.EvalContext(
        principal_arn="sagemaker.amazonaws.com",
        principal_type="Service",
        principal_account=scope.account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=scope.region,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": scope.account},
    )
    statements = trust.get("Statement", [])
    effects = {
        statement.get("Effect")
        for statement in ([statements] if isinstance(statements, dict) else statements)
        if "sts:AssumeRole" in _as_list(statement.get("Action"))
        and iam_evaluator._service_principal_matches(
            statement.get("Principal"), "sagemaker.amazonaws.com"
        )
        and iam_evaluator._conditions_met(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _give_functions_secrets() -> None:
    """Give functions credentials of their roles that can't be guessed.

    MiniStack derives them from the names of function and role, which are no secret.
    """

    def credentials(config: Mapping[str, Any]) -> dict[str, str]:
        account = config["FunctionArn"].split(":")[4]
        session = _session(config["Role"], account, config["FunctionName"], None)
        return {name.upper(): value for name, value in session.items()}

    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = credentials


def _make_sessions_in_threads() -> None:
    """Let threads make sessions at the same time, each of which looks at all others."""

    def evict() -> None:
        for key, session in sts._sessions.copy().items():
            if sts._session_expired(session):
                sts._sessions.pop(key, None)

    sts._evict_expired_sessions = evict


def role_credentials(role_arn: str, scope: Scope) -> dict[str, str]:
    """Temporary credentials of a role that SageMaker assumed, as boto3's client takes them."""
    return _session(role_arn, scope.account, "SageMaker", time.time() + SESSION_SECONDS)


def _session(role_arn: str, account: str, name: str, expires: float | None) -> dict[str, str]:
    role = role_arn.rsplit("/", 1)[-1]
    key, secret, token = "ASIA" + secrets.token_hex(8).upper(), *map(secrets.token_hex, (30, 60))
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "UserId": f"{role}:{name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
    } | ({} if expires is None else {"Expiration": expires})
    sts.register_session(key, session)
    return {
        "aws_access_key_id": key,
        "aws_secret_access_key": secret,
        "aws_session_token": token,
    }


def service_credentials(scope: Scope) -> dict[str, str]:
    """Credentials for what AWS does itself, with no role of the user's."""
    return {
        "aws_access_key_id": scope.account,
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }


def emit_event(scope: Scope, detail_type: str, detail: Mapping[str, Any], resource: str) -> None:
    """Put an `aws.sagemaker` event on the default bus, which the public API refuses."""
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": [resource],
    }
    with responses.request_scope(scope.account, scope.region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def success(body: Mapping[str, Any]) -> Response:
    """A JSON 1.1 answer."""
    response: Response = responses.json_response(
        dict(body), content_type="application/x-amz-json-1.1"
    )
    return response


def failure(
    code: str, message: str, status: int, extra: Mapping[str, Any] | None = None
) -> Response:
    """A JSON error that every SDK can read."""
    response: Response = responses.error_response_json(
        code, message, status, dict(extra or {}), content_type="application/x-amz-json-1.1"
    )
    return response
