"""Provision AWS::IAM::OIDCProvider, which MiniStack's CloudFormation does not know.

An account has one provider for a URL. The switch is `oidc.one-a-url`.
"""

import re
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from local_aws import switches


def apply() -> None:
    """Change MiniStack."""
    provisioners._RESOURCE_HANDLERS["AWS::IAM::OIDCProvider"] = {
        "create": _create,
        "delete": lambda arn, _: iam._oidc_providers.pop(arn, None),
    }


def _create(_: str, properties: dict[str, Any], *__: Any) -> tuple[str, dict[str, str]]:
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
        raise ValueError(re.sub(r".*<Message>(.*)</Message>.*", r"\1", body.decode(), flags=re.S))
    (arn,) = set(iam._oidc_providers.keys()) - before
    return arn, {"Arn": arn}
