"""What several threads look at and change at the same time."""

import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from ministack.core import iam_evaluator, responses
from ministack.services import ec2, iam, sts
from ministack.services.cloudformation import provisioners

from local_aws import scalable_targets
from local_aws.autoscaling import scaling_api
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope
from local_aws.ministack.patches import session_threads, young_policies
from local_aws.sagemaker import events, hosting_resources
from local_aws.sagemaker.account import Account
from local_aws.sagemaker.endpoint_life import Endpoint
from local_aws.scalable_targets import Policy, Target

SCOPE = Scope("111122223333", "us-east-1")
ROLE = f"arn:aws:iam::{SCOPE.account}:role/Reader"
ALLOW = '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    with responses.request_scope(SCOPE.account, SCOPE.region):
        yield


def test_credentials_are_made_while_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sts, "_sessions", {})
    monkeypatch.setattr(sts, "_evict_expired_sessions", sts._evict_expired_sessions)
    session_threads.apply()
    numbers = count()

    class Session(dict[str, Any]):
        def get(self, *arguments: Any) -> Any:
            sts._sessions[f"of another thread {next(numbers)}"] = {}
            return super().get(*arguments)

    sts._sessions |= {"one": Session(), "gone": {"Expiration": 1.0}}
    made = bridge.role_credentials(ROLE, SCOPE)
    assert made["aws_access_key_id"] in sts._sessions
    assert "one" in sts._sessions
    assert "gone" not in sts._sessions


def test_no_thread_sees_a_role_without_the_policy_that_is_just_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policies = {"Policy": ALLOW}
    iam._roles["Reader"] = {"InlinePolicies": policies}
    seen: list[list[Any]] = []

    def look() -> None:
        seen.append(iam_evaluator._gather_role_policies("Reader", SCOPE.account))

    def replace(*_: Any) -> None:
        del policies["Policy"]
        looking.start()
        looking.join(0.2)
        policies["Policy"] = ALLOW

    looking = threading.Thread(target=look)
    handlers = dict.fromkeys(("create", "update", "delete"), replace)
    monkeypatch.setitem(provisioners._RESOURCE_HANDLERS, "AWS::IAM::Policy", handlers)
    of_role = dict(provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"])
    monkeypatch.setitem(provisioners._RESOURCE_HANDLERS, "AWS::IAM::Role", of_role)
    monkeypatch.setattr(iam, "_IAM_HANDLERS", dict(iam._IAM_HANDLERS))
    monkeypatch.setattr(iam_evaluator, "_gather_role_policies", iam_evaluator._gather_role_policies)
    young_policies.apply()
    handlers["update"]("physical", {}, {"Roles": ["Reader"]}, "stack")
    looking.join()
    assert len(seen[0]) == 1
    del iam._roles["Reader"]


def test_instances_that_start_together_have_interfaces_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = count()

    def create(_: Any) -> None:
        ec2._network_interfaces[f"eni-{next(numbers)}"] = {}
        time.sleep(0.05)

    monkeypatch.setattr(ec2, "_network_interfaces", responses.AccountRegionScopedDict())
    monkeypatch.setattr(ec2, "_create_network_interface", create)
    added: list[str] = []

    def add() -> None:
        added.append(bridge.add_interface(SCOPE, "subnet-1", ["sg-1"], "ours"))

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == ["eni-0", "eni-1", "eni-2"]


def test_an_event_has_the_tags_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(events, "emit", lambda _scope, _kind, detail, _arn: told.append(detail))
    account = Account(SCOPE)
    endpoint = Endpoint(account, "ours", "config")
    account.tag(endpoint.arn, [{"Key": "a", "Value": "1"}])
    endpoint._tell("SageMaker Endpoint State Change")
    account.tag(endpoint.arn, [{"Key": "b", "Value": "2"}])
    assert told[0]["Tags"] == {"a": "1"}


def test_a_configuration_is_found_while_another_is_made() -> None:
    table: dict[str, Any] = {}

    class Name(str):
        def lower(self) -> str:
            table.setdefault("of another thread", {})
            return super().lower()

    table |= {Name("First"): {}, Name("Second"): {}}
    assert hosting_resources._name_of("arn:aws:.../second", table) == "Second"


def test_policies_are_listed_while_another_is_put() -> None:
    target = Target(SCOPE, "endpoint/ours/variant/All", 1, 2, {})

    class Request(dict[str, Any]):
        def __getitem__(self, member: str) -> Any:
            target.policies.setdefault("of another thread", Policy("arn", {}))
            return super().__getitem__(member)

    named = {"ResourceId": target.resource_id}
    for name in ("one", "two"):
        target.policies[name] = Policy(name, Request(PolicyName=name, **named))
    wanted = {"PolicyNames": ["one", "two"]}
    scalable_targets.add(target)
    try:
        listed = scaling_api._describe_policies(SCOPE, wanted)["ScalingPolicies"]
    finally:
        scalable_targets.forget(SCOPE, target.resource_id)
    assert [policy["PolicyARN"] for policy in listed] == ["one", "two"]
