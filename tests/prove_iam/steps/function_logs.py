"""What a function writes to its log."""

from ..stage import Stage
from .step import Step


def events_of(stage: Stage, function: str, part: str = "") -> int:
    """How many events with such a part a function's log group has."""
    config = stage.at_hand("lambda").get_function_configuration(
        FunctionName=stage.resources[function]
    )
    group = config["LoggingConfig"]["LogGroup"]
    pages = stage.at_hand("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return sum(part in event["message"] for page in pages for event in page["events"])


def calls_of(stage: Stage, function: str) -> int:
    """How often a function has been called and is done."""
    return events_of(stage, function, "REPORT ")


def log(function: str) -> Step:
    """Let a function write its log; what it is called with makes it do nothing else.

    MiniStack writes the log before it answers, so there is nothing to wait for.
    """

    def take(stage: Stage) -> None:
        before = events_of(stage, function)
        stage.invoke(function, {"RequestType": "None"})
        assert events_of(stage, function) > before, "its log is empty"

    return Step("its log says what it did", take, logs=True)
