"""Requests about models and endpoint configurations: create, describe, list and delete them."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from local_aws.api.errors import invalid
from local_aws.sagemaker import models
from local_aws.sagemaker.account import Account, Operations, Request
from local_aws.sagemaker.listing import listed
from local_aws.sagemaker.lookup import arn, found, is_taken

CONFIGURATION = "endpoint configuration"
MEMORY_STEP = 1024  # MB, of a serverless variant
NOT_OFFERED = ("ExplainerConfig", "ShadowProductionVariants")


def create_model(account: Account, request: Request) -> dict[str, Any]:
    """CreateModel: image and artifact must exist, and the role must be able to read it."""
    name = request["ModelName"]
    model_arn = arn(account, "model", name)
    models.check(request, account.scope)
    with account.lock:
        if is_taken(account.models, name):
            raise invalid(f'Cannot create already existing model "{model_arn}".')
        account.models[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "ModelArn": model_arn,
            "CreationTime": time.time(),
        }
        account.tag(model_arn, request.get("Tags", []))
    return {"ModelArn": model_arn}


def create_endpoint_config(account: Account, request: Request) -> dict[str, Any]:
    """CreateEndpointConfig: its models must exist, and its members must fit together."""
    name = request["EndpointConfigName"]
    config_arn = arn(account, CONFIGURATION, name)
    if problems := [*_problems(request)]:
        raise invalid(" ".join(problems))
    with account.lock:
        for variant in request["ProductionVariants"]:
            model = found(account, "model", account.models, variant["ModelName"])
            _check_variant(variant, model, request)
        if is_taken(account.endpoint_configs, name):
            raise invalid(f'Cannot create already existing endpoint configuration "{config_arn}".')
        account.endpoint_configs[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "EndpointConfigArn": config_arn,
            "CreationTime": time.time(),
        }
        account.tag(config_arn, request.get("Tags", []))
    return {"EndpointConfigArn": config_arn}


def _problems(request: Request) -> Iterator[str]:
    """Yield a message for each rule that a request breaks, and for what is not offered here."""
    yield from (f"{member} is not offered here." for member in NOT_OFFERED if member in request)
    names = Counter(variant["VariantName"] for variant in request["ProductionVariants"])
    yield from (
        f"Variant {name} is given {times} times; the names of variants must differ."
        for name, times in names.items()
        if times > 1
    )
    yield from (
        f"Variant {variant['VariantName']} must have a ModelName; inference components are not "
        "offered here."
        for variant in request["ProductionVariants"]
        if "ModelName" not in variant
    )


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
    return models.describe(found(account, "model", account.models, request["ModelName"]))


def _describe_endpoint_config(account: Account, request: Request) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    config: dict[str, Any] = found(account, CONFIGURATION, account.endpoint_configs, name)
    variants = [{"InitialVariantWeight": 1.0} | one for one in config["ProductionVariants"]]
    return config | {"ProductionVariants": variants}


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
    return listed("Model", request, _values(account, account.models))


def _list_endpoint_configs(account: Account, request: Request) -> dict[str, Any]:
    return listed("EndpointConfig", request, _values(account, account.endpoint_configs))


def _values(account: Account, table: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    with account.lock:
        return list(table.values())


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
