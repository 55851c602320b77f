"""Write a function's log only if its role may, and put the metrics in it into CloudWatch.

MiniStack checks no permission. It also makes a log group anew that is gone, so a function that
still runs while its stack is deleted would leave its log group behind.
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

from local_aws.ministack import bridge, embedded_metrics

WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
MAKE_LOGS = ("logs:CreateLogGroup", *WRITE_LOGS)


def apply() -> None:
    """Change MiniStack."""
    original = lambda_svc._emit_lambda_logs

    def emit(function: dict[str, Any], request_id: str, log: str, *rest: Any, **more: Any) -> None:
        config = function.get("config") or function
        group = log_group(config)
        stream = bridge.current_scope().arn(f"log-group:{group}:log-stream:new", "logs")
        actions = WRITE_LOGS if group in cloudwatch_logs._log_groups else MAKE_LOGS
        if all(bridge.role_may(config["Role"], action, stream) for action in actions):
            for metric in embedded_metrics.found_in(log):
                cloudwatch.record_metric(*metric)
            original(function, request_id, log, *rest, **more)

    lambda_svc._emit_lambda_logs = emit


def log_group(config: Mapping[str, Any]) -> str:
    """Return the name of a function's log group."""
    given = (config.get("LoggingConfig") or {}).get("LogGroup")
    return str(given or f"/aws/lambda/{config['FunctionName']}")
