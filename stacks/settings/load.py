"""Turn the CDK's context into settings: layers, where a later one wins."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from stacks.settings.context import COMMAND_LINE, SettingsError, merge
from stacks.settings.contradictions import contradictions
from stacks.settings.keys import GROUPS, RESERVED, explain_unknown, is_of_the_cdk, unknown_keys
from stacks.settings.model import Settings

DEFAULT_ENVIRONMENT = "dev"
BUILT_IN = "built in"
OBJECTS = 2  # the first two layers are objects of cdk.json: the defaults and the environment
REPEATED = re.compile(r"^Value error, |^(Input|String|Tuple) ")  # how pydantic begins a message


@dataclass(frozen=True)
class Layer:
    """The values that one place sets, groups nested."""

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Effective:
    """A setting in effect, and the place that sets it; `key` is dotted."""

    key: str
    value: Any
    origin: str


def load(context: Mapping[str, Any]) -> Settings:
    """Return the settings of the environment that the CDK `context` chooses.

    Raises:
        SettingsError: The environment is not declared, a key or value is not allowed, or values
            contradict each other or another environment's.
    """
    _refuse(
        explain_unknown(unknown if key in GROUPS else key, in_object=key in GROUPS)
        for key, value in _overrides(context).items()
        for unknown in unknown_keys(_nested(key, value))
    )
    env = _chosen(context)
    layers = _layers(context, env)
    _refuse(
        f"{layer.origin}: {explain_unknown(key, in_object=True)}"
        for layer in layers[:OBJECTS]
        for key in unknown_keys(layer.values)
    )
    try:
        settings = Settings.model_validate(_merged(layers) | {"env": env})
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem) for problem in error.errors())) from None
    _refuse([*contradictions(settings), *_name_conflicts(context, settings)])
    return settings


def effective(sources: Mapping[str, Mapping[str, Any]]) -> list[Effective]:
    """Return every setting of the chosen environment, with the place its value comes from.

    Args:
        sources: The context of each place; a later one wins.

    Raises:
        SettingsError: See `load`.
    """
    context = merge(sources.values())
    settings = load(context)
    places = {key: origin for origin, given in sources.items() for key in given}
    origins = {"env": places.get("env", BUILT_IN)}
    for layer in _layers(context, settings.env, places):
        origins |= dict.fromkeys(dict(_flat(layer.values)), layer.origin)
    values = _flat(settings.model_dump(mode="json"))
    return [Effective(key, value, origins.get(key, BUILT_IN)) for key, value in values]


def _chosen(context: Mapping[str, Any]) -> str:
    environments = context.get("environments", {})
    env = context.get("env", DEFAULT_ENVIRONMENT)
    if not isinstance(environments, Mapping):
        raise SettingsError(f"environments is {_shown(environments)}; an object is needed")
    if not isinstance(env, str) or env not in environments:
        declared = ", ".join(sorted(environments)) or "none"
        raise SettingsError(
            f"env is {_shown(env)}; cdk.json's context.environments declares: {declared}"
        )
    return env


def _layers(
    context: Mapping[str, Any], env: str, places: Mapping[str, str] | None = None
) -> list[Layer]:
    """Return the layers of settings of `env`, the most general first.

    `places` says where each key of the context comes from; by default, from the command line.
    """
    given = {
        "defaults": context.get("defaults", {}),
        f"environments.{env}": context["environments"][env],
    }
    for origin, values in given.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"{origin} is {_shown(values)}; an object is needed")
    layers = [Layer(origin, values) for origin, values in given.items()]
    # Sorted, so that a whole group comes before one setting of it.
    overrides = [
        Layer((places or {}).get(key, COMMAND_LINE), _nested(key, value))
        for key, value in sorted(_overrides(context).items())
    ]
    return layers + overrides


def _overrides(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings at the top of the context: every key there that is not the CDK's."""
    return {k: v for k, v in context.items() if k not in RESERVED and not is_of_the_cdk(k)}


def _refuse(problems: Iterable[str]) -> None:
    if found := [*problems]:
        raise SettingsError("\n".join(found))


def _nested(key: str, value: Any) -> dict[str, Any]:
    group, _, name = key.partition(".")
    return {group: {name: value}} if name else {group: value}


def _merged(layers: list[Layer]) -> dict[str, Any]:
    return merge(layer.values for layer in layers)


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each setting as `key` or `group.key`; groups are one level deep."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def _name_conflicts(context: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """Yield a line for each environment that would name its resources as this one does."""
    for other in context["environments"]:
        project = _merged(_layers(context, other)).get("project", settings.project)
        if other != settings.env and f"{project}-{other}" == settings.name:
            yield (
                f"project is {settings.project!r} and env is {settings.env!r}; together they make "
                f"the name {settings.name!r}, which environments.{other} also makes: change one"
            )


def _explain(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    value = _shown(problem["input"])
    if problem["type"] in {"model_type", "dict_type"}:
        return f"{key} is {value}; an object is needed"
    if problem["type"] == "tuple_type":
        return f"{key} is {value}; a list is needed"
    return f"{key} is {value}; {REPEATED.sub('', problem['msg'])}"


def _shown(value: Any) -> str:
    """Write a value as JSON writes it, where Python has another word for it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
