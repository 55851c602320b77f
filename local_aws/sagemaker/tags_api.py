"""Requests about the tags of any resource: add, list and delete them."""

from collections.abc import Mapping
from typing import Any

from local_aws.api import pages
from local_aws.api.errors import invalid
from local_aws.sagemaker.account import Account, Operations, Request

PAGE = 50


def _add(account: Account, request: Request) -> dict[str, Any]:
    arn = request["ResourceArn"]
    with account.lock:
        account.tag(_known(account, arn), request["Tags"])
        return {"Tags": _tags(account.tags_of(arn))}


def _list(account: Account, request: Request) -> dict[str, Any]:
    with account.lock:
        tags = _tags(account.tags_of(_known(account, request["ResourceArn"])))
    found, further = pages.cut(
        "sagemaker", "ListTags", request, tags, lambda tag: (tag["Key"],), size=PAGE
    )
    return {"Tags": found, **further}


def _tags(pairs: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def _delete(account: Account, request: Request) -> dict[str, Any]:
    with account.lock:
        tags = account.tags.get(_known(account, request["ResourceArn"]), {})
        for key in request["TagKeys"]:
            tags.pop(key, None)
    return {}


def _known(account: Account, arn: str) -> str:
    arns = [job.arn for job in account.jobs()]
    arns += [endpoint.arn for endpoint in account.endpoints.values()]
    arns += [model["ModelArn"] for model in account.models.values()]
    arns += [config["EndpointConfigArn"] for config in account.endpoint_configs.values()]
    if arn not in arns:
        raise invalid(f"Could not find resource {arn}.")
    return arn


OPERATIONS: Operations = {"AddTags": _add, "ListTags": _list, "DeleteTags": _delete}
