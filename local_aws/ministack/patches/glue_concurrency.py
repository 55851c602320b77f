"""Keep how many runs of a Glue job there may be at a time, which MiniStack drops."""

from typing import Any

from ministack.services import glue

from local_aws.ministack.resource_steps import after_provisioning

ONE = {"MaxConcurrentRuns": 1}  # AWS's default
MEMBER = "ExecutionProperty"


def apply() -> None:
    """Change MiniStack."""
    create, update = glue._create_job, glue._update_job

    def create_job(request: dict[str, Any]) -> Any:
        answer = create(request)
        _keep(request.get("Name"), request)
        return answer

    def update_job(request: dict[str, Any]) -> Any:
        answer = update(request)
        _keep(request.get("JobName"), request.get("JobUpdate", {}))
        return answer

    glue._create_job, glue._update_job = create_job, update_job
    after_provisioning("AWS::Glue::Job", _keep)


def _keep(name: str | None, given: dict[str, Any]) -> None:
    if name in glue._jobs:
        glue._jobs[name][MEMBER] = given.get(MEMBER, ONE)
