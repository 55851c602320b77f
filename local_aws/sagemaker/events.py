"""Send SageMaker's events to EventBridge."""

from collections.abc import Mapping
from typing import Any

from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope


def emit(scope: Scope, detail_type: str, described: Mapping[str, Any], arn: str) -> None:
    """Send a change of state of the resource `arn`, with what Describe answers for it."""
    detail: Any = _in_milliseconds(described)
    bridge.emit_event(scope, detail_type, detail, arn)


def _in_milliseconds(value: Any, name: str = "") -> Any:
    """Return `value` with its times in whole milliseconds, as in events; the API has seconds."""
    if isinstance(value, Mapping):
        return {key: _in_milliseconds(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_milliseconds(item) for item in value]
    return int(value * 1000) if name.endswith("Time") else value
