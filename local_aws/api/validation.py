"""Check requests against botocore's models of the APIs, with AWS's error messages."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from local_aws.api.errors import invalid

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
    "timestamp": (int, float, str),
}
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


def check(service: str, operation: str, request: Mapping[str, Any]) -> None:
    """Raise the API's ValidationException if `request` breaks the model of `operation`."""
    shape = model(service).operation_model(operation).input_shape
    found = list(_problems(shape, request, "")) if shape is not None else []
    if found:
        plural = "" if len(found) == 1 else "s"
        raise invalid(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not _has_type(value, shape.type_name):
        yield f"Value at '{path}' failed to satisfy constraint: Member must be a {shape.type_name}"
        return
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
    return isinstance(value, types) and (name == "boolean" or not isinstance(value, bool))


def _members(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in value.keys() - shape.members.keys():
        yield f"Unknown member '{name}' at '{path or shape.name}'"
    for name in shape.required_members:
        if name not in value:
            yield (
                f"Value null at '{_join(path, name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
    for name in value.keys() & shape.members.keys():
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
    if limits.get("enum") and value not in limits["enum"]:
        yield f"{where} satisfy enum value set: [{', '.join(limits['enum'])}]"
    if (pattern := limits.get("pattern")) and not _pattern(pattern).fullmatch(value):
        yield f"{where} satisfy regular expression pattern: {pattern}"


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    for java, python in JAVA.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
