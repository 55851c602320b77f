"""Fail an update that drops or changes an export which another stack imports.

MiniStack checks only when a stack is deleted, and keeps an export that a template has dropped.
The switch is `exports.in-use`.
"""

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers as requests
from ministack.services.cloudformation import stacks

from local_aws import switches


def apply() -> None:
    """Change MiniStack."""
    original = stacks._resolve_stack_outputs

    def resolve(*arguments: Any) -> tuple[list[Any], dict[str, dict[str, str]]]:
        outputs, exports = original(*arguments)
        stack_name, stack_id = arguments[-2:]
        for name, old in list(cloudformation._exports.items()):
            if old["StackId"] != stack_id or exports.get(name, {}).get("Value") == old["Value"]:
                continue
            importing = _importing(name, stack_name)
            if importing and switches.seconds("exports.in-use"):
                what = "Cannot update export" if name in exports else "Export"
                rest = "" if name in exports else " cannot be deleted"
                tail = f" as it is in use by {', '.join(importing)}"
                raise ValueError(f"{what} {name}{rest}{tail}")
            del cloudformation._exports[name]
        return outputs, exports

    stacks._resolve_stack_outputs = resolve


def _importing(export: str, own: str) -> list[str]:
    """Return the names of the stacks that import an export of the stack `own`."""
    return [
        name
        for name, stack in cloudformation._stacks.items()
        if name != own
        and not str(stack.get("StackStatus")).startswith("DELETE_COMPLETE")
        and export in requests._imported_export_names(stack, name)
    ]
