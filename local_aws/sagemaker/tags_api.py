"""Requests about the tags of any resource: add, list and delete them."""

from typing import Any

from local_aws.api.errors import invalid
from local_aws.sagemaker.account import Account, Operations, Request


def _add(account: Account, request: Request) -> dict[str, Any]:
    with account.lock:
        account.tag(_known(account, request["ResourceArn"]), request["Tags"])
        return _list(account, request)


def _list(account: Account, request: Request) -> dict[str, Any]:
    with account.lock:
        tags = account.tags_of(_known(account, request["ResourceArn"]))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


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
