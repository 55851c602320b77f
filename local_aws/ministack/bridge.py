"""What the other modules use of MiniStack: the caller's account, IAM, events and answers.

Only this folder touches MiniStack's internals. After an upgrade of MiniStack, a test names the
internals that are gone.
"""

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.services import cloudwatch, ec2, eventbridge, glue, iam, sts

from local_aws.api.errors import ApiError

Response = tuple[int, dict[str, str], bytes]

INVOCATIONS = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/invocations")
JSON = "application/x-amz-json-1.1"
SESSION_SECONDS = 3600
_adding_interface = threading.Lock()


@dataclass(frozen=True)
class Scope:
    """The account and Region that a request belongs to."""

    account: str
    region: str

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """Return the ARN of `resource` (`training-job/NAME`) in this account and Region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True)
class ResourceType:
    """A type of resource in CloudFormation. All handlers may block.

    Attributes:
        create: `create(logical_id, properties, stack_name)` returns (physical id, attributes).
        update: `update(physical_id, old, new, stack_name)` returns the same.
        delete: `delete(physical_id, properties)`.
        replaced_by: The properties whose change replaces the resource.
        tagged: Whether it has the property `Tags`, to which a stack's tags are added.
    """

    create: Callable[[str, dict[str, Any], str], tuple[str, dict[str, str]]]
    update: Callable[[str, dict[str, Any], dict[str, Any], str], tuple[str, dict[str, str]]]
    delete: Callable[[str, dict[str, Any]], None]
    replaced_by: tuple[str, ...]
    tagged: bool = True


class Service(Protocol):
    """A module that implements a service of AWS.

    Attributes:
        NAME: Its name in credential scopes and IAM actions.
        TARGET_PREFIX: The text before an operation's name in the header `X-Amz-Target`.
        MODELS: Botocore's names of its APIs.
        RESOURCE_TYPES: Its CloudFormation types.
    """

    NAME: str
    TARGET_PREFIX: str
    MODELS: list[str]
    RESOURCE_TYPES: dict[str, ResourceType]

    def resource_of(self, operation: str, request: Mapping[str, Any], scope: Scope, /) -> str:
        """Return the ARN that IAM checks for an operation, or `*`."""

    def answer(
        self, scope: Scope, path: str, headers: Mapping[str, str], body: bytes, /
    ) -> Response:
        """Answer a request that IAM has let through. May block, and may raise `ApiError`."""


def current_scope() -> Scope:
    """Return the account and Region of the request that is being handled."""
    return Scope(responses.get_account_id(), responses.get_region())


def access_key(headers: Mapping[str, str]) -> str:
    """Return the access key id that signed a request."""
    return str(router.extract_access_key_id(headers))


def denied(
    key: str, action: str, resource: str, scope: Scope, context: Mapping[str, str] | None = None
) -> str | None:
    """Return why the caller `key` may not do `action` on the ARN `resource`, or None if it may.

    MiniStack checks the operation of a request. This is for the other permissions that AWS checks.
    """
    # As if it came by TLS from this machine: some threads that check answer no request.
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


def role_denied(
    role: str, action: str, resource: str, scope: Scope, context: Mapping[str, str] | None = None
) -> str | None:
    """Return why a role may not do `action` on the ARN `resource`, or None if it may."""
    key = role_credentials(role, scope)["aws_access_key_id"]
    return denied(key, action, resource, scope, context)


def role_may(role: str, action: str, resource: str) -> bool:
    """Return whether a role may do `action` on the ARN `resource`, in the request's account."""
    return role_denied(role, action, resource, current_scope()) is None


def trusts_sagemaker(role_arn: str, source_arn: str, scope: Scope) -> bool:
    """Return whether the role exists and lets SageMaker assume it on behalf of `source_arn`."""
    return trusts(role_arn, "sagemaker.amazonaws.com", source_arn, scope)


def trusts(role_arn: str, service: str, source_arn: str, scope: Scope) -> bool:
    """Return whether the role exists and lets a service assume it on behalf of `source_arn`."""
    with responses.request_scope(scope.account, scope.region):
        role = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    if role is None or role.get("Arn") != role_arn:
        return False
    document = role["AssumeRolePolicyDocument"]
    trust = json.loads(document) if isinstance(document, str) else document
    context = iam_evaluator.EvalContext(
        principal_arn=service,
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
        and iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        and iam_evaluator._conditions_met(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def role_credentials(role_arn: str, scope: Scope, session: str = "SageMaker") -> dict[str, str]:
    """Return new temporary credentials of a role for a service, as boto3's client takes them."""
    return open_session(role_arn, scope.account, session, time.time() + SESSION_SECONDS)


def open_session(role_arn: str, account: str, name: str, expires: float | None) -> dict[str, str]:
    """Return new random credentials of a role, as boto3's client takes them.

    Args:
        role_arn: The role.
        account: Its account.
        name: The session's name.
        expires: When the session ends, in seconds since 1970; None is never.
    """
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
    """Return credentials for what AWS does itself, without a role of the user."""
    return {
        "aws_access_key_id": scope.account,
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }


def emit_event(
    scope: Scope,
    detail_type: str,
    detail: Mapping[str, Any],
    *resources: str,
    source: str = "aws.sagemaker",
) -> None:
    """Put an event of a service on the default bus; the public API rejects such events."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": list(resources),
    }
    with responses.request_scope(scope.account, scope.region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def glue_job(scope: Scope, name: str) -> dict[str, Any] | None:
    """Return a Glue job as GetJob answers it, or None."""
    with responses.request_scope(scope.account, scope.region):
        job: dict[str, Any] | None = glue._jobs.get(name)
    return None if job is None else dict(job)


def add_interface(scope: Scope, subnet: str, groups: list[str], description: str) -> str:
    """Add a network interface and return its id."""
    created = {"SubnetId": subnet, "Description": description}
    created |= {f"SecurityGroupId.{number}": group for number, group in enumerate(groups, 1)}
    with _adding_interface, responses.request_scope(scope.account, scope.region):
        before = set(ec2._network_interfaces.keys())
        ec2._create_network_interface({name: [value] for name, value in created.items()})
        (added,) = set(ec2._network_interfaces.keys()) - before
    return str(added)


def remove_interface(scope: Scope, interface: str) -> None:
    """Remove a network interface if it exists."""
    with responses.request_scope(scope.account, scope.region):
        ec2._network_interfaces.pop(interface, None)


def evaluate_alarms() -> None:
    """Evaluate all alarms. MiniStack does so only when data comes, but missing data counts too.

    Call it in the thread of the event loop: MiniStack's tables are not safe in others.
    """
    for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
        with responses.request_scope(account, region):
            cloudwatch._evaluate_all_alarms()


def success(body: Mapping[str, Any]) -> Response:
    """Return a JSON 1.1 answer."""
    response: Response = responses.json_response(dict(body), content_type=JSON)
    return response


def failure(error: ApiError) -> Response:
    """Return a JSON error that every SDK can read."""
    response: Response = responses.error_response_json(
        error.code, error.message, error.status, error.extra, content_type=JSON
    )
    return response
