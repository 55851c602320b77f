"""Handle a step of an update: ask often enough to reach the new instances, and count failures.

While traffic moves, the old model and the new model answer in turn, so the number of topics may
change from answer to answer. A new vocabulary can't be deployed in steps: the golden documents have
the words of the new model, and the old model can't answer them.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import boto3

from . import METRICS, golden

ASKED = 30  # misses a tenth of the traffic in one of 25 cases, and an update has several steps
LAST_MILLISECONDS = 180_000  # enough for one more request: a model has 60 s to answer


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Handle one *SageMaker Endpoint Deployment State Change*.

    Each request counts as answered or failed, whatever the model does: if this function ended
    early, it would write no metric, and SageMaker would complete the update.
    """
    name = event["detail"]["EndpointName"]
    sagemaker = boto3.client("sagemaker", config=golden.RETRIES)
    described: Mapping[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
    pending = described.get("PendingDeploymentSummary")
    if pending is None:
        return  # the update has ended, or changes only the number of instances
    configuration = pending["EndpointConfigName"]
    documents = golden.read(os.environ["GOLDEN_BUCKET"], os.environ["GOLDEN_KEY"])
    failed = 0
    for _ in range(ASKED):
        if context and context.get_remaining_time_in_millis() < LAST_MILLISECONDS:
            break
        try:
            golden.ask(name, documents)
        except Exception as error:  # an unexpected error is a failure too
            failed += 1
            # Escaped, so that an answer can't write a line of its own, such as a metric.
            message = ascii(str(error))
            sys.stdout.write(f"{name} while it is updated to {configuration}: {message}\n")
    sys.stdout.write(json.dumps(_measure(name, configuration, failed)) + "\n")


def _measure(endpoint: str, configuration: str, failed: int) -> dict[str, Any]:
    """Return a log line that CloudWatch reads as a metric (embedded metric format)."""
    metrics = {
        "Namespace": METRICS,
        "Dimensions": [["EndpointName", "EndpointConfigName"]],
        "Metrics": [{"Name": "Failed", "Unit": "Count"}],
    }
    return {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metrics]},
        "EndpointName": endpoint,
        "EndpointConfigName": configuration,
        "Failed": failed,
    }
