"""From the CDK's context to settings: layers, of which a later one wins."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stacks.settings.contradictions import contradictions
from stacks.settings.model import Settings

CDK = Path("cdk.json")
DEFAULT_ENVIRONMENT = "dev"
RESERVED = {"env", "environments", "defaults"}
SETTING = re.compile(r"\w+(\.[\w-]+)*")
BUILT_IN = "built in"


class SettingsError(ValueError):
    """A setting is wrong; the message has a line for each: the key, the value, what is allowed."""


@dataclass(frozen=True)
class Layer:
    """Values as one place gives them, groups nested."""

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Effective:
    """A setting as it takes effect; `key` is dotted."""

    key: str
    value: Any
    origin: str


def read_context(env: str | None, overrides: Iterable[str]) -> dict[str, Any]:
    """The CDK's context as `cdk -c` makes it of the `cdk.json` here.

    Raises:
        SettingsError: There is no `cdk.json`, or it or an override has not the form it must have.
    """
    try:
        context = dict(json.loads(CDK.read_text(encoding="utf-8"))["context"])
    except OSError as error:
        raise SettingsError(f"{CDK}: {error.strerror}; this runs in the project's folder") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(f"{CDK}: must be a JSON object with a `context` ({error})") from None
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise SettingsError(f"-c {override}: must have the form KEY=VALUE")
        context[key] = value
    return context if env is None else context | {"env": env}


def load(context: Mapping[str, Any]) -> Settings:
    """The settings of the environment that the CDK `context` chooses.

    Raises:
        SettingsError: The environment is not declared, a key or value is not allowed, or values
            contradict each other or another environment's.
    """
    env = _chosen(context)
    try:
        settings = Settings.model_validate(_merged(_layers(context, env)) | {"env": env})
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem) for problem in error.errors())) from None
    if found := [*contradictions(settings), *_namesakes(context, settings)]:
        raise SettingsError("\n".join(found))
    return settings


def effective(context: Mapping[str, Any]) -> list[Effective]:
    """Every setting of the chosen environment, with the place that its value comes from.

    Raises:
        SettingsError: As `load` does.
    """
    settings = load(context)
    origins = {"env": "command line" if "env" in context else BUILT_IN}
    for layer in _layers(context, settings.env):
        origins |= dict.fromkeys(dict(_flat(layer.values)), layer.origin)
    values = _flat(settings.model_dump(mode="json"))
    return [Effective(key, value, origins.get(key, BUILT_IN)) for key, value in values]


def _chosen(context: Mapping[str, Any]) -> str:
    environments = context.get("environments", {})
    env = context.get("env", DEFAULT_ENVIRONMENT)
    if not isinstance(environments, Mapping):
        raise SettingsError(f"environments is {environments!r}; an object is needed")
    if not isinstance(env, str) or env not in environments:
        declared = ", ".join(sorted(environments)) or "none"
        raise SettingsError(f"env is {env!r}; cdk.json's context.environments declares: {declared}")
    return env


def _layers(context: Mapping[str, Any], env: str) -> list[Layer]:
    """What is said of the settings of `env`, the most general first."""
    given = {
        "defaults": context.get("defaults", {}),
        f"environments.{env}": context["environments"][env],
    }
    for origin, values in given.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"{origin} is {values!r}; an object is needed")
    layers = [Layer(origin, values) for origin, values in given.items()]
    # A group before what is in it.
    overrides = [Layer("command line", _nested(*item)) for item in sorted(_overrides(context))]
    return layers + overrides


def _overrides(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What `-c` said of settings: the CDK's own keys all have a `:`, a `/` or a `-` in them."""
    return ((k, v) for k, v in context.items() if k not in RESERVED and SETTING.fullmatch(k))


def _nested(key: str, value: Any) -> dict[str, Any]:
    group, _, name = key.partition(".")
    return {group: {name: value}} if name else {group: value}


def _merged(layers: Iterable[Layer]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.values.items():
            below = merged.get(key)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[key] = {**below, **value}
            else:
                merged[key] = value
    return merged


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings are in groups at most: `key` or `group.key`."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def _namesakes(context: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """Environments that would have this one's names: project and name run together."""
    for other in context["environments"]:
        project = _merged(_layers(context, other)).get("project", settings.project)
        if other != settings.env and f"{project}-{other}" == settings.name:
            yield (
                f"project is {settings.project!r} and env is {settings.env!r}; together they are "
                f"the name {settings.name!r}, which environments.{other} has as well"
            )


def _explain(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        group = Settings.model_fields.get(str(problem["loc"][0]))
        model: Any = group.annotation if group and len(problem["loc"]) > 1 else Settings
        return f"{key} is not a setting; these are: {', '.join(model.model_fields)}"
    return f"{key} is {problem['input']!r}; {problem['msg'].removeprefix('Input ')}"
