"""The Service Quotas API for SageMaker's instances: how many an account may have of each type.

Every type has the same quota for every use. The fault `quota.zero` sets one to 0. The codes of
quotas look like AWS's and are others, since no document has AWS's.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from local_aws import faults
from local_aws.api import pages, validation
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
LISTS = ("ListServiceQuotas", "ListAWSDefaultServiceQuotas")
GETS = ("GetServiceQuota", "GetAWSDefaultServiceQuota")


def resource_of(operation: str, request: Mapping[str, Any], scope: Scope) -> str:
    """Return `*`: the API's other operations are not offered."""
    return "*"


def answer(scope: Scope, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer a request that IAM has let through."""
    operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
    if operation not in LISTS + GETS:
        raise unknown_operation(operation)
    request = validation.parse(body)
    validation.check(MODELS[0], operation, request)
    if request["ServiceCode"] != "sagemaker":
        raise ApiError("NoSuchResourceException", f"{request['ServiceCode']} is not offered here.")
    quotas = _quotas(scope, is_default="Default" in operation)
    if operation in GETS:
        return bridge.success({"Quota": _find(quotas, request["QuotaCode"])})
    found, further = pages.cut(
        MODELS[0], operation, request, quotas, lambda quota: (quota["QuotaName"],), size=PAGE
    )
    return bridge.success({"Quotas": found, **further})


def _find(quotas: list[dict[str, Any]], code: str) -> dict[str, Any]:
    for quota in quotas:
        if quota["QuotaCode"] == code:
            return quota
    raise ApiError("NoSuchResourceException", f"There is no quota {code} of sagemaker here.")


def _quotas(scope: Scope, *, is_default: bool) -> list[dict[str, Any]]:
    """Return the account's quotas, or AWS's defaults."""
    return [_quota(scope, name, INSTANCES if is_default else value(name)) for name in _names()]


def value(name: str) -> int:
    """Return the account's quota of a name, such as `ml.m4.xlarge for endpoint usage`."""
    zero = [fault["reason"] for fault in faults.armed() if fault["name"] == "quota.zero"]
    return 0 if name in zero else INSTANCES


def _names() -> Iterator[str]:
    for use, shape in USES.items():
        types: list[str] = getattr(validation.model("sagemaker").shape_for(shape), "enum", [])
        for instance_type in types:
            yield f"{instance_type} for {use}"


def _quota(scope: Scope, name: str, value: int) -> dict[str, Any]:
    code = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": scope.arn(f"sagemaker/{code}", NAME),
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
