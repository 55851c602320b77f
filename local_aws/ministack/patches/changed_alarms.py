"""Reset the state of an alarm that is changed, while the switch `alarms.keep-state` is off.

MiniStack keeps the state, as AWS does.
"""

from functools import partial
from typing import Any

from ministack.services import cloudwatch

from local_aws import switches


def apply() -> None:
    """Change MiniStack."""
    put, provide = cloudwatch._put_metric_alarm, cloudwatch.cloudformation_put_metric_alarm
    keep = partial(switches.seconds, "alarms.keep-state")

    def put_and_reset(params: Any, body: dict[str, Any], *form: bool) -> Any:
        name = body["AlarmName"] if any(form) else cloudwatch._p(params, "AlarmName")
        if name in cloudwatch._alarms and not keep():
            cloudwatch._alarms[name]["StateValue"] = "INSUFFICIENT_DATA"
        return put(params, body, *form)

    def provide_and_reset(alarm: dict[str, Any]) -> None:
        provide(alarm if keep() else alarm | {"StateValue": "INSUFFICIENT_DATA"})

    cloudwatch._put_metric_alarm = put_and_reset
    cloudwatch.cloudformation_put_metric_alarm = provide_and_reset
