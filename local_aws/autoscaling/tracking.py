"""Target tracking: change instance counts with the number of invocations.

Source: "Target tracking scaling policies for Application Auto Scaling". AWS looks at the last three
minutes to scale out and at the last fifteen to scale in. Here these and the cool-downs are seconds.
"""

import math
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import pace
from local_aws.api.errors import ApiError
from local_aws.sagemaker import account, endpoint_api, invocation_metrics
from local_aws.sagemaker.account import Account
from local_aws.sagemaker.clients import service_client
from local_aws.scalable_targets import DIMENSION, NAMESPACE, Policy, Target, lock

SECONDS = 0.5  # between two readings of the metric
OUT_MINUTES, IN_MINUTES = 3, 15  # of the metric, for a decision to scale out and in
COOLDOWN_SECONDS = 300  # AWS's default, both ways
SCALE_IN_BELOW = 0.9  # of the target


def follow(target: Target, policy: Policy) -> None:
    """Start to keep the target's instance count at what the policy wants, until it is stopped."""
    threading.Thread(
        target=_follow, args=(target, policy), name=target.resource_id, daemon=True
    ).start()


def _follow(target: Target, policy: Policy) -> None:
    here = account.of(target.scope)
    cloudwatch = service_client("cloudwatch", target.scope)
    changed = time.monotonic()
    while not policy.stopped.wait(SECONDS):
        endpoint = here.endpoints.get(target.endpoint)
        if endpoint is None or endpoint.status != "InService":
            continue
        fleet = endpoint.fleets.get(target.variant)
        if fleet is None:
            continue
        try:
            out = _per_minute(cloudwatch, target, OUT_MINUTES)
            inwards = _per_minute(cloudwatch, target, IN_MINUTES)
        except (BotoCoreError, ClientError):
            continue
        wanted = decide(target, policy, fleet.desired, (out, inwards), time.monotonic() - changed)
        if wanted != fleet.desired and not policy.stopped.is_set():
            _scale(here, target, policy, fleet.desired, wanted)
            changed = time.monotonic()


def decide(
    target: Target, policy: Policy, current: int, rates: tuple[float, float], quiet: float
) -> int:
    """Return the instance count that the policy wants.

    Args:
        target: Has the bounds and what is suspended.
        policy: Has the target value and the cool-downs.
        current: The present count.
        rates: Invocations per instance and minute, in the last minutes that count for scaling out
            and for scaling in.
        quiet: Real seconds since the last change, or since the policy's start.
    """
    config = policy.request["TargetTrackingScalingPolicyConfiguration"]
    value = config["TargetValue"]
    out, inwards = rates
    wanted = current
    if out > value:
        wanted = math.ceil(current * out / value)
    elif inwards < SCALE_IN_BELOW * value:
        wanted = math.ceil(current * inwards / value)
    wanted = min(max(wanted, target.minimum), target.maximum)
    if wanted > current:
        free = not target.suspended.get("DynamicScalingOutSuspended")
        cooldown = config.get("ScaleOutCooldown", COOLDOWN_SECONDS)
        # Before the first change there is nothing to cool down from.
        cool = quiet >= pace.here(cooldown) or not target.activities
    else:
        suspended = target.suspended.get("DynamicScalingInSuspended")
        free = not (suspended or config.get("DisableScaleIn"))
        cooldown = config.get("ScaleInCooldown", COOLDOWN_SECONDS)
        cool = quiet >= pace.here(max(cooldown, IN_MINUTES * 60))
    return wanted if free and cool else current


def _per_minute(cloudwatch: Any, target: Target, minutes: int) -> float:
    """Return invocations per instance and minute, in the seconds that stand for `minutes`."""
    seconds = round(pace.here(minutes * 60))
    end = int(time.time()) + 1
    answer = cloudwatch.get_metric_statistics(
        Namespace=invocation_metrics.NAMESPACE,
        MetricName="InvocationsPerInstance",
        Dimensions=[
            {"Name": "EndpointName", "Value": target.endpoint},
            {"Name": "VariantName", "Value": target.variant},
        ],
        StartTime=datetime.fromtimestamp(end - seconds, UTC),
        EndTime=datetime.fromtimestamp(end, UTC),
        Period=1,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"])) * 60 / seconds


def _scale(here: Account, target: Target, policy: Policy, current: int, wanted: int) -> None:
    name = policy.request["PolicyName"]
    activity = {
        "ActivityId": str(uuid.uuid4()),
        "ServiceNamespace": NAMESPACE,
        "ResourceId": target.resource_id,
        "ScalableDimension": DIMENSION,
        "Description": f"Setting desired instance count to {wanted}.",
        "Cause": f"policy {name} wants {wanted} instances in place of {current}",
        "StartTime": time.time(),
        "StatusCode": "InProgress",
    }
    with lock:
        target.activities.insert(0, activity)
    try:
        endpoint_api.update_weights(
            here,
            {
                "EndpointName": target.endpoint,
                "DesiredWeightsAndCapacities": [
                    {"VariantName": target.variant, "DesiredInstanceCount": wanted}
                ],
            },
        )
    except ApiError as error:  # an update is in progress; tried again with the next reading
        outcome = {"StatusCode": "Failed", "StatusMessage": error.message}
    else:
        here.endpoints[target.endpoint].wait()
        outcome = {
            "StatusCode": "Successful",
            "StatusMessage": f"Successfully set desired instance count to {wanted}.",
        }
    with lock:
        activity |= outcome | {"EndTime": time.time()}
