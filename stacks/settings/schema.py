"""A JSON Schema of `cdk.json`, by which editors complete and check environments."""

from typing import Any

from stacks.settings.model import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema; what is not about settings is left free."""
    environment = Settings.model_json_schema(ref_template="#/$defs/{model}")
    definitions = environment.pop("$defs")
    # Its name is the key that it stands under.
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
                    "defaults": {**reference, "description": "What all environments share."},
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
