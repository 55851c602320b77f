"""Provision what waits for others after everything else, and what depends on it after it.

CloudFormation starts all resources whose dependencies are met at the same time. MiniStack takes one
after the other, by name, and waits for each. So the function of a custom resource could run before
the policy of its role is there, and a wait condition could wait for the signal of a resource that
has not begun.

MiniStack's conditions wait for signals since https://github.com/ministackorg/ministack/pull/1656.
"""

from typing import Any

from ministack.services.cloudformation import engine, stacks


def apply() -> None:
    """Change MiniStack."""
    original = stacks._topological_sort

    def sort(resources: dict[str, Any], conditions: dict[str, Any]) -> list[str]:
        ordered: list[str] = original(resources, conditions)
        turns: dict[str, int] = {}
        for name in ordered:
            definition = resources[name]
            needed = engine._extract_deps(definition, set(ordered)) - {name}
            turns[name] = max([_turn(definition.get("Type", "")), *(turns[n] for n in needed)])
        return sorted(ordered, key=turns.__getitem__)

    stacks._topological_sort = sort


def _turn(resource_type: str) -> int:
    """Return 0 for what is ready at once, 1 for what calls a function, 2 for what awaits a signal.

    A nested stack may have custom resources.
    """
    if resource_type == "AWS::CloudFormation::WaitCondition":
        return 2
    calls = ("AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Stack")
    return int(resource_type in calls or resource_type.startswith("Custom::"))
