"""Give functions credentials of their roles that nobody can guess.

MiniStack derives them from the names of function and role, which are no secret. They are so since
https://github.com/ministackorg/ministack/pull/1683.
"""

from collections.abc import Mapping
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local_aws.ministack import bridge


def apply() -> None:
    """Change MiniStack."""
    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = _credentials


def _credentials(config: Mapping[str, Any]) -> dict[str, str]:
    account = config["FunctionArn"].split(":")[4]
    session = bridge.open_session(config["Role"], account, config["FunctionName"], None)
    return {name.upper(): value for name, value in session.items()}
