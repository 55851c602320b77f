import json
from typing import Any

import pytest

from local_aws.ministack.embedded_metrics import Metric, found_in


def line(dimensions: list[list[str]], **content: Any) -> str:
    directive = {
        "Namespace": "Gate",
        "Dimensions": dimensions,
        "Metrics": [{"Name": "Failed", "Unit": "Count"}],
    }
    return json.dumps({"_aws": {"Timestamp": 0, "CloudWatchMetrics": [directive]}, **content})


def test_a_metric_is_found_among_other_lines_with_each_set_of_its_dimensions() -> None:
    metric = line([["Endpoint"], ["Endpoint", "Config"]], Endpoint="e", Config="c", Failed=2)
    log = f"START\nanother line\n{metric}\nEND\n"
    assert list(found_in(log)) == [
        Metric("Gate", "Failed", 2.0, "Count", {"Endpoint": "e"}),
        Metric("Gate", "Failed", 2.0, "Count", {"Endpoint": "e", "Config": "c"}),
    ]


def test_a_list_is_so_many_values() -> None:
    assert [metric.value for metric in found_in(line([[]], Failed=[1, 2]))] == [1.0, 2.0]


@pytest.mark.parametrize(
    "wrong",
    [
        line([["Endpoint"]], Failed=1),
        line([[]]),
        line([[]], Failed="many"),
        '{"_aws": {"CloudWatchMetrics": 5}}',
        '"CloudWatchMetrics" {',
        "an error: " + line([[]], Failed=1),
        "an error: \x0b" + line([[]], Failed=1),
        "an error:\u2028" + line([[]], Failed=1),
        line([[]], Failed=1) + " it said",
    ],
)
def test_what_only_looks_like_one_is_passed_over(wrong: str) -> None:
    assert list(found_in(wrong)) == []
