"""Fail the deployment when `finish` failed in each of its attempts, so that it does not wait.

This module imports only `signals`, so that what broke `finish` does not break it too.
"""

import os
from collections.abc import Mapping
from typing import Any

from . import signals


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Handle Lambda's record of an asynchronous call that failed in each of its attempts."""
    name = event["requestPayload"]["detail"]["TrainingJobName"]
    if not name.startswith(f"{os.environ['IDENTITY']}-"):
        return
    error = (event.get("responsePayload") or {}).get("errorMessage", "it gave no answer")
    signals.send(
        os.environ["WAIT_HANDLE"],
        name,
        f"Training job {name} has ended, but the function that publishes its model failed: "
        f"{error}\nIts log is in the group {os.environ['FINISH_LOG_GROUP']}",
    )
