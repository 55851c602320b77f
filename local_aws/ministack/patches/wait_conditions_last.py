"""Provision wait conditions, and what depends on them, after everything else.

CloudFormation starts all resources whose dependencies are met at the same time. MiniStack takes one
after the other, so a condition could wait for the signal of a resource that has not begun.

MiniStack's conditions wait for signals since https://github.com/ministackorg/ministack/pull/1656.
"""

from typing import Any

from ministack.services.cloudformation import engine, stacks


def apply() -> None:
    """Change MiniStack."""
    original = stacks._topological_sort

    def sort(resources: dict[str, Any], conditions: dict[str, Any]) -> list[str]:
        ordered: list[str] = original(resources, conditions)
        waiting: set[str] = set()
        for name in ordered:
            definition = resources[name]
            if definition.get("Type") == "AWS::CloudFormation::WaitCondition" or (
                waiting & set(engine._extract_deps(definition, set(ordered)))
            ):
                waiting.add(name)
        return [n for n in ordered if n not in waiting] + [n for n in ordered if n in waiting]

    stacks._topological_sort = sort
