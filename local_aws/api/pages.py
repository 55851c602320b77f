"""Cut a list into pages, with tokens that say where the next page begins."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from local_aws.api import validation
from local_aws.api.errors import ApiError, invalid

T = TypeVar("T")
Key = tuple[Any, ...]  # of strings and numbers


def cut(
    service: str,
    operation: str,
    request: Mapping[str, Any],
    items: Iterable[T],
    key: Callable[[T], Key],
    *,
    size: int,
    descending: bool = False,
) -> tuple[list[T], dict[str, str]]:
    """Return the page that a request asks for, and the member NextToken if there are more.

    A token holds the key of its page's last item. So nothing is left out and nothing comes twice
    when items are made or deleted between two requests.

    Args:
        service: The API that has the operation, in botocore's words.
        operation: The operation.
        request: May have the members NextToken and MaxResults.
        items: All items that the request selects.
        key: Gives each item a key of its own; items are sorted by it.
        size: The number of items in a page if the request has no MaxResults.
        descending: Whether the item with the largest key comes first.

    Raises:
        ApiError: The NextToken is of no answer to such a request, or MaxResults is less than 1.
    """
    most = request.get("MaxResults", size)
    if most < 1:  # not all models have this limit
        raise invalid(f"MaxResults must be at least 1, got {most}.")
    query = _digest(operation, request)
    ordered = sorted(items, key=key, reverse=descending)
    if token := request.get("NextToken"):
        last = _read(token, query)
        if last is None:
            raise _unknown(service, operation, token)
        ordered = [
            item for item in ordered if (key(item) < last) == descending and key(item) != last
        ]
    found = ordered[:most]
    further = {"NextToken": _token(query, key(found[-1]))} if len(found) < len(ordered) else {}
    return found, further


def _digest(operation: str, request: Mapping[str, Any]) -> str:
    """Return what is the same for all pages of a list."""
    selects = {k: v for k, v in request.items() if k not in ("NextToken", "MaxResults")}
    return hashlib.sha256(json.dumps([operation, selects], sort_keys=True).encode()).hexdigest()


def _token(query: str, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([query, *key]).encode()).decode()


def _read(token: str, query: str) -> Key | None:
    """Return the key in a token, or None if the token is of another list."""
    try:
        match json.loads(base64.urlsafe_b64decode(token)):
            case [str(of), *key] if of == query:
                return tuple(key)
    except (ValueError, RecursionError):
        pass
    return None


def _unknown(service: str, operation: str, token: str) -> ApiError:
    """Return the error that the API has for such tokens."""
    errors = validation.model(service).operation_model(operation).error_shapes
    code = next((error.name for error in errors if "Token" in error.name), "ValidationException")
    return ApiError(
        code,
        f"Invalid pagination token {token!r}: NextToken must be that of an answer to the same "
        "request.",
    )
