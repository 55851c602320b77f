"""The handler of the end of a training job: publish its model, and tell the deployment.

The event says only that something ended; what has happened is asked of SageMaker. Whatever fails
here is raised: Lambda tries again, and `crashed` tells the deployment when that was in vain.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import jobs

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

NAMESPACE = "TrainingJobs"  # the construct's metrics name it too


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Handle one *SageMaker Training Job State Change*."""
    name = event["detail"]["TrainingJobName"]
    if job := jobs.conclude(jobs.client(), name, os.environ["WAIT_HANDLE"]):
        sys.stdout.write(json.dumps(measure(job)) + "\n")


def measure(job: "DescribeTrainingJobResponseTypeDef") -> dict[str, Any]:
    """The metrics of an end, as a log line that CloudWatch reads (embedded metric format)."""
    values = {"Failed": float(job["TrainingJobStatus"] != "Completed")}
    units = {"Failed": "Count", "Duration": "Seconds"}
    if "TrainingTimeInSeconds" in job:
        values["Duration"] = job["TrainingTimeInSeconds"]
    metrics = {
        "Namespace": NAMESPACE,
        "Dimensions": [["Name"]],
        "Metrics": [{"Name": name, "Unit": units[name]} for name in values],
    }
    return {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metrics]},
        "Name": os.environ["NAME_PREFIX"],
        **values,
    }
