"""The Service Quotas API for SageMaker's instances: how many an account may have of each type.

Every type has the same quota for every use. The fault `quota.zero` sets one to 0.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from local_aws import faults
from local_aws.api import validation
from local_aws.api.errors import ApiError, unknown_operation
from local_aws.ministack import bridge
from local_aws.ministack.bridge import ResourceType, Response, Scope

NAME = "servicequotas"
TARGET_PREFIX = "ServiceQuotasV20190624."
MODELS = ["service-quotas"]
RESOURCE_TYPES: dict[str, ResourceType] = {}
INSTANCES = 20
PAGE = 100
# Each use of instances, and the shape in SageMaker's model that lists the types for it.
USES = {
    "training job usage": "TrainingInstanceType",
    "spot training job usage": "TrainingInstanceType",
    "endpoint usage": "ProductionVariantInstanceType",
}


def resource_of(operation: str, request: Mapping[str, Any], scope: Scope) -> str:
    """Return `*`: the API has lists only."""
    return "*"


def answer(scope: Scope, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer a request that IAM has let through."""
    operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
    return bridge.success(_list(operation, json.loads(body or b"{}")))


def _list(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of the account's quotas, or of AWS's defaults."""
    if operation not in {"ListServiceQuotas", "ListAWSDefaultServiceQuotas"}:
        raise unknown_operation(operation)
    validation.check(MODELS[0], operation, request)
    if request["ServiceCode"] != "sagemaker":
        raise ApiError("NoSuchResourceException", f"{request['ServiceCode']} is not offered here.")
    zero: set[str] = set()
    if operation == "ListServiceQuotas":
        zero = {fault["reason"] for fault in faults.armed() if fault["name"] == "quota.zero"}
    quotas = [_quota(name, 0 if name in zero else INSTANCES) for name in _names()]
    start = int(request.get("NextToken", "0"))
    end = start + request.get("MaxResults", PAGE)
    further = {"NextToken": str(end)} if end < len(quotas) else {}
    return {"Quotas": quotas[start:end], **further}


def _names() -> Iterator[str]:
    for use, shape in USES.items():
        types: list[str] = getattr(validation.model("sagemaker").shape_for(shape), "enum", [])
        for instance_type in types:
            yield f"{instance_type} for {use}"


def _quota(name: str, value: int) -> dict[str, Any]:
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
    }
