"""Handle the custom resource: pass the endpoint, or fail the deployment and say why."""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import boto3

from . import golden
from .golden import GateError

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")
WAIT_SECONDS = 300  # for an endpoint that is just being scaled or maintained
POLL_SECONDS = 5


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Handle one request of CloudFormation, as the CDK's provider passes it on."""
    if event["RequestType"] == "Delete":
        return {}
    properties = event["ResourceProperties"]
    name = properties["EndpointName"]
    identity = {"PhysicalResourceId": f"{name}-gate"}
    if event["RequestType"] == "Update" and _rolls_back(event["StackId"]):
        # An error would only block the way back to the earlier configuration.
        logger.info("a rollback is not checked")
        return identity
    try:
        _check_configuration(name, properties["EndpointConfigName"])
        documents = golden.read(properties["GoldenBucket"], properties["GoldenKey"])
        golden.ask(name, documents, int(properties["Topics"]))
    except GateError as error:
        # The CDK's provider would name Lambda's default log group, which this function never uses.
        group = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        raise GateError(
            f"The endpoint {name} did not pass its gate: {error}\nThe log is in the group {group}"
        ) from error
    logger.info("%s has passed", name)
    return identity


def _rolls_back(stack_id: str) -> bool:
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"]
    return "ROLLBACK" in stack["StackStatus"]


def _check_configuration(name: str, configuration: str) -> None:
    """Check that the endpoint serves what was deployed: SageMaker may have rolled it back."""
    sagemaker = boto3.client("sagemaker", config=golden.RETRIES)
    deadline = time.monotonic() + WAIT_SECONDS
    while (endpoint := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] in BUSY:
        if time.monotonic() > deadline:
            raise GateError(f"it is still {endpoint['EndpointStatus']} after {WAIT_SECONDS} s")
        time.sleep(POLL_SECONDS)
    reason = endpoint.get("FailureReason", "SageMaker gave no reason")
    if endpoint["EndpointStatus"] != "InService":
        raise GateError(f"it is {endpoint['EndpointStatus']}: {reason}")
    if endpoint["EndpointConfigName"] != configuration:
        raise GateError(
            f"it runs {endpoint['EndpointConfigName']}, not {configuration}, which was deployed: "
            f"SageMaker has rolled the update back: {reason}"
        )
