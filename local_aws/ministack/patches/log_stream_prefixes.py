"""Apply the `logStreamNamePrefix` of FilterLogEvents, which MiniStack ignores.

Source: FilterLogEvents in the Amazon CloudWatch Logs API reference. `aws logs tail` sends it.
"""

from typing import Any

from ministack.services import cloudwatch_logs

NO_STREAM = ""  # without a name, MiniStack takes all streams


def apply() -> None:
    """Change MiniStack."""
    original = cloudwatch_logs._filter_log_events

    def filter_log_events(request: dict[str, Any]) -> Any:
        prefix = request.get("logStreamNamePrefix")
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(request))
        if prefix and group:
            found = [name for name in group["streams"] if name.startswith(prefix)]
            request = request | {"logStreamNames": found or [NO_STREAM]}
        return original(request)

    cloudwatch_logs._filter_log_events = filter_log_events
