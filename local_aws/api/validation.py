"""Read requests, and check them against botocore's models of the APIs, with AWS's errors."""

import contextlib
import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from local_aws.api import s3_address
from local_aws.api.errors import ApiError, invalid

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),  # seconds since 1970
}
BITS = {"integer": 32, "long": 64}
# Java's syntax in the models' patterns, and Python's for the same.
JAVA = {
    r"\p{L}\p{Z}\p{N}_": r"\w\s",
    r"\p{Print}": r"[\x20-\x7E]",
    r"\p{Alnum}": "A-Za-z0-9",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}
FROM_STRING: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": {"true": True, "false": False}.__getitem__,
}


@functools.cache
def model(service: str) -> ServiceModel:
    """Return AWS's model of a service's API."""
    return botocore.session.get_session().get_service_model(service)


def typed(service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return `request` with the API's types; templates have numbers and booleans as strings."""
    shape = model(service).operation_model(operation).input_shape
    converted: dict[str, Any] = _typed(shape, request) if shape is not None else {}
    return converted


def _typed(shape: Shape | None, value: Any) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return {name: _typed(shape.members.get(name), item) for name, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_typed(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: _typed(shape.value, item) for key, item in value.items()}
    if shape is not None and isinstance(value, str):
        convert = FROM_STRING.get(shape.type_name)
        with contextlib.suppress(ValueError, KeyError):  # `check` reports it
            return convert(value) if convert else value
    return value


def parse(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON request; a member that is null counts as absent.

    Raises:
        ApiError: The body is no JSON object.
    """
    try:
        request = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"The request is no JSON: {error}") from None
    if not isinstance(request, dict):
        raise _unreadable(f"The request must be a JSON object, got {_kind(request)}")
    return _without_nulls(request)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _unreadable(message: str) -> ApiError:
    return ApiError("SerializationException", message)


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _cleaned(item) for name, item in value.items() if item is not None}


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_nulls(value)
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def check(service: str, operation: str, request: Mapping[str, Any]) -> None:
    """Check `request` against the model of `operation`.

    Raises:
        ApiError: It is the API's error: SerializationException for a value of another type, else
            ValidationException.
    """
    shape = model(service).operation_model(operation).input_shape
    found = list(_problems(shape, request, "")) if shape is not None else []
    if found:
        plural = "" if len(found) == 1 else "s"
        raise invalid(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not _has_type(value, shape.type_name):
        article = "an" if shape.type_name == "integer" else "a"
        raise _unreadable(
            f"{_kind(value)} can not be converted to {article} {shape.type_name} at '{path}'"
        )
    yield from _constraints(shape, value, path)
    if isinstance(shape, StructureShape):
        yield from _members(shape, value, path)
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, item, f"{path}.{key}")


def _has_type(value: Any, name: str) -> bool:
    types = PYTHON_TYPES.get(name, (object,))
    if not isinstance(value, types) or (isinstance(value, bool) and name != "boolean"):
        return False
    if isinstance(value, float):
        return math.isfinite(value)
    bound = 2 ** (BITS.get(name, 1024) - 1)
    return not isinstance(value, int) or -bound <= value < bound


def _kind(value: Any) -> str:
    """Return what AWS's errors call a JSON value."""
    if isinstance(value, bool):
        return f"{value}_VALUE".upper()
    kinds = {dict: "START_OBJECT", list: "START_ARRAY", str: "STRING_VALUE", type(None): "NULL"}
    return kinds.get(type(value), "NUMBER_VALUE")


def _members(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in sorted(value.keys() - shape.members.keys()):
        yield f"Unknown member '{name}' at '{path or shape.name}'"
    for name in shape.required_members:
        if name not in value:
            yield (
                f"Value null at '{_join(path, name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
    for name in sorted(value.keys() & shape.members.keys()):
        yield from _problems(shape.members[name], value[name], _join(path, name))


def _join(path: str, name: str) -> str:
    lower = name[0].lower() + name[1:]  # as the API's messages do
    return f"{path}.{lower}" if path else lower


def _constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    sized = isinstance(value, (str, list, dict))
    size = len(value) if sized else value
    measure = "have length" if sized else "have value"
    where = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must"
    if "min" in limits and size < limits["min"]:
        yield f"{where} {measure} greater than or equal to {limits['min']}"
    if "max" in limits and size > limits["max"]:
        yield f"{where} {measure} less than or equal to {limits['max']}"
        return  # some patterns take very long for a value of any length
    if limits.get("enum") and value not in limits["enum"]:
        yield f"{where} satisfy enum value set: [{', '.join(limits['enum'])}]"
    pattern = limits.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield f"{where} satisfy regular expression pattern: {pattern}"
    elif pattern in s3_address.PATTERNS and not s3_address.is_valid(value):
        yield f"{where} be {s3_address.ALLOWED}"


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    for java, python in JAVA.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
