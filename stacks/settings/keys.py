"""Tell the keys of the CDK's context apart: settings, the CDK's own keys, and mistakes."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from stacks.settings.model import Settings

RESERVED = {"env", "environments", "defaults"}
FREE = "tags"  # a group whose keys are the user's
# A feature flag is named after a package; the key of a lookup's result contains a `=`.
CDK_KEY = re.compile(r"aws:.+|@[\w-]+/[\w-]+[.:][\w.:-]+|[a-z-]+:[^=]+=.*", re.ASCII | re.DOTALL)
CDK_KEYS = {
    "acknowledged-issue-numbers",
    "assets-ecr-repository-name",
    "aws-cdk:enableDiffNoFail",
    "cli-telemetry",
}
RENAMED = {"corpus": "prepared"}
ALIKE = 0.75  # how similar a setting must be to a mistyped key to be suggested, from 0 to 1

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
    """Whether the CDK or one of its libraries reads `key`."""
    return key in CDK_KEYS or CDK_KEY.fullmatch(key) is not None


def unknown_keys(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of nested `values` that are not settings; dotted if they are in a group."""
    for key, value in values.items():
        if key not in NAMES:
            yield key
        elif isinstance(value, Mapping) and key != FREE:
            known = GROUPS[key].model_fields if key in GROUPS else {}
            yield from (f"{key}.{name}" for name in value if name not in known)


def explain_unknown(key: str, *, in_object: bool) -> str:
    """Return a line that says that `key` is not a setting, and what may be meant.

    Args:
        key: The unknown key.
        in_object: The key is in an object of `cdk.json`, where groups are objects too.
    """
    if in_object and key in KEYS:
        return f'"{key}" is written as a group here: {_written(key, in_object=True)}'
    if key in RENAMED:
        return f"{key} is not a setting; it is now called {RENAMED[key]}"
    # ASCII, as in all settings: some letters of other scripts look like Latin ones.
    shown = key if re.fullmatch(r"[\w.-]+", key, re.ASCII) else ascii(key)
    candidates = KEYS if in_object else [*sorted(RESERVED), *KEYS]
    if near := _nearest(key, candidates):
        meant = _either([_written(one, in_object=in_object) for one in near])
        return f"{shown} is not a setting; did you mean {meant}?"
    group, _, name = key.partition(".")
    known = GROUPS[group].model_fields if name and group in GROUPS else NAMES
    return f"{shown} is not a setting; these are: {', '.join(known)}"


def _nearest(key: str, candidates: list[str]) -> list[str]:
    """Return up to three candidates that `key` may mean, the nearest first.

    The last part of a dotted name is enough, unless it is another setting's whole name.
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
    """Write a setting as in an object of `cdk.json`, or as after `-c`."""
    group, _, name = key.partition(".")
    return f'"{group}": {{"{name}": ...}}' if in_object and name else key


def _either(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _letters(key: str) -> str:
    return re.sub(r"[\W_]", "", key.lower())
