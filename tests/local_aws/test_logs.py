"""What clients of the embedded AWS find in its logs."""

import time

import pytest

from .conftest import Cloud


@pytest.mark.parametrize(("prefix", "found"), [("a", ["of a/1", "of a/2"]), ("c", [])])
def test_events_are_of_the_streams_whose_names_begin_so(
    cloud: Cloud, prefix: str, found: list[str]
) -> None:
    logs, group = cloud.client("logs"), f"streams-of-{prefix}"
    logs.create_log_group(logGroupName=group)
    for stream in ("a/1", "b/1", "a/2"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": f"of {stream}"}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
    events = logs.filter_log_events(logGroupName=group, logStreamNamePrefix=prefix)["events"]
    assert sorted(event["message"] for event in events) == found
