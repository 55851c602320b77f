"""Let rules and alarms call only functions and topics whose resource policies allow it.

A rule's target that has a role is called as that role. MiniStack checks no permission.
"""

from typing import Any

from ministack.core import iam_evaluator
from ministack.services import cloudwatch, eventbridge, kms, sns

from local_aws.ministack import bridge

# The action by which a target is called, by the target's service.
ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish"}
ALARM_TARGETS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def apply() -> None:
    """Change MiniStack."""
    invoke, dispatch = eventbridge._invoke_target, cloudwatch._dispatch_alarm_actions

    def invoke_if_allowed(target: dict[str, Any], event: Any, rule: Any, *more: Any) -> None:
        role, arn = target.get("RoleArn"), target["Arn"]
        if _role_may_call(role, arn) if role else _service_may_call("events", arn, rule["Arn"]):
            invoke(target, event, rule, *more)

    def dispatch_if_allowed(alarm: dict[str, Any], *states: Any) -> None:
        allowed = {
            kind: [
                arn
                for arn in alarm.get(kind) or []
                if _service_may_call("cloudwatch", arn, alarm["AlarmArn"])
            ]
            for kind in ALARM_TARGETS
        }
        dispatch(alarm | allowed, *states)

    eventbridge._invoke_target = invoke_if_allowed
    cloudwatch._dispatch_alarm_actions = dispatch_if_allowed


def _role_may_call(role: str, target: str) -> bool:
    """Return whether a role may call `target`, and use the key of a topic that has one."""
    kind = target.split(":")[2]
    topic = sns._topics.get(target) if kind == "sns" else None
    key = kms._resolve_key((topic or {}).get("attributes", {}).get("KmsMasterKeyId"))
    uses = ("kms:Decrypt", "kms:GenerateDataKey") if key else ()
    return (kind not in ACTIONS or bridge.role_may(role, ACTIONS[kind], target)) and all(
        bridge.role_may(role, use, key["Arn"]) for use in uses
    )


def _service_may_call(service: str, target: str, source: str) -> bool:
    """Return whether `target`'s own policy lets an AWS service call it for `source`."""
    kind = target.split(":")[2]
    if kind not in ACTIONS:
        return True
    found = iam_evaluator._resource_policy(kind, target)
    if found is None:
        return False
    scope = bridge.current_scope()
    # The default policy of a topic asks for the owner.
    account = {"aws:sourceaccount": scope.account, "aws:sourceowner": scope.account}
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=ACTIONS[kind],
        resource_arn=target,
        region=scope.region,
        secure_transport=True,
        service_context=account | {"aws:sourcearn": source},
    )
    result = iam_evaluator.evaluate_resource_policy(
        found[0], context, service=f"{service}.amazonaws.com"
    )
    return bool(result.decision == "Allow")
