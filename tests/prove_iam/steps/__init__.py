"""The steps of the flow, by principal: one module for those that act in the same part of it."""

from . import (
    aws_services,
    custom_resources,
    execution_role,
    gate,
    job_end,
    job_start,
    preparation,
    users,
)
from .step import Step

STEPS: dict[str, list[Step]] = (
    job_start.STEPS
    | job_end.STEPS
    | custom_resources.STEPS
    | execution_role.STEPS
    | gate.STEPS
    | users.STEPS
    | preparation.STEPS
    | aws_services.STEPS
)
