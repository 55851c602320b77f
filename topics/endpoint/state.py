"""Ask SageMaker which model an endpoint runs, or why it does not answer."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Short time-outs for optional look-ups: some networks reach only the SageMaker runtime.
_BRIEFLY = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
_CHANGING = {"Updating", "SystemUpdating", "RollingBack"}
_IN_PLACE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


class EndpointError(RuntimeError):
    """An endpoint can't be asked, or its answer is not a prediction."""


def model_address(name: str) -> str:
    """Return the `s3://` address of the artifact that an endpoint runs.

    Raises:
        EndpointError: There is no such endpoint, or the caller may not describe it.
    """
    try:
        sagemaker = boto3.client("sagemaker")
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        config = sagemaker.describe_endpoint_config(
            EndpointConfigName=endpoint["EndpointConfigName"]
        )
        model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        return model["PrimaryContainer"]["ModelDataUrl"]
    except ClientError as error:
        if _is_missing(error):
            raise EndpointError(why_not_found(name)) from None
        raise EndpointError(f"the model of the endpoint {name!r}: {explain(error)}") from None
    except BotoCoreError as error:
        raise EndpointError(f"the endpoint {name!r} can't be reached: {error}") from None


def is_changing(name: str) -> bool:
    """Return whether an endpoint is being updated; then the old or the new model answers.

    An endpoint that is missing, or that the caller may not describe, counts as not updated.
    """
    try:
        sagemaker = boto3.client("sagemaker", config=_BRIEFLY)
        return sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] in _CHANGING
    except (BotoCoreError, ClientError):
        return False


def why_not_found(name: str) -> str:
    """Say why an endpoint was not found, as far as the caller may ask."""
    try:
        sagemaker = boto3.client("sagemaker", config=_BRIEFLY)
        region = sagemaker.meta.region_name
        try:
            endpoint = sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if not _is_missing(error):
                return f"there is no endpoint {name!r} in {region}, or it is asleep"
            return _why_missing(name, region)
    except BotoCoreError as error:
        return f"there is no endpoint {name!r}: {error}"
    status = endpoint["EndpointStatus"]
    if status == "Failed":
        reason = endpoint.get("FailureReason", "no reason is given")
        return f"the endpoint {name!r} has failed: {reason}"
    return f"the endpoint {name!r} is {status}; ask again when it is InService"


def _why_missing(name: str, region: str) -> str:
    """Say whether an endpoint is asleep, which has a stack, or was never deployed."""
    stack = f"{name}-serving"  # as `stacks` names it
    missing = f"there is no endpoint {name!r} in {region}"
    try:
        found = boto3.client("cloudformation", config=_BRIEFLY).describe_stacks(StackName=stack)
    except (BotoCoreError, ClientError):
        return f"{missing}; the output EndpointName of a deployment is its name"
    status = found["Stacks"][0]["StackStatus"]
    if status in _IN_PLACE:
        return (
            f"the endpoint {name!r} is asleep: its stack {stack} is there without it;"
            " a deployment with endpoint.enabled=true wakes it"
        )
    return f"{missing}; its stack {stack} is {status}"


def _is_missing(error: ClientError) -> bool:
    return error.response["Error"][
        "Code"
    ] == "ValidationException" and "Could not find endpoint" in error.response["Error"].get(
        "Message", ""
    )


def explain(error: ClientError | BotoCoreError) -> str:
    """Return the code and the message of an AWS error; the container's own message if any."""
    if isinstance(error, BotoCoreError):
        return str(error)
    response: Any = error.response
    message = response.get("OriginalMessage") or response["Error"].get("Message", "")
    return f"{response['Error']['Code']}: {' '.join(message.split())}"
