"""Asking an endpoint: order, patience, and answers that can't be believed."""

import io
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from scipy import sparse

from tests.support import runtime_server
from topics.endpoint import client, payload
from topics.endpoint.client import predict
from topics.endpoint.payload import CONTENT_TYPES
from topics.endpoint.state import EndpointError
from topics.lda.mixtures import infer
from topics.model.topic_model import Model


class FakeRuntime:
    """Keeps the requests, and answers each with what `answer` makes of its body."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {"Body": io.BytesIO(self.answer(request["Body"]))}

    def close(self) -> None:
        pass


def answer_with(*mixtures: list[float]) -> bytes:
    return json.dumps({"predictions": [{"topic_mixture": each} for each in mixtures]}).encode()


def eighths(body: bytes) -> bytes:
    """Answer each document with its first count / 8 and the rest to 1: the order can be seen."""
    shares = [float(line.split(",")[0]) / 8 for line in body.decode().splitlines()]
    return answer_with(*([share, 1 - share] for share in shares))


Fake = Callable[[Callable[[bytes], bytes]], FakeRuntime]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    def install(answer: Callable[[bytes], bytes]) -> FakeRuntime:
        runtime = FakeRuntime(answer)
        clients = {"sagemaker-runtime": runtime}
        monkeypatch.setattr(boto3, "client", lambda service, **_: clients[service])
        return runtime

    return install


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest that each wait might have taken; none takes any time."""
    longest: list[float] = []

    def draw(low: float, high: float) -> float:
        assert low == 0
        longest.append(high)
        return 0

    monkeypatch.setattr(random, "uniform", draw)
    return longest


def counts(*rows: Sequence[float]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, np.float32))


def first_shares(blocks: list[sparse.csr_array], **options: Any) -> list[float | None]:
    mixtures = predict("it", blocks, **options)
    return [None if mixture is None else float(mixture[0]) for mixture in mixtures]


def test_documents_go_out_as_csv_and_come_back_as_mixtures(fake: Fake) -> None:
    runtime = fake(eighths)
    assert first_shares([counts([1, 0, 3], [0, 0, 2]), counts([4, 1, 1])]) == [0.125, 0, 0.5]
    assert runtime.requests == [
        {
            "EndpointName": "it",
            "ContentType": "text/csv",
            "Accept": "application/json",
            "Body": b"1,0,3\n0,0,2\n4,1,1\n",
        }
    ]


def test_a_document_without_words_is_not_asked_about(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 2)
    runtime = fake(eighths)
    blocks = [counts([1, 0], [0, 0], [0, 0], [0, 0]), counts([0, 0], [2, 1])]
    assert first_shares(blocks) == [0.125, None, None, None, None, 0.25]
    assert len(runtime.requests) == 2


def test_no_document_asks_nothing(fake: Fake) -> None:
    runtime = fake(eighths)
    assert first_shares([counts([1, 2, 3])[:0]]) == []
    assert first_shares([]) == []
    assert runtime.requests == []


def test_answers_keep_the_order_of_the_documents_when_the_first_is_the_slowest(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request is answered only after the second has been."""
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 1)
    answered = threading.Event()

    def answer(body: bytes) -> bytes:
        if body.startswith(b"1"):
            assert answered.wait(10)
        if body.startswith(b"2"):
            answered.set()
        return eighths(body)

    fake(answer)
    assert first_shares([counts([1], [2], [3])], parallel=2) == [0.125, 0.25, 0.375]


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_requests_are_under_way_than_allowed(
    parallel: int, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 1)
    together = threading.Barrier(parallel)
    lock = threading.Lock()
    under_way: list[int] = []
    most = []

    def answer(body: bytes) -> bytes:
        with lock:
            under_way.append(1)
            most.append(len(under_way))
        together.wait(10)  # for as many as are allowed: so many there are
        with lock:
            under_way.pop()
        return eighths(body)

    fake(answer)
    first_shares([counts(*([1] for _ in range(6)))], parallel=parallel)
    assert max(most) == parallel


def test_documents_are_read_as_they_are_needed(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: when the first answer arrives, few more documents have been read."""
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 1)
    fake(eighths)
    read = 0

    def blocks() -> Iterator[sparse.csr_array]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield counts([1])

    mixtures = predict("it", blocks(), parallel=2)
    next(mixtures)
    assert read <= 6
    mixtures.close()
    assert read <= 6


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException",
        "ModelNotReadyException",
        "ServiceUnavailable",
        "InternalDependencyException",
    ],
)
def test_what_passes_is_asked_again_with_waits_that_grow(
    code: str, fake: Fake, waits: list[float]
) -> None:
    failures = iter([code] * 7)

    def answer(body: bytes) -> bytes:
        for failure in failures:
            raise ClientError({"Error": {"Code": failure}}, "InvokeEndpoint")
        return eighths(body)

    runtime = fake(answer)
    assert first_shares([counts([1])]) == [0.125]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32]
    assert len({request["Body"] for request in runtime.requests}) == 1


def test_a_connection_that_drops_is_asked_again(fake: Fake, waits: list[float]) -> None:
    failures = iter([1])

    def answer(body: bytes) -> bytes:
        for _ in failures:
            raise ConnectionClosedError(endpoint_url="https://127.0.0.1:1")
        return eighths(body)

    fake(answer)
    assert first_shares([counts([1])]) == [0.125]
    assert len(waits) == 1


