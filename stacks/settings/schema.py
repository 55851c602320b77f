"""A JSON Schema of `cdk.json`, with which editors complete and check settings."""

from typing import Any

from stacks.settings.model import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema; keys of `cdk.json` that are not settings may be anything."""
    environment = Settings.model_json_schema(ref_template="#/$defs/{model}")
    definitions = environment.pop("$defs")
    # An environment's name is its key in `environments`, not a setting in it.
    del environment["properties"]["env"], environment["required"]
    environment["title"] = "Environment"
    reference = {"$ref": "#/$defs/Environment"}
    return {
        "$schema": DIALECT,
        "title": "cdk.json of a topic model",
        "type": "object",
        "properties": {
            "context": {
                "type": "object",
                "properties": {
                    "defaults": {
                        **reference,
                        "description": "Settings that all environments share.",
                    },
                    "environments": {
                        "type": "object",
                        "propertyNames": {"pattern": _name_pattern()},
                        "additionalProperties": reference,
                    },
                },
            }
        },
        "$defs": {"Environment": environment, **definitions},
    }


def _name_pattern() -> str:
    return str(Settings.model_json_schema()["properties"]["env"]["pattern"])
