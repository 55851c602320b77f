"""Errors as AWS's APIs report them."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A request that a service rejects.

    Attributes:
        code: The error code of the API, for instance `ValidationException`.
        message: What clients show.
        status: The HTTP status.
        extra: Further members of the error, as the API's model has them.
    """

    def __init__(
        self, code: str, message: str, status: int = 400, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = dict(extra or {})


def unknown_operation(name: str) -> ApiError:
    """Return the error for an operation that the embedded AWS does not have."""
    return ApiError("UnknownOperationException", f"{name} is not offered here.")


def invalid(message: str) -> ApiError:
    """Return the error for most bad requests; SageMaker also gives it for unknown names."""
    return ApiError("ValidationException", message)
