"""What functions write into their logs, and what they are answered."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

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

ASK_ANOTHER = """
const { Lambda, waitUntilFunctionActiveV2 } = require("@aws-sdk/client-lambda");

exports.handler = async ({ action }) => {
  const client = new Lambda({}), FunctionName = "unknown";
  try {
    if (action === "invoke") await client.invoke({ FunctionName });
    else await waitUntilFunctionActiveV2({ client, maxWaitTime: 2 }, { FunctionName });
    return "allowed";
  } catch (error) {
    return error.name;
  }
};
"""


def make_function(cloud: Cloud, name: str, runtime: str, code: str, role: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("index.py" if runtime.startswith("python") else "index.js", code)
    cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
    )


def test_a_metric_in_a_functions_log_arrives_in_cloudwatch(cloud: Cloud) -> None:
    role = cloud.make_role("Writer", allow("logs:*"), service="lambda")
    make_function(cloud, "writer", "python3.11", CODE, role)
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


@pytest.mark.parametrize(
    ("action", "answer"), [("invoke", "AccessDeniedException"), ("wait", "TimeoutError")]
)
def test_a_denial_is_an_error_to_a_function_in_node(cloud: Cloud, action: str, answer: str) -> None:
    """As the CDK's provider needs it: it waits and asks again while its role's policy is young."""
    name = f"asks-to-{action}"
    role = cloud.make_role(name, allow("logs:*"), service="lambda")
    make_function(cloud, name, "nodejs22.x", ASK_ANOTHER, role)
    asked = json.dumps({"action": action})
    answered = cloud.client("lambda").invoke(FunctionName=name, Payload=asked.encode())
    assert json.load(answered["Payload"]) == answer
