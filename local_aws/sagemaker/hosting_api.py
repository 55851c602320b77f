"""Requests about models and endpoint configurations: create, describe, list and delete them."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local_aws.api.errors import invalid
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.clients import role_client
from local_aws.sagemaker.lookup import arn, found, listed

CONFIGURATION = "endpoint configuration"
MEMORY_STEP = 1024  # MB, of a serverless variant


def create_model(account: Account, request: Request) -> dict[str, Any]:
    """CreateModel: the artifact must exist, and the role must be able to read it."""
    name = request["ModelName"]
    model_arn = arn(account, "model", name)
    _check_model_data(account.scope, request)
    with account.lock:
        if name in account.models:
            raise invalid(f'Cannot create already existing model "{model_arn}".')
        account.models[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "ModelArn": model_arn,
            "CreationTime": time.time(),
        }
        account.tag(model_arn, request.get("Tags", []))
    return {"ModelArn": model_arn}


def _check_model_data(scope: Scope, request: Request) -> None:
    address = request["PrimaryContainer"]["ModelDataUrl"]
    role = request["ExecutionRoleArn"]
    if not bridge.trusts_sagemaker(role, scope.arn("*"), scope):
        raise invalid(_no_access(address, role))
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        role_client("s3", role, scope).head_object(Bucket=bucket, Key=key)
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


def create_endpoint_config(account: Account, request: Request) -> dict[str, Any]:
    """CreateEndpointConfig: its models must exist, and its members must fit together."""
    name = request["EndpointConfigName"]
    config_arn = arn(account, CONFIGURATION, name)
    with account.lock:
        for variant in request["ProductionVariants"]:
            model = found(account, "model", account.models, variant.get("ModelName", ""))
            _check_variant(variant, model, request)
        if name in account.endpoint_configs:
            raise invalid(f'Cannot create already existing endpoint configuration "{config_arn}".')
        account.endpoint_configs[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "EndpointConfigArn": config_arn,
            "CreationTime": time.time(),
        }
        account.tag(config_arn, request.get("Tags", []))
    return {"EndpointConfigArn": config_arn}


def _check_variant(
    variant: Mapping[str, Any], model: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Reject a variant that is neither of instances nor serverless, or that is both."""
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


def _describe_model(account: Account, request: Request) -> dict[str, Any]:
    return dict(found(account, "model", account.models, request["ModelName"]))


def _describe_endpoint_config(account: Account, request: Request) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    return dict(found(account, CONFIGURATION, account.endpoint_configs, name))


def delete_model(account: Account, request: Request) -> dict[str, Any]:
    """DeleteModel."""
    return _delete(account, "model", account.models, request["ModelName"])


def delete_endpoint_config(account: Account, request: Request) -> dict[str, Any]:
    """DeleteEndpointConfig."""
    name = request["EndpointConfigName"]
    return _delete(account, CONFIGURATION, account.endpoint_configs, name)


def _delete(
    account: Account, kind: str, table: dict[str, dict[str, Any]], name: str
) -> dict[str, Any]:
    with account.lock:
        found(account, kind, table, name)
        del table[name]
        account.tags.pop(arn(account, kind, name), None)
    return {}


def _list_models(account: Account, request: Request) -> dict[str, Any]:
    members = ("ModelName", "ModelArn", "CreationTime")
    return {"Models": listed(account, request, account.models, members)}


def _list_endpoint_configs(account: Account, request: Request) -> dict[str, Any]:
    members = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    return {"EndpointConfigs": listed(account, request, account.endpoint_configs, members)}


OPERATIONS: Operations = {
    "CreateModel": create_model,
    "DescribeModel": _describe_model,
    "DeleteModel": delete_model,
    "ListModels": _list_models,
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": _describe_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "ListEndpointConfigs": _list_endpoint_configs,
}
