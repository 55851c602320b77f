"""One key for all that an environment stores: bucket, volumes, logs, notices."""

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

CREATE = "create"  # the setting that asks for a key of the environment's own


def add_key(scope: Construct, *, keep: bool) -> kms.Key:
    """A key that the services may use which write for us and have no role of ours."""
    key = kms.Key(
        scope,
        "Key",
        description="Data, models, logs and notices of the topic model",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
    )
    region, account = Stack.of(scope).region, Stack.of(scope).account
    key.grant(
        iam.ServicePrincipal(
            f"logs.{region}.{Aws.URL_SUFFIX}",
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": (
                        f"arn:{Aws.PARTITION}:logs:{region}:{account}:log-group:*"
                    )
                }
            },
        ),
        "kms:Encrypt*",
        "kms:Decrypt*",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
        "kms:Describe*",
    )
    # Alarms publish to our encrypted topics.
    key.grant(
        iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
        ),
        "kms:Decrypt",
        "kms:GenerateDataKey*",
    )
    return key


def found_key(scope: Construct, key: kms.IKey | str | None) -> kms.IKey | None:
    """`key`, or the existing one of that ARN."""
    return kms.Key.from_key_arn(scope, "Key", key) if isinstance(key, str) else key


def encrypt_logs(stack: Stack, key: kms.IKey) -> None:
    """Encrypt every log group of `stack`, also those that the CDK's own constructs made."""
    for child in stack.node.find_all():
        if isinstance(child, logs.CfnLogGroup):
            child.kms_key_id = key.key_arn
