"""Name the log stream in the ARN that IAM checks for CloudWatch Logs, as AWS does.

MiniStack names only the log group, so a policy on streams would match nothing.
"""

import json
import re
from typing import Any

from ministack.core import iam_actions

LOG_GROUP = re.compile(r"arn:aws:logs:[^:]*:[^:]*:log-group:[^:]+")


def apply() -> None:
    """Change MiniStack."""
    original = iam_actions.extract_resource_arn

    def extract(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *more: Any,
    ) -> str:
        arn = str(original(service, method, path, headers, body, *more))
        return f"{arn}:log-stream:{_stream(body)}" if LOG_GROUP.fullmatch(arn) else arn

    iam_actions.extract_resource_arn = extract


def _stream(body: bytes) -> str:
    try:
        return str(json.loads(body).get("logStreamName", ""))
    except (ValueError, AttributeError):
        return ""
