"""Asking an endpoint: the requests that go out, and answers that can't be believed."""

import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from scipy import sparse

from topics import client
from topics.client import EndpointError, predict


class FakeRuntime:
    """Keeps the requests, and answers each with what `answer` makes of its body."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {"Body": io.BytesIO(self.answer(request["Body"]))}


def first_counts(body: bytes) -> bytes:
    """Answer each document with its first two counts, so that the order can be seen."""
    rows = [line.split(",")[:2] for line in body.decode().splitlines()]
    predictions = [{"topic_mixture": [float(cell) for cell in row]} for row in rows]
    return json.dumps({"predictions": predictions}).encode()


Fake = Callable[[Callable[[bytes], bytes]], FakeRuntime]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    def install(answer: Callable[[bytes], bytes]) -> FakeRuntime:
        runtime = FakeRuntime(answer)
        monkeypatch.setattr(boto3, "client", {"sagemaker-runtime": runtime}.__getitem__)
        return runtime

    return install


def counts(*rows: list[float]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, np.float32))


def test_documents_go_out_as_csv_and_come_back_as_mixtures(fake: Fake) -> None:
    runtime = fake(first_counts)
    documents = counts([1, 0, 3], [0, 0, 16777215], [0.1, 2.5, 0])
    (mixtures,) = predict("lda-dev", documents)
    assert runtime.requests == [
        {
            "EndpointName": "lda-dev",
            "ContentType": "text/csv",
            "Accept": "application/json",
            "Body": b"1,0,3\n0,0,16777215\n0.100000001,2.5,0\n",
        }
    ]
    np.testing.assert_allclose(mixtures, [[1.0, 0.0], [0.0, 0.0], [0.1, 2.5]])


@pytest.mark.parametrize(
    ("limit", "value", "sizes"),
    [
        ("MAX_REQUEST_BYTES", 12, [2, 2, 1]),
        ("MAX_REQUEST_BYTES", 11, [1, 1, 1, 1, 1]),
        ("MAX_REQUEST_BYTES", 1, [1, 1, 1, 1, 1]),
        ("MAX_REQUEST_DOCUMENTS", 3, [3, 2]),
    ],
)
def test_requests_are_cut_by_bytes_and_by_documents_and_keep_the_order(
    limit: str, value: int, sizes: list[int], fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, limit, value)
    runtime = fake(first_counts)
    mixtures = np.vstack(list(predict("it", counts(*([float(row), 7, 1] for row in range(5))))))
    assert [len(request["Body"].splitlines()) for request in runtime.requests] == sizes
    np.testing.assert_array_equal(mixtures[:, 0], [0, 1, 2, 3, 4])


def test_a_request_stays_below_what_invoke_endpoint_takes() -> None:
    assert client.MAX_REQUEST_BYTES < 6 * 1024 * 1024


def test_no_document_asks_nothing(fake: Fake) -> None:
    runtime = fake(first_counts)
    assert list(predict("it", counts([1, 2, 3])[:0])) == []
    assert runtime.requests == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "does not have the form"),
        (b"<html>", "does not have the form.*starts with '<html>'"),
        (b"\xff\xfe", "does not have the form"),
        (b"[" * 100_000, "does not have the form"),
        (b"[]", "does not have the form"),
        (b'{"predictions": 3}', "does not have the form"),
        (b'{"predictions": [{"projection": [1]}]}', "does not have the form"),
        (b'{"predictions": [{"topic_mixture": ["x"]}]}', "does not have the form"),
        (b'{"predictions": [{"topic_mixture": [1, [2]]}]}', "does not have the form"),
        (b'{"predictions": [{"topic_mixture": [1%s]}]}' % (b"0" * 400), "does not have the form"),
        (b'{"predictions": []}', r"1 documents with mixtures of shape \(0,\)"),
        (b'{"predictions": [{"topic_mixture": []}]}', r"mixtures of shape \(1, 0\)"),
        (b'{"predictions": [{"topic_mixture": 1}]}', r"mixtures of shape \(1,\)"),
        (
            b'{"predictions": [{"topic_mixture": [1]}, {"topic_mixture": [1]}]}',
            r"1 documents with mixtures of shape \(2, 1\)",
        ),
        (b'{"predictions": [{"topic_mixture": [NaN]}]}', "a mixture that is not finite"),
        (b'{"predictions": [{"topic_mixture": [1e999]}]}', "a mixture that is not finite"),
        (b" " * (6 * 1024 * 1024 + 1), "answered with more than 6291456 bytes"),
    ],
)
def test_an_answer_that_is_no_prediction_is_refused(
    answer: bytes, message: str, fake: Fake
) -> None:
    fake(lambda _: answer)
    with pytest.raises(EndpointError, match=message):
        list(predict("it", counts([1, 2, 3])))


def test_a_model_that_changes_between_requests_is_noticed(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_REQUEST_DOCUMENTS", 1)
    answers = iter([[0.5, 0.5], [0.2, 0.3, 0.5]])
    fake(lambda _: json.dumps({"predictions": [{"topic_mixture": next(answers)}]}).encode())
    with pytest.raises(EndpointError, match="'it' answered with 3 topics after 2"):
        list(predict("it", counts([1, 2], [3, 4])))


@pytest.mark.parametrize(
    ("code", "text", "original", "message"),
    [
        (
            "ValidationError",
            "Endpoint it of account 1 not found.",
            None,
            "^the endpoint 'it': ValidationError: Endpoint it of account 1 not found.$",
        ),
        (
            "AccessDeniedException",
            "User: me is not\nauthorized",
            None,
            "^the endpoint 'it': AccessDeniedException: User: me is not authorized$",
        ),
        (
            "ModelError",
            "Received client error (400) from primary with message ...",
            "documents have 3 features, must have 4",
            "^the endpoint 'it': ModelError: documents have 3 features, must have 4$",
        ),
    ],
)
def test_an_error_of_aws_becomes_one_clear_line(
    code: str, text: str, original: str | None, message: str, fake: Fake
) -> None:
    def fail(_: bytes) -> bytes:
        response: Any = {"Error": {"Code": code, "Message": text}}
        if original:
            response["OriginalMessage"] = original
        raise ClientError(response, "InvokeEndpoint")

    fake(fail)
    with pytest.raises(EndpointError, match=message):
        list(predict("it", counts([1, 2, 3])))


def test_an_endpoint_that_can_not_be_reached_is_named(fake: Fake) -> None:
    def fail(_: bytes) -> bytes:
        raise EndpointConnectionError(endpoint_url="https://127.0.0.1:1")

    fake(fail)
    with pytest.raises(EndpointError, match=r"'it' can't be reached: .*127\.0\.0\.1:1"):
        list(predict("it", counts([1, 2, 3])))
