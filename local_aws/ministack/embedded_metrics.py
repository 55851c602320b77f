"""Read the metrics that functions write into their logs in CloudWatch's embedded metric format.

Source: "Specification: Embedded metric format" in the Amazon CloudWatch user guide.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple


class Metric(NamedTuple):
    """One value of one metric."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


def found_in(log: str) -> Iterator[Metric]:
    """Yield the metrics in a log. Only lines that are JSON as a whole can have some."""
    for line in log.split("\n"):
        if '"CloudWatchMetrics"' not in line:
            continue
        try:
            yield from _of_line(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # not in the format; CloudWatch skips it too


def _of_line(content: dict[str, Any]) -> Iterator[Metric]:
    for directive in content["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = {name: str(content[name]) for name in names}
            for metric in directive["Metrics"]:
                name, unit = metric["Name"], metric.get("Unit", "None")
                values = content[name]
                for value in values if isinstance(values, list) else [values]:
                    yield Metric(directive["Namespace"], name, float(value), unit, dimensions)
