"""Pages of lists."""

import base64
import json
from typing import Any

import pytest

from local_aws.api import pages
from local_aws.api.errors import ApiError


def cut(items: list[int], *, descending: bool = False, **request: Any) -> tuple[list[int], str]:
    found, further = pages.cut(
        "sagemaker", "ListModels", request, items, lambda n: (n,), size=2, descending=descending
    )
    return found, further.get("NextToken", "")


def test_pages_have_all_items_in_order() -> None:
    first, token = cut([3, 1, 4, 2])
    second, end = cut([3, 1, 4, 2], NextToken=token)
    assert (first, second, end) == ([1, 2], [3, 4], "")
    assert cut([3, 1, 2], MaxResults=3) == ([1, 2, 3], "")
    assert cut([]) == ([], "")


def test_nothing_is_left_out_or_repeated_when_items_come_and_go_between_pages() -> None:
    first, token = cut([1, 2, 3, 4], descending=True)
    assert first == [4, 3]
    assert cut([5, 2, 1], descending=True, NextToken=token) == ([2, 1], "")


def test_the_size_of_pages_may_change_in_between() -> None:
    _, token = cut([1, 2, 3, 4], MaxResults=1)
    assert cut([1, 2, 3, 4], MaxResults=3, NextToken=token) == ([2, 3, 4], "")


@pytest.mark.parametrize(
    "token",
    ["x", "10", "ü", "W10=", base64.b64encode(json.dumps(["other", 1]).encode()).decode()],
)
def test_a_token_that_no_answer_had_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="Invalid pagination token") as caught:
        cut([1, 2, 3], NextToken=token)
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize("most", [0, -1])
def test_a_page_has_at_least_one_item(most: int) -> None:
    with pytest.raises(ApiError, match=f"MaxResults must be at least 1, got {most}"):
        cut([1, 2, 3], MaxResults=most)


def test_a_token_is_for_the_same_request_alone() -> None:
    _, token = cut([1, 2, 3])
    with pytest.raises(ApiError, match="the same request"):
        cut([1, 2, 3], NameContains="a", NextToken=token)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("application-autoscaling", "DescribeScalableTargets", "InvalidNextTokenException"),
        ("service-quotas", "ListServiceQuotas", "InvalidPaginationTokenException"),
    ],
)
def test_an_unknown_token_has_the_error_of_its_api(service: str, operation: str, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        pages.cut(service, operation, {"NextToken": "x"}, [1], lambda n: (n,), size=1)
    assert caught.value.code == code
