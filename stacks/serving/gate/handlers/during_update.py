"""The handler of a step of an update: ask often enough to meet the new instances, and count.

While traffic moves the old model and the new one answer by turns, so that the number of topics may
change from answer to answer. Documents of another vocabulary than the old model's are answered by
one of the two alone, so that a new vocabulary can't come in steps.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import boto3

from . import golden

NAMESPACE = "EndpointGate"  # the construct's metric names it too
ASKED = 30  # a share of a tenth is missed in one of 25 cases, and there are several steps
LAST_MILLISECONDS = 180_000  # left for one more question: SageMaker gives a model 60 s to answer


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Handle one *SageMaker Endpoint Deployment State Change*.

    Each question counts once, as answered well or as failed, whatever the model does: a function
    that ends early would write no metric, and SageMaker would take the update for good.
    """
    name = event["detail"]["EndpointName"]
    sagemaker = boto3.client("sagemaker", config=golden.RETRIES)
    described: Mapping[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
    pending = described.get("PendingDeploymentSummary")
    if pending is None:
        return  # it is over, or no more than a change of the number of instances
    configuration = pending["EndpointConfigName"]
    documents = golden.read(os.environ["GOLDEN_BUCKET"], os.environ["GOLDEN_KEY"])
    failed = 0
    for _ in range(ASKED):
        if context and context.get_remaining_time_in_millis() < LAST_MILLISECONDS:
            break
        try:
            golden.ask(name, documents)
        except Exception as error:  # a kind that nobody thought of is no good answer either
            failed += 1
            # Escaped, so that no answer can write a line of its own: a metric is such a line.
            told = ascii(str(error))
            sys.stdout.write(f"{name} while it is updated to {configuration}: {told}\n")
    sys.stdout.write(json.dumps(_measure(name, configuration, failed)) + "\n")


def _measure(endpoint: str, configuration: str, failed: int) -> dict[str, Any]:
    """A log line that CloudWatch reads as a metric (embedded metric format)."""
    metrics = {
        "Namespace": NAMESPACE,
        "Dimensions": [["EndpointName", "EndpointConfigName"]],
        "Metrics": [{"Name": "Failed", "Unit": "Count"}],
    }
    return {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metrics]},
        "EndpointName": endpoint,
        "EndpointConfigName": configuration,
        "Failed": failed,
    }
