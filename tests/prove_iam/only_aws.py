"""Permissions that nothing here asks for, each with the page that says what AWS asks for it."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from .permissions import Permission

GUIDE = "https://docs.aws.amazon.com/"
ROLES = f"{GUIDE}sagemaker/latest/dg/sagemaker-roles.html"


@dataclass(frozen=True)
class OnlyAws:
    """Permissions by patterns of principal and action.

    Attributes:
        principal: Of the principal.
        action: Of the action.
        why: What AWS does with it.
        source: Where that is said.
    """

    principal: str
    action: str
    why: str
    source: str

    def covers(self, permission: Permission) -> bool:
        return fnmatchcase(permission.principal, self.principal) and fnmatchcase(
            # What the CDK writes with a wildcard is compared as it stands.
            permission.action.replace("*", "+"),
            self.action,
        )


ONLY_AWS = (
    OnlyAws(
        "ExecutionRole",
        "kms:CreateGrant",
        "encrypt the volumes of a job's or endpoint's instances",
        ROLES,
    ),
    OnlyAws(
        "ExecutionRole",
        "kms:Encrypt",
        "encrypt a model artifact: the role must have it, says the API's page, although S3 asks "
        "for a data key",
        f"{GUIDE}sagemaker/latest/APIReference/API_OutputDataConfig.html",
    ),
    OnlyAws(
        "ExecutionRole",
        "logs:DescribeLogStreams",
        "find the stream of an instance's log",
        ROLES,
    ),
    OnlyAws(
        "*ProviderRole",
        "lambda:GetFunction",
        "wait for a function that Lambda has put to sleep: the CDK's provider looks when a call "
        "has failed, and calls again",
        f"{GUIDE}lambda/latest/dg/functions-states.html",
    ),
    OnlyAws(
        "logs.*.amazonaws.com",
        "kms:*",
        "encrypt log groups and read them; the statement is as the page has it",
        f"{GUIDE}AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    ),
    OnlyAws(
        "cloudwatch.amazonaws.com",
        "kms:*",
        "publish to an encrypted topic",
        f"{GUIDE}sns/latest/dg/sns-key-management.html",
    ),
    OnlyAws(
        "the account",
        "kms:+",
        "let IAM's policies say who uses the key, as every key's default policy does",
        f"{GUIDE}kms/latest/developerguide/key-policy-default.html",
    ),
)
