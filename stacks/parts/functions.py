"""Lambda functions whose log groups are deleted with the stack.

A log group that a function creates itself stays when the stack is deleted. A function that may
create log groups can even bring back a deleted one. So every function here logs to a group of the
stack, and may write only to that group.
"""

from pathlib import Path
from typing import Any

from aws_cdk import Duration, IgnoreMode, RemovalPolicy, Stack, custom_resources
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

RETENTION = logs.RetentionDays.THREE_MONTHS


def add_log_group(scope: Construct, id: str = "Logs", name: str | None = None) -> logs.LogGroup:
    """Add a log group that is deleted with its stack."""
    return logs.LogGroup(
        scope,
        id,
        log_group_name=name,
        retention=RETENTION,
        removal_policy=RemovalPolicy.DESTROY,
    )


def add_logging_role(scope: Construct, id: str, log_group: logs.ILogGroup) -> iam.Role:
    """Add a role for a function; at first it may only write to `log_group`."""
    role = iam.Role(scope, id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    return role


class Function(lambda_.Function):
    """A Python function of this project, with its own role and log group."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        code: Path,
        handler: str,
        timeout: Duration,
        **props: Any,
    ) -> None:
        log_group = add_log_group(scope, f"{id}Logs")
        super().__init__(
            scope,
            id,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=256,
            code=lambda_.Code.from_asset(
                str(code), exclude=["/*.py", "__pycache__"], ignore_mode=IgnoreMode.GIT
            ),
            handler=handler,
            timeout=timeout,
            log_group=log_group,
            role=add_logging_role(scope, f"{id}Role", log_group),
            **props,
        )


def add_provider(scope: Construct, handler: Function) -> str:
    """Add the CDK's provider for custom resources that `handler` handles; its service token."""
    log_group = add_log_group(scope, "ProviderLogs")
    provider = custom_resources.Provider(
        scope,
        "Provider",
        on_event_handler=handler,
        log_group=log_group,
        framework_on_event_role=add_logging_role(scope, "ProviderRole", log_group),
    )
    return provider.service_token


def replace_log_group(provider: IConstruct) -> None:
    """Make a function that the CDK itself adds log to a group of the stack.

    Args:
        provider: The CDK's custom resource provider; its children are the function and its role.
    """
    stack = Stack.of(provider)
    log_group = add_log_group(stack, f"{provider.node.id.removeprefix('Custom::')}Logs")
    function: Any = provider.node.find_child("Handler")
    role: Any = provider.node.find_child("Role")
    function.add_property_override("LoggingConfig.LogGroup", log_group.log_group_name)
    role.add_property_deletion_override("ManagedPolicyArns")
    role.add_property_override(
        "Policies",
        [
            {
                "PolicyName": "Logs",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Resource": log_group.log_group_arn,
                        }
                    ],
                },
            }
        ],
    )
