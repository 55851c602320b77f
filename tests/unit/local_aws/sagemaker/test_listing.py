"""The List operations: filters, order and pages, for every kind of resource."""

from typing import Any

import pytest

from local_aws.api import validation
from local_aws.sagemaker import sagemaker_service
from local_aws.sagemaker.listing import listed

KINDS = {
    "TrainingJob": "TrainingJobSummaries",
    "TransformJob": "TransformJobSummaries",
    "Endpoint": "Endpoints",
    "Model": "Models",
    "EndpointConfig": "EndpointConfigs",
}
WITH_STATUS = ("TrainingJob", "TransformJob", "Endpoint")
# Name, status, time of creation, time of the last change.
ROWS = [
    ("news-b", "Failed", 10.0, 40.0),
    ("News-a", "InService", 20.0, 30.0),
    ("mail-c", "InService", 30.0, 30.0),
]


def resources(kind: str) -> list[dict[str, Any]]:
    return [
        {
            f"{kind}Name": name,
            f"{kind}Arn": f"arn/{name}",
            f"{kind}Status": status,
            "CreationTime": created,
            "LastModifiedTime": modified,
            "Unlisted": "no member of a summary",
        }
        for name, status, created, modified in ROWS
    ]


def names(kind: str, **request: Any) -> str:
    """The first characters of what is listed, after the request is checked."""
    validation.check("sagemaker", f"List{kind}s", request)
    answer = listed(kind, request, resources(kind))
    assert "NextToken" not in answer
    return "".join(one[f"{kind}Name"][-1] for one in answer[KINDS[kind]])


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_the_newest_comes_first(self, kind: str) -> None:
        assert names(kind) == "cab"
        assert names(kind, SortOrder="Ascending") == "bac"

    def test_names_can_be_the_order(self, kind: str) -> None:
        assert names(kind, SortBy="Name", SortOrder="Ascending") == "acb"

    def test_a_part_of_the_name_selects(self, kind: str) -> None:
        assert names(kind, NameContains="news") == "b"
        assert names(kind, NameContains="other") == ""

    def test_the_time_of_creation_selects(self, kind: str) -> None:
        assert names(kind, CreationTimeAfter=20) == "ca"
        assert names(kind, CreationTimeBefore=20) == "b"
        assert names(kind, CreationTimeAfter=11, CreationTimeBefore=29.5) == "a"

    def test_pages_follow_one_another(self, kind: str) -> None:
        first = listed(kind, {"MaxResults": 2}, resources(kind))
        request = {"MaxResults": 2, "NextToken": first["NextToken"]}
        last = listed(kind, request, resources(kind))
        found = [one[f"{kind}Name"] for page in (first, last) for one in page[KINDS[kind]]]
        assert found == ["mail-c", "News-a", "news-b"]
        assert "NextToken" not in last

    def test_ten_are_a_page(self, kind: str) -> None:
        (one, *_) = resources(kind)
        many = [one | {f"{kind}Name": f"n{number}"} for number in range(11)]
        answer = listed(kind, {}, many)
        assert len(answer[KINDS[kind]]) == 10
        assert "NextToken" in answer

    def test_a_summary_has_the_members_of_the_api(self, kind: str) -> None:
        operation = validation.model("sagemaker").operation_model(f"List{kind}s")
        output: Any = operation.output_shape
        shape = output.members[KINDS[kind]].member
        for one in listed(kind, {}, resources(kind))[KINDS[kind]]:
            assert one.keys() <= shape.members.keys()
            assert set(shape.required_members) <= one.keys()


@pytest.mark.parametrize("kind", WITH_STATUS)
class TestKindsWithAStatus:
    def test_the_status_selects(self, kind: str) -> None:
        assert listed(kind, {"StatusEquals": "Failed"}, resources(kind))[KINDS[kind]] != []
        found = listed(kind, {"StatusEquals": "InService"}, resources(kind))[KINDS[kind]]
        assert [one[f"{kind}Name"] for one in found] == ["mail-c", "News-a"]

    def test_the_status_can_be_the_order(self, kind: str) -> None:
        assert names(kind, SortBy="Status", SortOrder="Ascending") == "bac"

    def test_the_time_of_the_last_change_selects(self, kind: str) -> None:
        assert names(kind, LastModifiedTimeAfter=31) == "b"
        assert names(kind, LastModifiedTimeBefore=31) == "ca"


def test_a_page_of_training_jobs_is_cut_before_their_status_is_looked_at() -> None:
    """The API reference of ListTrainingJobs says so: a client must follow the tokens."""
    request = {"StatusEquals": "Failed", "MaxResults": 1}
    found = []
    for empty in (True, True, False):
        answer = listed("TrainingJob", request, resources("TrainingJob"))
        assert (answer["TrainingJobSummaries"] == []) is empty
        found += answer["TrainingJobSummaries"]
        request |= {"NextToken": answer.get("NextToken", "")}
    assert [one["TrainingJobName"] for one in found] == ["news-b"]
    assert request["NextToken"] == ""


def test_no_training_job_has_a_warm_pool() -> None:
    assert names("TrainingJob", WarmPoolStatusEquals="Available") == ""


def test_every_list_of_resources_is_tested_here() -> None:
    lists = {
        operation for operation in sagemaker_service.OPERATIONS if operation.startswith("List")
    }
    assert lists - {"ListTags"} == {f"List{kind}s" for kind in KINDS}
