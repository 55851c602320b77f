"""Templates of a synthesized app, edited before the CDK's command line deploys them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Edit = Callable[[dict[str, Any]], None]


def without(action: str, part: str) -> Edit:
    """Take `action` out of the policies of the resources whose logical id contains `part`."""

    def edit(resources: dict[str, Any]) -> None:
        removed = 0
        for name, resource in resources.items():
            properties = resource.get("Properties", {})
            policies = [properties, *properties.get("Policies", [])]
            for policy in policies if part in name else ():
                for statement in policy.get("PolicyDocument", {}).get("Statement", []):
                    actions = statement["Action"]
                    listed = [actions] if isinstance(actions, str) else actions
                    removed += action in listed
                    # A statement needs an action: one that does no harm stays in its place.
                    statement["Action"] = [a for a in listed if a != action] or [
                        "sts:GetCallerIdentity"
                    ]
        assert removed, f"no {action} in {part}"

    return edit


def change(assembly: Path, stack: str, edit: Edit) -> None:
    """Edit the resources of a stack's template, and the name under which the CLI uploads it."""
    file = assembly / f"{stack}.template.json"
    template = json.loads(file.read_text())
    edit(template["Resources"])
    file.write_text(json.dumps(template))
    manifest = json.loads((assembly / "manifest.json").read_text())
    url = manifest["artifacts"][stack]["properties"]["stackTemplateAssetObjectUrl"]
    digest = url.rsplit("/", 1)[-1].removesuffix(".json")
    for named in (assembly / "manifest.json", assembly / f"{stack}.assets.json"):
        named.write_text(named.read_text().replace(digest, digest[::-1]))
