"""Delays and rules of AWS that can be switched, each with its source.

Those that cost no time are on from the start. `python -m local_aws switch` shows and sets them in
the running instance.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """A behaviour of AWS that can be switched.

    Attributes:
        what: What AWS does.
        source: The document that says so.
        seconds: The delay at the start; 0 is off. Where there is no delay, 1 is on.
    """

    what: str
    source: str
    seconds: float


SWITCHES = {
    "exports.in-use": Switch(
        "an update that drops or changes an export fails while another stack imports it",
        "CloudFormation User Guide, 'Get exported outputs from a deployed stack'",
        1,
    ),
    "endpoint.late-log": Switch(
        "containers of a deleted endpoint write a last line, and create the log group again if the "
        "execution role may",
        "https://github.com/apache/airflow/pull/29581",
        1,
    ),
    "endpoint.creating": Switch(
        "an endpoint can't be deleted while it is being created",
        "https://github.com/aws/amazon-sagemaker-examples/issues/3432",
        1,
    ),
    "vpc.interfaces": Switch(
        "SageMaker deletes network interfaces in a VPC some time after their instances, and only "
        "if the execution role still exists",
        "API reference of DeleteEndpoint; https://github.com/hashicorp/terraform-provider-aws/"
        "issues/34397",
        2,
    ),
    "vpc.groups": Switch(
        "a security group can't be deleted while a network interface has it",
        "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1327",
        1,
    ),
    "tags.linger": Switch(
        "the Resource Groups Tagging API goes on listing deleted resources",
        "API reference of GetResources; https://github.com/boto/boto3/issues/3341",
        600,
    ),
    "alarms.keep-state": Switch(
        "an alarm keeps its state when it is changed",
        "API reference of PutMetricAlarm",
        1,
    ),
    "oidc.one-a-url": Switch(
        "an account can have only one OIDC provider for a URL",
        "API reference of CreateOpenIDConnectProvider",
        1,
    ),
    "iam.young": Switch(
        "a change of a role's policies takes effect some time later",
        "IAM User Guide, 'Changes that I make are not always immediately visible'",
        0,
    ),
}

_set: dict[str, float] = {}


def seconds(name: str) -> float:
    """Return the delay of a behaviour in seconds; 0 if it is off."""
    return _set.get(name, SWITCHES[name].seconds)


def turn(name: str, seconds: float) -> None:
    """Set the delay of a behaviour in seconds; 0 switches it off."""
    _set[name] = seconds


def reset() -> None:
    """Set all switches to their state at the start."""
    _set.clear()


def state() -> dict[str, float]:
    """Return the seconds of each switch."""
    return {name: seconds(name) for name in SWITCHES}
