"""What AWS does late, lingeringly or only sometimes: each a switch, with who says so.

What costs no time is on from the start. `python -m local_aws switch` shows and sets them in the
running instance.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """A behaviour of AWS that can be switched.

    Attributes:
        what: What AWS does.
        source: Where that is said.
        seconds: How long it takes, from the start; 0 is off, and 1 is on where no time is meant.
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
        "a deleted endpoint's containers write a last line, and bring back the log group if the "
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
        "interfaces in a VPC go some time after what used them, and only if the execution role is "
        "there to delete them",
        "API reference of DeleteEndpoint; https://github.com/hashicorp/terraform-provider-aws/"
        "issues/34397",
        2,
    ),
    "vpc.groups": Switch(
        "a security group is not deleted while an interface has it",
        "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1327",
        1,
    ),
    "tags.linger": Switch(
        "the Resource Groups Tagging API goes on listing what is gone",
        "API reference of GetResources; https://github.com/boto/boto3/issues/3341",
        600,
    ),
    "iam.young": Switch(
        "what changed in a role's policies counts some time later",
        "IAM User Guide, 'Changes that I make are not always immediately visible'",
        0,
    ),
}

_set: dict[str, float] = {}


def seconds(name: str) -> float:
    """How long the behaviour takes; 0 when it is off."""
    return _set.get(name, SWITCHES[name].seconds)


def turn(name: str, seconds: float) -> None:
    """Switch a behaviour on for so many seconds, or off with 0."""
    _set[name] = seconds


def reset() -> None:
    """Set all switches as they were at the start."""
    _set.clear()


def state() -> dict[str, float]:
    """The seconds of each switch."""
    return {name: seconds(name) for name in SWITCHES}
