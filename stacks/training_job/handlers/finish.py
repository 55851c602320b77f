"""Handle the end of a training job: publish its model, and signal the deployment.

The event says only that a job ended; SageMaker is asked how. All errors are raised: Lambda then
tries again, and calls `crashed` after the last attempt.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import METRICS, jobs

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Handle one *SageMaker Training Job State Change*."""
    name = event["detail"]["TrainingJobName"]
    if job := jobs.conclude(jobs.client(), name, os.environ["WAIT_HANDLE"]):
        sys.stdout.write(json.dumps(measure(job)) + "\n")


def measure(job: "DescribeTrainingJobResponseTypeDef") -> dict[str, Any]:
    """Return an ended job's metrics as a log line for CloudWatch (embedded metric format)."""
    values = {"Failed": float(job["TrainingJobStatus"] != "Completed")}
    units = {"Failed": "Count", "Duration": "Seconds"}
    if "TrainingTimeInSeconds" in job:
        values["Duration"] = job["TrainingTimeInSeconds"]
    metrics = {
        "Namespace": METRICS,
        "Dimensions": [["Name"]],
        "Metrics": [{"Name": name, "Unit": units[name]} for name in values],
    }
    return {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metrics]},
        "Name": os.environ["NAME_PREFIX"],
        **values,
    }
