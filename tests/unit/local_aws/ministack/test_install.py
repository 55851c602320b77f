"""What a service answers when it raises an error."""

import json
from typing import Any

import pytest

from local_aws.api.errors import ApiError
from local_aws.ministack import install


class Service:
    """A service that raises an error for each request."""

    NAME = "broken"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def answer(self, *_: Any) -> Any:
        raise self.error


def answered(error: Exception) -> tuple[int, dict[str, Any]]:
    service: Any = Service(error)
    status, _, body = install._answer(service)
    return status, json.loads(body)


def test_an_error_nobody_thought_of_is_no_server_error_and_no_bare_key() -> None:
    """A client would send the request again and again."""
    status, answer = answered(KeyError("PrimaryContainer"))
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["message"].startswith("This request is not offered here (KeyError: 'PrimaryCont")


def test_an_error_of_the_api_is_answered_as_it_is() -> None:
    status, answer = answered(ApiError("ThrottlingException", "Rate exceeded", 429))
    assert (status, answer["__type"], answer["message"]) == (
        429,
        "ThrottlingException",
        "Rate exceeded",
    )


def test_a_resource_fails_with_a_sentence_and_its_own_errors_stay() -> None:
    def create(error: Exception) -> None:
        raise error

    explained = install._explained(create)
    with pytest.raises(ValueError, match=r"not offered here \(KeyError: 'Image'\)"):
        explained(KeyError("Image"))
    with pytest.raises(ApiError, match="refused"):
        explained(ApiError("ValidationException", "refused"))
