"""What functions write into their logs."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

from tests.support.waiting import wait_for

from .conftest import Cloud, allow

CODE = """
import json

def handler(event, context):
    directive = {
        "Namespace": "Functions",
        "Dimensions": [["Name"]],
        "Metrics": [{"Name": "Failed", "Unit": "Count"}],
    }
    metrics = {"_aws": {"Timestamp": 0, "CloudWatchMetrics": [directive]}}
    print(json.dumps(metrics | {"Name": "writer", "Failed": 3}))
"""


def test_a_metric_in_a_functions_log_arrives_in_cloudwatch(cloud: Cloud) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", CODE)
    cloud.client("lambda").create_function(
        FunctionName="writer",
        Runtime="python3.11",
        Handler="index.handler",
        Role=cloud.make_role("Writer", allow("logs:*"), service="lambda"),
        Code={"ZipFile": archive.getvalue()},
    )
    answer = cloud.client("lambda").invoke(FunctionName="writer", Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    now = datetime.now(UTC)

    def total() -> float | None:
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="Functions",
            MetricName="Failed",
            Dimensions=[{"Name": "Name", "Value": "writer"}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=3600 * 24 * 30,
            Statistics=["Sum"],
        )["Datapoints"]
        return points[0]["Sum"] if points else None

    assert wait_for(total) == 3
