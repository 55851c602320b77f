"""Answer the List operations of all kinds of resources: filters, order and pages.

Source: the List operations in the Amazon SageMaker API reference.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import ListShape

from local_aws.api import pages, validation

SERVICE = "sagemaker"
PAGE = 10
# Filters by what nothing here has: warm pools and training plans.
NOTHING_HAS = {"WarmPoolStatusEquals", "TrainingPlanArnEquals"}


def listed(
    kind: str, request: Mapping[str, Any], resources: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the answer to a List operation: a page of what the request selects, newest first.

    Args:
        kind: `TrainingJob`, `Model` and so on, as in the names of the operation and its members.
        request: What the operation was asked.
        resources: All resources of the kind, as Describe answers them.

    Raises:
        ApiError: The request's NextToken is unknown.
    """
    operation = f"List{kind}s"
    output: Any = validation.model(SERVICE).operation_model(operation).output_shape
    ((member, shape),) = [
        (name, shape) for name, shape in output.members.items() if isinstance(shape, ListShape)
    ]
    summary: Any = shape.member
    summaries = [{name: one[name] for name in summary.members if name in one} for one in resources]
    name, status = f"{kind}Name", f"{kind}Status"
    wanted = request.get("StatusEquals")
    # AWS cuts the list of training jobs into pages of MaxResults first, and then looks at the
    # status. So a page may be empty, and others follow.
    late = kind == "TrainingJob" and "MaxResults" in request
    selected = [
        one
        for one in summaries
        if _matches(one, name, request) and (late or wanted in (None, one.get(status)))
    ]
    sort = {"Name": name, "Status": status}.get(request.get("SortBy", ""), "CreationTime")
    found, further = pages.cut(
        SERVICE,
        operation,
        request,
        selected,
        lambda one: (one[sort], one[name]),
        size=PAGE,
        descending=request.get("SortOrder") != "Ascending",
    )
    return {member: [one for one in found if wanted in (None, one.get(status))], **further}


def _matches(one: Mapping[str, Any], name: str, request: Mapping[str, Any]) -> bool:
    return (
        request.get("NameContains", "") in one[name]
        and not request.keys() & NOTHING_HAS
        and _within(one, "CreationTime", request)
        and _within(one, "LastModifiedTime", request)
    )


def _within(one: Mapping[str, Any], time: str, request: Mapping[str, Any]) -> bool:
    after, before = request.get(f"{time}After", -math.inf), request.get(f"{time}Before", math.inf)
    return bool(after <= one.get(time, one["CreationTime"]) < before)
