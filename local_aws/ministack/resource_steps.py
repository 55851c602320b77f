"""Add a step to what MiniStack's CloudFormation does with a type of resource."""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners


def after_provisioning(resource_type: str, step: Callable[[str, dict[str, Any]], None]) -> None:
    """Run `step(physical_id, properties)` after a resource is created or updated."""
    handlers = provisioners._RESOURCE_HANDLERS[resource_type]
    create, update = handlers["create"], handlers["update"]

    def create_and_step(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        made = create(logical_id, properties, stack_name)
        step(made[0], properties)
        return made

    def update_and_step(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], *names: str
    ) -> Any:
        made = update(physical_id, old, new, *names)
        step(made[0], new)
        return made

    handlers |= {"create": create_and_step, "update": update_and_step}


def before_deletion(resource_type: str, step: Callable[[str], None]) -> None:
    """Run `step(physical_id)` before a resource is deleted. If it raises, the resource stays."""
    handlers = provisioners._RESOURCE_HANDLERS[resource_type]
    delete = handlers["delete"]

    def step_and_delete(physical_id: str, properties: dict[str, Any]) -> None:
        step(physical_id)
        delete(physical_id, properties)

    handlers["delete"] = step_and_delete
