"""Requests about models and endpoint configurations."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local_aws.api.errors import invalid
from local_aws.ministack import bridge
from local_aws.sagemaker.account import Account

MEMORY_STEP = 1024  # MB, of a serverless variant


def create_model(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateModel: the role must be able to read the artifact, which must exist."""
    name = request["ModelName"]
    arn = account.scope.arn(f"model/{name.lower()}")
    _check_model_data(account, request)
    with account.lock:
        if name in account.models:
            raise invalid(f'Cannot create already existing model "{arn}".')
        account.models[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "ModelArn": arn,
            "CreationTime": time.time(),
        }
        account.tag(arn, request.get("Tags", []))
    return {"ModelArn": arn}


def _check_model_data(account: Account, request: Mapping[str, Any]) -> None:
    address = request["PrimaryContainer"]["ModelDataUrl"]
    role = request["ExecutionRoleArn"]
    if not bridge.trusts_sagemaker(role, account.scope.arn("*"), account.scope):
        raise invalid(_no_access(address, role))
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        account.client("s3", role).head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
            raise invalid(f"Could not find model data at {address}.") from None
        raise invalid(_no_access(address, role)) from None


def _no_access(address: str, role: str) -> str:
    return (
        f"Could not access model data at {address}. Please ensure that the role '{role}' exists "
        "and that its trust relationship policy allows the action 'sts:AssumeRole' for the "
        "service principal 'sagemaker.amazonaws.com'. Also ensure that the role has "
        "'s3:GetObject' permissions and that the object is located in the Region."
    )


def create_endpoint_config(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig: its models must exist, its members go together."""
    name = request["EndpointConfigName"]
    arn = account.scope.arn(f"endpoint-config/{name.lower()}")
    with account.lock:
        for variant in request["ProductionVariants"]:
            model = found(account, "model", account.models, variant.get("ModelName", ""))
            _check_variant(variant, model, request)
        if name in account.endpoint_configs:
            raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        account.endpoint_configs[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "EndpointConfigArn": arn,
            "CreationTime": time.time(),
        }
        account.tag(arn, request.get("Tags", []))
    return {"EndpointConfigArn": arn}


def _check_variant(
    variant: Mapping[str, Any], model: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Refuse a variant that is neither of instances nor serverless, or both at once."""
    name, serverless = variant["VariantName"], variant.get("ServerlessConfig")
    if serverless is None:
        for member in ("InstanceType", "InitialInstanceCount"):
            if not variant.get(member):
                raise invalid(f"{member} is required for production variant {name}.")
        return
    excluded = [m for m in ("InstanceType", "InitialInstanceCount") if m in variant]
    excluded += [m for m in ("VpcConfig", "EnableNetworkIsolation") if model.get(m)]
    excluded += [m for m in ("DataCaptureConfig", "KmsKeyId") if m in config]
    if len(config["ProductionVariants"]) > 1:
        excluded.append("several production variants")
    if excluded:
        raise invalid(f"Serverless variant {name} does not support {', '.join(excluded)}.")
    if serverless["MemorySizeInMB"] % MEMORY_STEP:
        raise invalid(
            f"MemorySizeInMB of {serverless['MemorySizeInMB']} must be a multiple of {MEMORY_STEP}."
        )
    if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
        raise invalid("ProvisionedConcurrency must be less than or equal to MaxConcurrency.")


def delete(account: Account, kind: str, table: dict[str, dict[str, Any]], name: str) -> None:
    """Delete a model or endpoint configuration."""
    with account.lock:
        found(account, kind, table, name)
        del table[name]
        account.tags.pop(_arn(account, kind, name), None)


def found(account: Account, kind: str, table: Mapping[str, Any], name: str) -> Any:
    """`table[name]`, or the API's error that there is none."""
    with account.lock:
        if name not in table:
            raise invalid(f'Could not find {kind} "{_arn(account, kind, name)}".')
        return table[name]


def _arn(account: Account, kind: str, name: str) -> str:
    resource = {"endpoint configuration": "endpoint-config"}.get(kind, kind)
    return account.scope.arn(f"{resource}/{name.lower()}")
