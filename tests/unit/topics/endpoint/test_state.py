"""What is said about an endpoint that does not answer, and which model one runs."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from topics.endpoint.state import EndpointError, model_address, why_not_found


def aws_error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "It")


MISSING = aws_error("ValidationException", 'Could not find endpoint "arn:aws:...:endpoint/it".')
DENIED = aws_error("AccessDeniedException", "User: me is not authorized")
NO_STACK = aws_error("ValidationError", "Stack with id it-serving does not exist")


class FakeClient:
    """Answers each operation with what it is given, or raises it."""

    meta = SimpleNamespace(region_name="eu-west-1")

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def __getattr__(self, operation: str) -> Any:
        def answer(**_: str) -> Any:
            given = self.answers[operation]
            if isinstance(given, Exception):
                raise given
            return given

        return answer


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = {}
    monkeypatch.setattr(boto3, "client", lambda _, **__: FakeClient(given))
    return given


@pytest.mark.parametrize(
    ("endpoint", "stack", "message"),
    [
        (
            MISSING,
            NO_STACK,
            (
                "there is no endpoint 'it' in eu-west-1;"
                " the output EndpointName of a deployment is its name"
            ),
        ),
        (
            MISSING,
            "UPDATE_COMPLETE",
            (
                "the endpoint 'it' is asleep: its stack it-serving is there without it;"
                " a deployment with endpoint.enabled=true wakes it"
            ),
        ),
        (
            MISSING,
            "ROLLBACK_COMPLETE",
            "there is no endpoint 'it' in eu-west-1; its stack it-serving is ROLLBACK_COMPLETE",
        ),
        (
            MISSING,
            "DELETE_IN_PROGRESS",
            "there is no endpoint 'it' in eu-west-1; its stack it-serving is DELETE_IN_PROGRESS",
        ),
        (DENIED, NO_STACK, "there is no endpoint 'it' in eu-west-1, or it is asleep"),
        (
            "Creating",
            "CREATE_IN_PROGRESS",
            "the endpoint 'it' is Creating; ask again when it is InService",
        ),
        (
            "Updating",
            "UPDATE_IN_PROGRESS",
            "the endpoint 'it' is Updating; ask again when it is InService",
        ),
        ("Failed", "CREATE_FAILED", "the endpoint 'it' has failed: no ping"),
    ],
)
def test_the_reason_is_told(
    endpoint: ClientError | str,
    stack: ClientError | str,
    message: str,
    answers: dict[str, Any],
) -> None:
    described = {"EndpointStatus": endpoint, "FailureReason": "no ping"}
    answers["describe_endpoint"] = endpoint if isinstance(endpoint, ClientError) else described
    found = {"Stacks": [{"StackStatus": stack}]}
    answers["describe_stacks"] = stack if isinstance(stack, ClientError) else found
    assert why_not_found("it") == message


def test_without_credentials_there_is_still_a_line(answers: dict[str, Any]) -> None:
    answers["describe_endpoint"] = NoCredentialsError()
    assert why_not_found("it") == "there is no endpoint 'it': Unable to locate credentials"


def test_the_model_of_an_endpoint_is_that_of_its_configuration(answers: dict[str, Any]) -> None:
    answers |= {
        "describe_endpoint": {"EndpointConfigName": "config"},
        "describe_endpoint_config": {"ProductionVariants": [{"ModelName": "model"}]},
        "describe_model": {"PrimaryContainer": {"ModelDataUrl": "s3://bucket/model.tar.gz"}},
    }
    assert model_address("it") == "s3://bucket/model.tar.gz"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MISSING, "^there is no endpoint 'it' in eu-west-1;"),
        (DENIED, "^the model of the endpoint 'it': AccessDeniedException: User: me is not auth"),
        (NoCredentialsError(), "^the endpoint 'it' can't be reached: Unable to locate cred"),
    ],
)
def test_a_model_that_can_not_be_looked_up_is_an_error(
    error: Exception, message: str, answers: dict[str, Any]
) -> None:
    answers |= {"describe_endpoint": error, "describe_stacks": NO_STACK}
    with pytest.raises(EndpointError, match=message):
        model_address("it")
