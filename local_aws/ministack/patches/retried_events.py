"""Let EventBridge call functions as AWS does: with retries, and a destination for failures.

MiniStack retries for its other services, and calls once here.
"""

import json

from ministack.services import eventbridge, lambda_svc


def apply() -> None:
    """Change MiniStack."""
    original = eventbridge._dispatch_to_lambda

    def dispatch(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            lambda_svc.invoke_async_with_retry(function, json.loads(payload))
        else:
            original(arn, payload)

    eventbridge._dispatch_to_lambda = dispatch
