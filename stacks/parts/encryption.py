"""One KMS key for everything that an environment stores: bucket, volumes, logs, notices."""

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

CREATE = "create"  # the value of `encryption_key` that asks for a new key


def add_key(scope: Construct, *, keep: bool) -> kms.Key:
    """Add a KMS key that CloudWatch may also use, since it acts without a role of ours."""
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
    # Alarms publish to topics that are encrypted with this key.
    key.grant(
        iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
        ),
        "kms:Decrypt",
        "kms:GenerateDataKey*",
    )
    return key


def import_key(scope: Construct, key: kms.IKey | str | None) -> kms.IKey | None:
    """Import the existing key if `key` is an ARN; return anything else as it is."""
    return kms.Key.from_key_arn(scope, "Key", key) if isinstance(key, str) else key


def encrypt_logs(stack: Stack, key: kms.IKey) -> None:
    """Encrypt every log group of `stack`, also those that the CDK's own constructs add."""
    for child in stack.node.find_all():
        if isinstance(child, logs.CfnLogGroup):
            child.kms_key_id = key.key_arn
