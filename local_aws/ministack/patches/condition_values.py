"""Resolve all that `Fn::Equals` compares in a template's conditions.

MiniStack resolves `Ref` of a parameter there and takes the rest as it stands: `Fn::Join`,
`Fn::Sub`, `Fn::FindInMap`, and `Ref` of AWS::Region. So the role of CloudFormation in the CDK's
bootstrap stack had a policy without a name.

Source: "Condition functions" in the CloudFormation User Guide.
"""

from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks

EQUALS = "Fn::Equals"


def apply() -> None:
    """Change MiniStack."""
    original = engine._evaluate_conditions

    def evaluate(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, bool]:
        mappings = template.get("Mappings", {})

        def resolve(expression: Any) -> Any:
            if isinstance(expression, list):
                return [resolve(one) for one in expression]
            if not isinstance(expression, Mapping):
                return expression
            if EQUALS in expression:
                return {EQUALS: [value_of(one) for one in expression[EQUALS]]}
            return {name: resolve(one) for name, one in expression.items()}

        def value_of(operand: Any) -> Any:
            if isinstance(operand, Mapping) and operand.get("Ref") in parameters:
                return operand
            stack = ("AWS::StackName", "AWS::StackId")  # unknown here
            return engine._resolve_refs(operand, {}, parameters, {}, mappings, *stack)

        conditions = resolve(template.get("Conditions", {}))
        return dict(original({**template, "Conditions": conditions}, parameters))

    engine._evaluate_conditions = evaluate
    for user in (changesets, handlers, stacks):  # they have imported it by its name
        user._evaluate_conditions = evaluate
