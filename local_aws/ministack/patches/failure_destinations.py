"""Call a function's destination for failures only if the function's role may.

MiniStack checks no permission.
"""

from typing import Any

from ministack.services import lambda_svc

from local_aws.ministack import bridge


def apply() -> None:
    """Change MiniStack."""
    original = lambda_svc._route_async_failure

    def route(target: str, name: str, *details: Any) -> None:
        role = lambda_svc._functions[name]["config"]["Role"]
        if ":function:" not in target or bridge.role_may(role, "lambda:InvokeFunction", target):
            original(target, name, *details)

    lambda_svc._route_async_failure = route
