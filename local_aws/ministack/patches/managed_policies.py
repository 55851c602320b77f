"""Know the policy `AmazonSageMakerFullAccess`, and refuse to attach a policy that does not exist.

MiniStack has some of AWS's managed policies, but none of SageMaker's. It attaches any name, which
then grants nothing.

Source: "AmazonSageMakerFullAccess" in the AWS Managed Policy Reference; API reference of
AttachRolePolicy.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.services import iam

FULL_ACCESS = "AmazonSageMakerFullAccess"
DESCRIPTION = (
    "Provides full access to Amazon SageMaker via the AWS Management Console and SDK. Also "
    "provides select access to related services (e.g., S3, ECR, CloudWatch Logs)."
)
FEW = (
    " The embedded AWS has only a few of AWS's managed policies: `aws iam list-policies --scope "
    "AWS` lists them. Attach an inline policy instead."
)


def apply() -> None:
    """Change MiniStack."""
    document = Path(__file__).with_name(f"{FULL_ACCESS}.json").read_text("utf-8")
    policy = iam._make_aws_managed_record(FULL_ACCESS, document, DESCRIPTION)
    iam._aws_managed_policies[policy["Arn"]] = policy
    attach = iam.attach_managed_policy

    def attach_known(entity: dict[str, Any], arn: str) -> None:
        if refusal := _refusal(arn):
            raise ValueError(refusal)
        attach(entity, arn)

    iam.attach_managed_policy = attach_known  # of CloudFormation's roles and groups
    iam._attach_role_policy = _checking(iam._attach_role_policy)
    iam._attach_user_policy = _checking(iam._attach_user_policy)
    iam._attach_group_policy = _checking(iam._attach_group_policy)
    iam._IAM_HANDLERS |= {
        "AttachRolePolicy": iam._attach_role_policy,
        "AttachUserPolicy": iam._attach_user_policy,
        "AttachGroupPolicy": iam._attach_group_policy,
    }


def _checking(attach: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def attach_known(parameters: Any) -> Any:
        if refusal := _refusal(iam._p(parameters, "PolicyArn")):
            return iam._error(404, "NoSuchEntity", refusal, ns="iam")
        return attach(parameters)

    return attach_known


def _refusal(arn: str) -> str | None:
    """Return why a policy can't be attached, or None if it exists."""
    if iam._policy_exists(arn):
        return None
    few = FEW if iam._is_aws_managed_arn(arn) else ""
    return f"Policy {arn} does not exist or is not attachable.{few}"
