"""A real-time endpoint: its fleets, and how it moves from one configuration to the next.

An update starts the new fleet and waits until it answers pings. Then traffic moves by the steps of
the plan. The old fleet serves all the time, and goes on alone if anything goes wrong.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local_aws import pace, switches
from local_aws.ministack import bridge
from local_aws.sagemaker import events
from local_aws.sagemaker.account_data import AccountData
from local_aws.sagemaker.capture import Capture
from local_aws.sagemaker.clients import service_client
from local_aws.sagemaker.deployment import Plan
from local_aws.sagemaker.fleet import Fleet, Instance
from local_aws.sagemaker.invocation_metrics import Metrics
from local_aws.sagemaker.serving_container import INVOCATION_SECONDS, stop_all
from local_aws.sagemaker.traffic import Traffic

IN_PROGRESS = ("Creating", "Updating", "RollingBack", "Deleting")
SEE_ALARM = "cloudwatch:DescribeAlarms"  # of the execution role, on each alarm
ALARM_SECONDS = 0.2  # between two checks of the alarms while an update bakes


class RollbackError(Exception):
    """An update must be rolled back; the message is the endpoint's FailureReason."""


class Endpoint:
    """An endpoint: what is in service, and the change that is in progress.

    Attributes:
        config: The name of the configuration in service, or of the first one.
        fleets: The fleets in service by the names of their variants.
        traffic: Chooses the instance for each invocation.
        capture: The data capture in service, if any.
        deployment: The last DeploymentConfig; empty if there was none.
    """

    def __init__(self, data: AccountData, name: str, config: str) -> None:
        self.data = data
        self.name = name
        self.arn = data.scope.arn(f"endpoint/{name.lower()}")
        self.config = config
        self.status = "Creating"
        self.failure = ""
        self.created = self.modified = time.time()
        self.fleets: dict[str, Fleet] = {}
        self.traffic = Traffic()
        self.capture: Capture | None = None
        self.metrics = Metrics(data.scope, name)
        self.deployment: dict[str, Any] = {}
        self._changed = threading.Condition(data.lock)
        self._pending: dict[str, Any] | None = None

    def deploy(self, described: Mapping[str, Any], plan: Plan) -> None:
        """Start to move to an endpoint configuration by the steps of `plan`; return at once."""
        config = described["EndpointConfigName"]
        self._pending = {"EndpointConfigName": config, "StartTime": time.time()}
        self._start_change(self._deploy, described, plan)

    def rescale(self, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        """Start to change weights and instance counts of variants; return at once."""
        for name, change in wanted.items():
            fleet = self.fleets[name]
            fleet.desired = change.get("DesiredInstanceCount", fleet.desired)
            fleet.weight = change.get("DesiredWeight", fleet.weight)
        self._start_change(self._rescale)

    def _start_change(self, change: Callable[..., None], *arguments: Any) -> None:
        with self.data.lock:
            self.failure = ""
            if self.status != "Creating":
                self.status = "Updating"

        def run() -> None:
            failure = ""
            try:
                change(*arguments)
            except Exception as error:  # whatever fails, the endpoint must leave its state
                failure = str(error) or repr(error)
            self._end_change("InService" if self.fleets else "Failed", failure)

        threading.Thread(target=run, name=f"endpoint {self.name}", daemon=True).start()

    def _deploy(self, described: Mapping[str, Any], plan: Plan) -> None:
        config = described["EndpointConfigName"]
        old, new = self.fleets, {}
        for variant in described["ProductionVariants"]:
            new[variant["VariantName"]] = Fleet(self.data, self.name, config, variant)
        try:
            self._roll_out(old, new, plan)
        except Exception:
            self._roll_back(old, new)
            raise
        with self.data.lock:
            self.fleets, self.config = new, config
            previous, self.capture = self.capture, self._capture(described)
        time.sleep(pace.here(plan.termination))
        self._retire([i for fleet in old.values() for i in fleet.release(0)])
        if previous is not None:
            previous.flush()

    def _capture(self, described: Mapping[str, Any]) -> Capture | None:
        config = described.get("DataCaptureConfig")
        return None if config is None else Capture(self.data.scope, self.name, config)

    def _roll_out(self, old: dict[str, Fleet], new: dict[str, Fleet], plan: Plan) -> None:
        for share in plan.shares if old else (1.0,):
            self._at_step(new, "Creating", "Creating inference resources.")
            for fleet in new.values():
                fleet.grow(math.ceil(fleet.desired * share) if plan.rolling else fleet.desired)
            self._at_step(new, "ActivatingTraffic", f"Turning on traffic of {share:.0%}.")
            self.traffic.route(_shares(old, 1 - share) | _shares(new, share))
            if not old:
                return
            seconds = f"Baking for {plan.baking} seconds with traffic of {share:.0%}."
            self._at_step(new, "Baking", seconds)
            self._bake(plan, next(iter(new.values())).instances[0].role)
            if plan.rolling:
                released = [
                    instance
                    for fleet in old.values()
                    for instance in fleet.release(fleet.desired - int(fleet.desired * share))
                ]
                self.traffic.route(_shares(old, 1 - share) | _shares(new, share))
                self._retire(released)

    def _bake(self, plan: Plan, role: str) -> None:
        """Check the alarms for the plan's time, and once more with all metrics of that time."""
        end = time.monotonic() + pace.here(plan.baking)
        while plan.alarms and time.monotonic() < end:
            self._check_alarms(plan.alarms, role)
            time.sleep(ALARM_SECONDS)
        time.sleep(max(0, end - time.monotonic()))
        if plan.alarms:
            self.metrics.flush()
            self._check_alarms(plan.alarms, role)

    def _check_alarms(self, names: Sequence[str], role: str) -> None:
        scope = self.data.scope
        key = bridge.role_credentials(role, scope)["aws_access_key_id"]
        for name in names:
            alarm = scope.arn(f"alarm:{name}", "cloudwatch")
            if denied := bridge.denied(key, SEE_ALARM, alarm, scope):
                raise RollbackError(f"The update's alarm {name} could not be read: {denied}")
        described = service_client("cloudwatch", scope).describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        states = {
            alarm["AlarmName"]: alarm["StateValue"]
            for alarm in described["MetricAlarms"] + described["CompositeAlarms"]
        }
        for name in names:
            if name not in states:
                raise RollbackError(f"The update's alarm {name} does not exist.")
            if states[name] == "ALARM":
                raise RollbackError(f"The update was rolled back: alarm {name} is in ALARM.")

    def _roll_back(self, old: dict[str, Fleet], new: dict[str, Fleet]) -> None:
        """Give all traffic back to the old fleet; restart what a rolling update ended."""
        self.traffic.route(_shares(old, 1))
        self._retire([i for fleet in new.values() for i in fleet.release(0)])
        for fleet in old.values():
            fleet.grow(fleet.desired)
        self.traffic.route(_shares(old, 1))

    def _rescale(self) -> None:
        try:
            for fleet in self.fleets.values():
                fleet.grow(fleet.desired)
        finally:
            released = []
            for fleet in self.fleets.values():
                released += fleet.release(fleet.desired)
                fleet.desired = len(fleet.instances)
            self.traffic.route(_shares(self.fleets, 1))
            self._retire(released)

    def _retire(self, instances: list[Instance]) -> None:
        """End instances that get no new traffic, after they have answered what they have."""
        self.traffic.drain(instances, INVOCATION_SECONDS)
        stop_all(instances)

    def _end_change(self, status: str, failure: str) -> None:
        with self._changed:
            self.status, self.failure, self.modified = status, failure, time.time()
            self._pending = None
            self._changed.notify_all()
        self._tell("SageMaker Endpoint State Change")

    def _tell(self, detail_type: str) -> None:
        detail = self.describe()
        detail |= {
            "EndpointStatus": detail["EndpointStatus"].upper(),
            "Tags": self.data.tags_of(self.arn),
        }
        events.emit(self.data.scope, detail_type, detail, self.arn)

    def _at_step(self, new: Mapping[str, Fleet], status: str, message: str) -> None:
        """Report the step of the update in DescribeEndpoint and by an event."""
        step = {"Status": status, "StatusMessage": message, "StartTime": time.time()}
        with self.data.lock:
            variants = [_summary(fleet) | {"VariantStatus": [step]} for fleet in new.values()]
            if self._pending is not None:
                self._pending = self._pending | {"ProductionVariants": variants}
        self._tell("SageMaker Endpoint Deployment State Change")

    def wait(self) -> None:
        """Wait until no change is in progress."""
        with self._changed:
            self._changed.wait_for(lambda: self.status not in IN_PROGRESS)

    def describe(self) -> dict[str, Any]:
        """Return the endpoint as DescribeEndpoint answers it."""
        with self.data.lock:
            answer: dict[str, Any] = {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config,
                "EndpointStatus": self.status,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
            }
            optional = {
                "FailureReason": self.failure,
                "ProductionVariants": [_summary(fleet) for fleet in self.fleets.values()],
                "DataCaptureConfig": self.capture and self.capture.describe(),
                "LastDeploymentConfig": self.deployment,
                "PendingDeploymentSummary": self._pending,
            }
            return answer | {name: value for name, value in optional.items() if value}

    def end(self) -> None:
        """End all instances after their last answers, and deliver metrics and captured data."""
        self.traffic.route({})
        ended = [i for fleet in self.fleets.values() for i in fleet.release(0)]
        self._retire(ended)
        self.metrics.flush()
        if late := switches.seconds("endpoint.late-log"):
            for instance in ended:
                timer = threading.Timer(late, instance.log.write, [["The container has ended."]])
                timer.daemon = True
                timer.start()
        if self.capture is not None:
            self.capture.flush()

    def kill(self) -> None:
        """End all instances, without waiting for their answers."""
        stop_all([i for fleet in self.fleets.values() for i in fleet.release(0)])


def _shares(fleets: Mapping[str, Fleet], share: float) -> dict[Instance, float]:
    """Divide `share` of the traffic by the variants' weights, and evenly in each variant."""
    total = sum(fleet.weight for fleet in fleets.values()) or 1
    return {
        instance: share * fleet.weight / total / len(fleet.instances)
        for fleet in fleets.values()
        for instance in fleet.instances
    }


def _summary(fleet: Fleet) -> dict[str, Any]:
    weights = {
        "VariantName": fleet.name,
        "CurrentWeight": fleet.weight,
        "DesiredWeight": fleet.weight,
        "DeployedImages": fleet.images,
    }
    if fleet.serverless:
        config = fleet.variant["ServerlessConfig"]
        return weights | {"CurrentServerlessConfig": config, "DesiredServerlessConfig": config}
    return weights | {
        "CurrentInstanceCount": len(fleet.instances),
        "DesiredInstanceCount": fleet.desired,
    }
