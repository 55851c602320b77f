"""Which keys of the CDK's context are settings, which are the CDK's own, and which are mistakes."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from stacks.settings.model import Settings

RESERVED = {"env", "environments", "defaults"}
FREE = "tags"  # a group whose keys are the user's
# Feature flags are named after a package; what a lookup found has a `=` in its key.
CDK_KEY = re.compile(r"aws:.+|@[\w-]+/[\w.-]+[.:][\w-]+|[a-z-]+:[^=]+=.*", re.ASCII)
CDK_KEYS = {
    "acknowledged-issue-numbers",
    "assets-ecr-repository-name",
    "aws-cdk:enableDiffNoFail",
    "cli-telemetry",
}
RENAMED = {"corpus": "prepared"}
# Of a mistake, how alike a name must be to be meant.
ALIKE = 0.75

NAMES = [name for name in Settings.model_fields if name != "env"]
GROUPS: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
KEYS = [
    key
    for name in NAMES
    for key in (
        [f"{name}.{inner}" for inner in GROUPS[name].model_fields] if name in GROUPS else [name]
    )
]


def is_of_the_cdk(key: str) -> bool:
    """Whether the CDK, or a library of it, reads `key`."""
    return key in CDK_KEYS or CDK_KEY.fullmatch(key) is not None


def unknown_keys(values: Mapping[str, Any]) -> Iterator[str]:
    """The keys of nested `values` that are no setting; dotted if they are in a group."""
    for key, value in values.items():
        if key not in NAMES:
            yield key
        elif isinstance(value, Mapping) and key != FREE:
            known = GROUPS[key].model_fields if key in GROUPS else {}
            yield from (f"{key}.{name}" for name in value if name not in known)


def explain_unknown(key: str, *, in_object: bool) -> str:
    """Say that `key` is no setting, and what may be meant.

    Args:
        key: The unknown key.
        in_object: It is of an object of `cdk.json`, where groups are objects too.
    """
    if in_object and key in KEYS:
        return f'"{key}" is written as a group here: {_written(key, in_object=True)}'
    if key in RENAMED:
        return f"{key} is not a setting; it is called {RENAMED[key]} now"
    shown = key if re.fullmatch(r"[\w.-]+", key) else repr(key)
    candidates = KEYS if in_object else [*sorted(RESERVED), *KEYS]
    if near := _nearest(key, candidates):
        meant = _either([_written(one, in_object=in_object) for one in near])
        return f"{shown} is not a setting; did you mean {meant}?"
    group, _, name = key.partition(".")
    known = GROUPS[group].model_fields if name and group in GROUPS else NAMES
    return f"{shown} is not a setting; these are: {', '.join(known)}"


def _nearest(key: str, candidates: list[str]) -> list[str]:
    """Up to three candidates that `key` may be meant for, the nearest first.

    A setting of a group may be meant by its last name alone, if that is no other's whole name.
    """
    whole = {_letters(candidate): [candidate] for candidate in candidates}
    last: dict[str, list[str]] = {}
    for candidate in candidates:
        last.setdefault(_letters(candidate.rpartition(".")[2]), []).append(candidate)
    by_letters = last | whole
    letters = _letters(key)
    if letters in by_letters:
        return by_letters[letters][:3]
    found = difflib.get_close_matches(letters, by_letters, n=3, cutoff=ALIKE)
    return list(dict.fromkeys(one for name in found for one in by_letters[name]))[:3]


def _written(key: str, *, in_object: bool) -> str:
    """A setting as it stands in an object of `cdk.json`, or after `-c`."""
    group, _, name = key.partition(".")
    return f'"{group}": {{"{name}": ...}}' if in_object and name else key


def _either(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _letters(key: str) -> str:
    return re.sub(r"[\W_]", "", key.lower())
