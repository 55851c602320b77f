"""The gate's functions."""

import io
import json
from contextlib import redirect_stdout

from stacks.serving.gate.handlers import check, during_update

from ..stage import NAME, STACKS, Stage
from .function_logs import log
from .job_start import request
from .step import Step
from .updates import updating


def check_the_endpoint(stage: Stage) -> None:
    stage.put("models")
    event = {"RequestType": "Create", "ResourceProperties": stage.gate_properties()}
    with stage.acting_as("GateCheck"):
        check.handler(event, None)


def let_a_rollback_pass(stage: Stage) -> None:
    event = request(stage, "Update") | {"ResourceProperties": stage.gate_properties()}
    (serving,) = stage.at_hand("cloudformation").describe_stacks(StackName=STACKS[2])["Stacks"]
    stage.put("models")
    with stage.acting_as("GateCheck"):
        check.handler(event | {"StackId": serving["StackId"]}, None)


def ask_during_an_update(stage: Stage) -> None:
    stage.put("models")
    said = io.StringIO()
    with updating(stage), stage.acting_as("GateDuringUpdate"), redirect_stdout(said):
        during_update.handler({"detail": {"EndpointName": NAME}}, None)
    measured = json.loads(said.getvalue().splitlines()[-1])
    assert measured["Failed"] == 0, "every answer counts as a wrong one, and turns the update back"


STEPS = {
    "GateCheckRole": [
        Step("check the endpoint", check_the_endpoint),
        Step("let a rollback pass", let_a_rollback_pass),
        log("GateCheck"),
    ],
    "GateDuringUpdateRole": [
        Step("ask during an update", ask_during_an_update),
        log("GateDuringUpdate"),
    ],
}
