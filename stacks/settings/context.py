"""Read the CDK's context from the same places as `cdk`.

`cdk` merges four places. A later one wins: `~/.cdk.json`, `cdk.context.json`, `cdk.json`, the
command line. Objects are merged key by key; any other value, null included, replaces the earlier
one. Source: `cli/user-configuration.ts` and `api/context.ts` of aws-cdk-cli.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

COMMAND_LINE = "command line"
OPTION = "CDK_CONTEXT"  # the variable that `cdk` reads when there is no -c

Context = dict[str, Any]


class SettingsError(ValueError):
    """Settings are wrong; the message has a line for each: its key, its value, what is allowed."""


def read_sources(env: str | None, overrides: Iterable[str]) -> dict[str, Context]:
    """Read the context of the project in the current folder, as `cdk` does.

    Args:
        env: The environment to choose; if None, the context chooses it.
        overrides: `KEY=VALUE`, as `-c` takes them.

    Returns:
        The context of each place; a later one wins.

    Raises:
        SettingsError: There is no `cdk.json`, or a file or an override is malformed.
    """
    options = [*overrides, *([] if env is None else [f"env={env}"])]
    if not options and OPTION in os.environ:
        options = [os.environ[OPTION]]
    return {
        "~/.cdk.json": _context_of(Path.home() / ".cdk.json", "~/.cdk.json"),
        "cdk.context.json": _read(Path("cdk.context.json")),
        "cdk.json": _read_project(),
        COMMAND_LINE: dict(_assignment(option) for option in options),
    }


def read_context(env: str | None, overrides: Iterable[str]) -> Context:
    """Read the merged context, as `cdk` passes it to an app; see `read_sources`."""
    return merge(read_sources(env, overrides).values())


def merge(contexts: Iterable[Mapping[str, Any]]) -> Context:
    """Merge contexts; a later one wins."""
    merged: Context = {}
    for context in contexts:
        for key, value in context.items():
            below = merged.get(key)
            if isinstance(value, Mapping):
                merged[key] = merge([below if isinstance(below, Mapping) else {}, value])
            else:
                merged[key] = value
    return merged


def _read_project() -> Context:
    file = Path("cdk.json")
    if not file.exists():
        raise SettingsError(f"{file}: no such file here; run this in the project's folder")
    if "context" not in _read(file):
        raise SettingsError(f'{file}: has no key "context"; settings stand below it')
    return _context_of(file, str(file))


def _context_of(file: Path, name: str) -> Context:
    context = _read(file).get("context", {})
    if not isinstance(context, dict):
        raise SettingsError(f"{name}: context is {context!r}; an object is needed")
    return context


def _read(file: Path) -> Context:
    try:
        found = json.loads(
            file.read_text(encoding="utf-8-sig"),
            parse_int=_number,
            parse_float=_number,
            parse_constant=_refuse,
        )
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file}: must be a JSON object ({error})") from None
    if not isinstance(found, dict):
        raise SettingsError(f"{file}: must be a JSON object")
    return found


def _number(text: str) -> float | None:
    """Return the number that `cdk` hands over: it rounds long ones, and has null for 1e999."""
    number = float(text)
    if math.isinf(number):
        return None
    # Of long integers, JavaScript writes the digits that matter, and zeros.
    return int(Decimal(repr(number))) if number.is_integer() else number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _assignment(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    if not equals:
        raise SettingsError(f"-c {option}: must have the form KEY=VALUE")
    return key, value
