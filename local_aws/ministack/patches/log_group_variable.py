"""Set AWS_LAMBDA_LOG_GROUP_NAME in functions, as Lambda does.

Source: Lambda Developer Guide, "Defined runtime environment variables".
"""

from typing import Any

from ministack.core import lambda_runtime

from local_aws.ministack.patches.function_logs import log_group


def apply() -> None:
    """Change MiniStack."""
    original = lambda_runtime.Worker._spawn

    def spawn(worker: Any) -> Any:
        config = worker.config
        variables = (config.get("Environment") or {}).get("Variables") or {}
        own = {"AWS_LAMBDA_LOG_GROUP_NAME": log_group(config)}
        worker.config = config | {"Environment": {"Variables": variables | own}}
        try:
            return original(worker)
        finally:
            worker.config = config

    lambda_runtime.Worker._spawn = spawn
