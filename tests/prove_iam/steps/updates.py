"""Updates of an endpoint, as the steps about them begin them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..stage import NAME, OF_A_CONFIGURATION, PROJECT, Stage


def configuration(stage: Stage, **variant: Any) -> str:
    """A new endpoint configuration like the deployed one but for its variant; its name."""
    name = f"{PROJECT}-{uuid.uuid4().hex[:8]}"
    members = {k: v for k, v in stage.configuration.items() if k in OF_A_CONFIGURATION}
    (only,) = members["ProductionVariants"]
    stage.at_hand("sagemaker").create_endpoint_config(
        EndpointConfigName=name, **members | {"ProductionVariants": [only | variant]}
    )
    return name


def update(stage: Stage, endpoint: str, *alarms: str) -> str:
    """Begin to move an endpoint to a new configuration; its name."""
    name = configuration(stage)
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": one} for one in alarms]}}
    routing = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60},
    }
    policy = {"BlueGreenUpdatePolicy": routing} | (rollback if alarms else {})
    stage.update(endpoint, name, DeploymentConfig=policy)
    return name


@contextmanager
def updating(stage: Stage) -> Iterator[str]:
    """Update the endpoint for as long as the block runs: a new container starts slowly.

    The block gets the name of the new configuration.
    """
    stage.arm("endpoint.slow-start", seconds=300)
    wanted = update(stage, NAME)
    try:
        yield wanted
    finally:
        stage.disarm()
        stage.in_service(NAME)
