"""The permissions of a deployed environment, as IAM holds them, and how to take one away."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Client = Callable[[str], Any]
Policy = dict[str, Any]


@dataclass(frozen=True)
class Document:
    """A policy that is in force, and how to put another in its place.

    Attributes:
        owner: The role that has it, or what it protects.
        content: It.
    """

    owner: str
    content: Policy
    put: Callable[[Policy], Any] = field(compare=False)


@dataclass(frozen=True)
class Permission:
    """An action of a statement, on one of its resources or on all.

    The resources of a statement of ours, which has an id, are told apart; the CDK's are not.

    Attributes:
        principal: The role that may, or the service.
        action: What it may do; the CDK writes some with a wildcard.
        resources: On what.
        sid: The statement's id, if any.
    """

    principal: str
    action: str
    resources: tuple[str, ...]
    sid: str
    document: Document = field(repr=False)
    statement: int = field(repr=False)

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Everything but this permission is in force for as long as the block runs."""
        old = self.document.content
        statements = [dict(statement) for statement in old["Statement"]]
        whole = statements[self.statement]
        rest = [a for a in listed(whole["Action"]) if a != self.action]
        others = [r for r in listed(whole.get("Resource", "*")) if r not in self.resources]
        # The other actions on all resources, and this one on the other resources.
        parts = [whole | {"Action": rest}] if rest else []
        parts += [whole | {"Action": self.action, "Resource": others, "Sid": "Rest"}] * bool(others)
        statements[self.statement : self.statement + 1] = parts
        # A policy needs a statement: one that allows nothing stays in its place.
        self.document.put(old | {"Statement": statements or [whole | {"Action": "none:None"}]})
        try:
            yield
        finally:
            self.document.put(old)


def listed(value: Any) -> list[str]:
    """IAM's members are a text or a list of them."""
    return [value] if isinstance(value, str) else list(value)


def found_in(document: Document, principal_of: Callable[[Any], str]) -> Iterator[Permission]:
    """The permissions of a policy; its denials are none."""
    for number, statement in enumerate(document.content["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        principal = principal_of(statement.get("Principal")) or document.owner
        resources = listed(statement.get("Resource", "*"))
        ours = document.owner.endswith(("Role", "Policy")) and "Sid" in statement
        for action in listed(statement["Action"]):
            for group in [(one,) for one in resources] if ours else [tuple(resources)]:
                sid = statement.get("Sid", "") if ours else ""
                yield Permission(principal, action, group, sid, document, number)


def made_by(client: Client, stacks: list[str]) -> Iterator[tuple[str, str, str]]:
    """Type, logical id without its digest, and physical id of what the stacks have made."""
    pages = client("cloudformation").get_paginator("list_stack_resources")
    for stack in stacks:
        for page in pages.paginate(StackName=stack):
            for resource in page["StackResourceSummaries"]:
                name = re.sub(r"[0-9A-F]{8}$", "", resource["LogicalResourceId"])
                yield resource["ResourceType"], name, resource["PhysicalResourceId"]


def documents(client: Client, stacks: list[str]) -> Iterator[Document]:
    """The policies of what the stacks have made."""
    for kind, name, physical in made_by(client, stacks):
        if kind in FOUND_BY:
            yield from FOUND_BY[kind](client, name, physical)


def _of_role(client: Client, name: str, role: str) -> Iterator[Document]:
    iam = client("iam")
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        given = {"RoleName": role, "PolicyName": policy}
        content = iam.get_role_policy(**given)["PolicyDocument"]

        def put(new: Policy, given: Any = given) -> None:
            iam.put_role_policy(**given, PolicyDocument=json.dumps(new))

        yield Document(name, content, put)


def _managed(client: Client, name: str, arn: str) -> Iterator[Document]:
    iam = client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    def put(new: Policy) -> None:
        made = iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=json.dumps(new), SetAsDefault=True
        )["PolicyVersion"]["VersionId"]
        for old in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if old["VersionId"] != made:
                iam.delete_policy_version(PolicyArn=arn, VersionId=old["VersionId"])

    yield Document(name, found, put)


def _of_bucket(client: Client, name: str, bucket: str) -> Iterator[Document]:
    s3 = client("s3")
    content = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    yield Document(
        name, content, lambda new: s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(new))
    )


def _of_topic(client: Client, name: str, topic: str) -> Iterator[Document]:
    sns = client("sns")
    content = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])

    def put(new: Policy) -> None:
        sns.set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(new)
        )

    yield Document(name, content, put)


def _of_key(client: Client, name: str, key: str) -> Iterator[Document]:
    kms = client("kms")
    content = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])

    def put(new: Policy) -> None:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(new))

    yield Document(name, content, put)


def _of_function(client: Client, name: str, function: str) -> Iterator[Document]:
    functions = client("lambda")
    content = json.loads(functions.get_policy(FunctionName=function)["Policy"])

    def put(new: Policy) -> None:
        """A function's policy is changed by its statements, which all let a rule call it."""
        wanted = [s for s in new["Statement"] if s["Action"] != "none:None"]
        for statement in content["Statement"]:
            there = {"FunctionName": function, "StatementId": statement["Sid"]}
            if statement not in wanted:
                functions.remove_permission(**there)
            elif not json.loads(functions.get_policy(FunctionName=function)["Policy"])["Statement"]:
                functions.add_permission(
                    **there,
                    Action=statement["Action"],
                    Principal=statement["Principal"]["Service"],
                    SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
                )

    yield Document(name, content, put)


FOUND_BY: dict[str, Callable[[Client, str, str], Iterator[Document]]] = {
    "AWS::IAM::Role": _of_role,
    "AWS::IAM::ManagedPolicy": _managed,
    "AWS::S3::Bucket": _of_bucket,
    "AWS::SNS::Topic": _of_topic,
    "AWS::KMS::Key": _of_key,
    "AWS::Lambda::Function": _of_function,
}
