"""Write the settings reference, docs/settings.md."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stacks.settings.schema import schema

Schema = Mapping[str, Any]

_HEAD = """\
# Settings

Settings are in `cdk.json`: those of one environment under `context.environments.NAME`, those of all
environments under `context.defaults`. `-c KEY=VALUE` sets one for a single command:
`-c owner=Search`, or with a dot for a setting in a group, `-c model.num_topics=20`.
`null`, or an empty value after `-c`, unsets a setting: it is then switched off, empty or automatic.
"""


def reference() -> str:
    """Return a page in Markdown with every setting: its default, what is allowed, what it is."""
    definitions = schema()["$defs"]
    properties = definitions["Environment"]["properties"]
    groups = {
        key: one["$ref"].rpartition("/")[2] for key, one in properties.items() if "$ref" in one
    }
    alone = {key: one for key, one in properties.items() if key not in groups}
    parts = [_HEAD, *_table("", alone)]
    for key, name in groups.items():
        group = definitions[name]
        parts += [
            f"\n## `{key}`\n\n{group['description']}\n",
            *_table(f"{key}.", group["properties"]),
        ]
    return "\n".join(parts) + "\n"


def _table(prefix: str, settings: Mapping[str, Schema]) -> Iterator[str]:
    yield "| setting | default | allowed | what it is |"
    yield "| --- | --- | --- | --- |"
    for key, one in settings.items():
        cells = (f"`{prefix}{key}`", _default(one), _allowed(one), _text(one["description"]))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(one: Schema) -> str:
    value = one.get("default")
    if value in (None, "", [], {}):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _allowed(one: Schema) -> str:
    if "anyOf" in one:
        return "; ".join(_allowed(part) for part in one["anyOf"] if part.get("type") != "null")
    if "enum" in one:
        return _listed(one["enum"])
    if "patternErrorMessage" in one:
        return str(one["patternErrorMessage"]).removeprefix("must be ")
    match one.get("type"):
        case "boolean":
            return _listed(["true", "false"])
        case "integer" | "number":
            return _numbers(one)
        case "array":
            return f"a list: {_allowed(one['items'])}"
        case "object":
            (values,) = one["patternProperties"].values()
            return f"keys of {_allowed(one['propertyNames'])}; values of {_allowed(values)}"
    return f"a text, at most {one['maxLength']} characters" if "maxLength" in one else "a text"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _numbers(one: Schema) -> str:
    most = f"to {one['maximum']:,.10g}" if "maximum" in one else ""
    if "exclusiveMinimum" in one:
        return f"above {one['exclusiveMinimum']:g} {most}".rstrip()
    words = f"{one['minimum']:,g} {most or 'or more'}"
    return f"{words}, in steps of {one['multipleOf']:,}" if "multipleOf" in one else words


def _text(description: str) -> str:
    return " ".join(description.split())