def test_patience_ends(fake: Fake, waits: list[float]) -> None:
    def fail(_: bytes) -> bytes:
        error = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
        raise ClientError(error, "InvokeEndpoint")  # type: ignore[arg-type]

    runtime = fake(fail)
    message = r"^the endpoint 'it': ThrottlingException: Rate exceeded \(asked 8 times\)$"
    with pytest.raises(EndpointError, match=message):
        first_shares([counts([1])])
    assert len(runtime.requests) == client.MAX_ATTEMPTS == 8


def test_when_a_request_fails_the_others_stop_waiting(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fails for good while another would have waited for a minute."""
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 1)
    monkeypatch.setattr(random, "uniform", lambda *_: 60)
    throttled = threading.Event()

    def fail(body: bytes) -> bytes:
        if body.startswith(b"1"):
            assert throttled.wait(10)
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "InvokeEndpoint")
        throttled.set()
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "InvokeEndpoint")

    runtime = fake(fail)
    with pytest.raises(EndpointError, match="AccessDenied"):
        first_shares([counts([1], [2])], parallel=2)
    assert len(runtime.requests) == 2


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
        (b'{"predictions": [{"topic_mixture": ["0.5", "0.5"]}]}', "does not have the form"),
        (b'{"predictions": [{"topic_mixture": [true, 0.0]}]}', "does not have the form"),
        (b'{"predictions": [{"topic_mixture": {"1": 1}}]}', "does not have the form"),
        (b'{"predictions": [{"topic_mixture": [1, [2]]}]}', "does not have the form"),
        (b'{"predictions": [{"topic_mixture": [1%s]}]}' % (b"0" * 400), "does not have the form"),
        (b'{"predictions": []}', r"1 documents with mixtures of shape \(0,\)"),
        (b'{"predictions": [{"topic_mixture": []}]}', r"mixtures of shape \(1, 0\)"),
        (b'{"predictions": [{"topic_mixture": 1}]}', r"mixtures of shape \(1,\)"),
        (answer_with([1], [1]), r"1 documents with mixtures of shape \(2, 1\)"),
        (b'{"predictions": [{"topic_mixture": [NaN]}]}', "a mixture that is not finite"),
        (b'{"predictions": [{"topic_mixture": [1e999]}]}', "a mixture that is not finite"),
        (answer_with([0.5, 0.4]), r"no mixture: the least is 0\.4, and a sum is 0\.9, not 1"),
        (answer_with([0.5, 0.502]), r"a sum is 1\.002, not 1"),
        (answer_with([1.25, -0.25]), r"the least is -0\.25, and a sum is 1, not 1"),
        (b" " * (6 * 1024 * 1024 + 1), "answered with more than 6291456 bytes"),
    ],
)
def test_an_answer_that_is_no_prediction_is_refused(
    answer: bytes, message: str, fake: Fake
) -> None:
    fake(lambda _: answer)
    with pytest.raises(EndpointError, match=message):
        first_shares([counts([1, 2, 3])])


def test_the_rounding_of_float32_is_no_reason_to_refuse(fake: Fake) -> None:
    mixture = np.random.default_rng(0).dirichlet(np.full(150, 0.1)).astype(np.float32).tolist()
    assert sum(mixture) != 1
    fake(lambda _: answer_with(mixture))
    assert first_shares([counts([1])]) == [mixture[0]]


def test_a_model_that_changes_between_requests_is_noticed(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 1)
    answers = iter([[0.5, 0.5], [0.2, 0.3, 0.5]])
    fake(lambda _: answer_with(next(answers)))
    with pytest.raises(EndpointError, match="'it' answered with 3 topics after 2"):
        first_shares([counts([1, 2], [3, 4])], parallel=1)


@pytest.mark.parametrize(
    ("code", "text", "original", "message"),
    [
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
        first_shares([counts([1, 2, 3])])


def test_an_endpoint_that_can_not_be_reached_is_named(fake: Fake) -> None:
    def fail(_: bytes) -> bytes:
        raise EndpointConnectionError(endpoint_url="https://127.0.0.1:1")

    fake(fail)
    with pytest.raises(EndpointError, match=r"'it' can't be reached: .*127\.0\.0\.1:1"):
        first_shares([counts([1, 2, 3])])


@pytest.mark.parametrize("form", CONTENT_TYPES)
def test_over_http_every_form_gets_the_mixtures_of_the_image(
    form: str, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    """With boto3 itself, many requests at once, and some of them throttled or not ready."""
    rng = np.random.default_rng(0)
    model = Model(np.full(3, 1 / 3), rng.dirichlet(np.full(40, 0.1), 3))
    drawn = sparse.csr_array(rng.poisson(0.4, (200, 40)).astype(np.float32))
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 9)
    with runtime_server.running(model) as server:
        server.use(monkeypatch)
        server.faults = [
            (400, "ThrottlingException", "Rate exceeded"),
            (429, "ModelNotReadyException", "Not yet"),
            (503, "ServiceUnavailable", "Busy"),
        ]
        mixtures = list(predict(runtime_server.ENDPOINT, [drawn], content_type=form))
    assert (np.diff(drawn.indptr) > 0).all()
    np.testing.assert_allclose(np.array(mixtures), infer(model, drawn), atol=1e-12)
    assert set(server.media) == {CONTENT_TYPES[form].media}
    assert len(waits) == 3
