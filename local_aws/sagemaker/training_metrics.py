"""The metrics that a training image prints, and CloudWatch gets.

Source: "Monitor Amazon SageMaker AI with Amazon CloudWatch" and "Tune an LDA Model" in the
developer guide. `#quality_metric` is how AWS's own images print them.
"""

import re
from collections.abc import Iterable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker.clients import service_client

NAMESPACE = "/aws/sagemaker/TrainingJobs"
METRIC = re.compile(
    r"#quality_metric: host=algo-1, (?P<name>[\w ]+?) *<loss>=(?P<value>-?\d+(\.\d+)?(e[-+]?\d+)?)"
)


def found_in(lines: Iterable[str]) -> dict[str, float]:
    """Return the last value of each metric in `lines` by its name, such as `test:pwll`."""
    found = filter(None, map(METRIC.search, lines))
    return {":".join(match["name"].split()): float(match["value"]) for match in found}


def put(scope: Scope, role: str, job: str, values: Mapping[str, float]) -> None:
    """Put a job's metrics into CloudWatch; if its role may not, there are none, as with logs."""
    namespace = {"cloudwatch:namespace": NAMESPACE}
    if not values or bridge.role_denied(role, "cloudwatch:PutMetricData", "*", scope, namespace):
        return
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "TrainingJobName", "Value": job}],
            "Value": value,
        }
        for name, value in values.items()
    ]
    try:
        service_client("cloudwatch", scope).put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (ClientError, BotoCoreError):
        return  # the server ends
