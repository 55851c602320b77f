import json
import logging
import time
import urllib.error
from collections.abc import Iterator
from http.client import IncompleteRead, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from stacks.training_job.handlers import signals


class Handle(BaseHTTPRequestHandler):
    """A presigned URL: takes a PUT without content type, and answers with the server's status."""

    def do_PUT(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.received.append((self.headers["Content-Type"], json.loads(body), len(body)))
        self.send_response(server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def handle() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), Handle)
    server.received, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/secret?Signature=abc"
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_success_is_put_without_a_content_type(handle: Any) -> None:
    """The URL is signed without one: with urllib's own, S3 refuses the signal."""
    signals.send(handle.url, "job-1")
    ((content_type, body, _),) = handle.received
    assert content_type == ""
    assert body["Status"] == "SUCCESS"
    assert body["UniqueId"] == "job-1"


def test_a_failure_says_why(handle: Any) -> None:
    signals.send(handle.url, "job-1", "the job has failed")
    assert handle.received[0][1]["Status"] == "FAILURE"
    assert handle.received[0][1]["Reason"] == "the job has failed"


def test_a_long_reason_stays_within_cloudformations_4_kilobytes(handle: Any) -> None:
    signals.send(handle.url, "job-1", 'é\n"' * 3_000)
    _, body, size = handle.received[0]
    assert 0 < size <= 4096
    assert body["Reason"].startswith('é\n"é\n"')


def test_a_refused_signal_is_logged_and_no_error(
    handle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    handle.status = 403
    with caplog.at_level(logging.WARNING):
        signals.send(handle.url, "job-1")
    assert "was refused with 403" in caplog.text


def test_the_url_is_never_logged(handle: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for handle.status in (200, 403):
            signals.send(handle.url, "job-1", "reason")
    assert "secret" not in caplog.text
    assert "Signature" not in caplog.text


def test_data_is_what_the_condition_gives(handle: Any) -> None:
    signals.send(handle.url, "job-1", data="test:pwll=-7.5")
    assert handle.received[0][1]["Data"] == "test:pwll=-7.5"


def test_an_error_of_the_server_is_tried_again_and_then_raised(
    handle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    handle.status = 503
    with pytest.raises(urllib.error.HTTPError):
        signals.send(handle.url, "job-1")
    assert len(handle.received) == signals.ATTEMPTS
    assert slept == [2, 4, 8]


@pytest.mark.parametrize(
    "broken", [TimeoutError(), RemoteDisconnected("gone"), IncompleteRead(b"")]
)
def test_a_signal_whose_answer_is_lost_is_sent_again(
    handle: Any, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    """It may have arrived; CloudFormation counts one of a sender."""
    put, failures = signals._put, [broken]
    slept: list[float] = []

    def lose(url: str, body: bytes) -> None:
        put(url, body)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(signals, "_put", lose)
    monkeypatch.setattr(time, "sleep", slept.append)
    signals.send(handle.url, "job-1")
    assert [body["UniqueId"] for _, body, _ in handle.received] == ["job-1", "job-1"]
    assert slept == [2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "GET https://b.s3.amazonaws.com/k?X-Amz-Signature=abc&X-Amz-Date=1",
            "GET https://b.s3.amazonaws.com/k?X-Amz-Signature=***&X-Amz-Date=1",
        ),
        ("AWS_SECRET_ACCESS_KEY=abc/def", "AWS_SECRET_ACCESS_KEY=***"),
        ('{"password": "abc"}', '{"password": "***"}'),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("api_key=abc", "api_key=***"),
        ("?X-Amz-Signature%3Dabc%26X-Amz-Date%3D1", "?X-Amz-Signature%3D***%26X-Amz-Date%3D1"),
        ("X-Amz-Credential%253DAKIA%2526b", "X-Amz-Credential%253D***%2526b"),
        (
            r'{"a": "{\"password\": \"a, b\", \"c\": 1}"}',
            r'{"a": "{\"password\": \"***\", \"c\": 1}"}',
        ),
        (r'"{\\\"token\\\":\\\"abc\\\"}"', r'"{\\\"token\\\":\\\"***\\\"}"'),
        # pragma: allowlist nextline secret
        (r'{"password": "a\"b", "c": 1}', '{"password": "***", "c": 1}'),
        # pragma: allowlist nextline secret
        ("{'secret': 'a b', 'c': 1}", "{'secret': '***', 'c': 1}"),
        ("train --password abc --epochs 3", "train --password *** --epochs 3"),
        ("train --db-password 'a b' x", "train --db-password '***' x"),
        ("train --api-key=abc x", "train --api-key=*** x"),
        ("postgres://me:a:b@host/db", "postgres://me:***@host/db"),
        ("redis://:abc@host", "redis://:***@host"),
        ("<Password>a, b</Password>", "<Password>***</Password>"),
        ('<x:SecretKey a="b">c</x:SecretKey>', '<x:SecretKey a="b">***</x:SecretKey>'),
        ("password=correct horse, battery\nnext", "password=***\nnext"),
        ("passwd=abc", "passwd=***"),
        ("passphrase: a b", "passphrase: ***"),
        # pragma: allowlist nextline secret
        ("key AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE", "key ***, ***"),
        (
            # pragma: allowlist nextline secret
            "a\n-----BEGIN RSA PRIVATE KEY-----\nb\n-----END RSA PRIVATE KEY-----\nc",
            "a\n-----BEGIN RSA PRIVATE KEY-----***\nc",  # pragma: allowlist secret
        ),
        # pragma: allowlist nextline secret
        ("-----BEGIN PRIVATE KEY-----\nabc", "-----BEGIN PRIVATE KEY-----***"),
        ("tokens 5, alpha 0.1", "tokens 5, alpha 0.1"),
        ("the token is not known", "the token is not known"),
        ("s3://bucket/a:b/c", "s3://bucket/a:b/c"),
        (
            "https://c.aws/home?region=us-east-1#/jobs/a",
            "https://c.aws/home?region=us-east-1#/jobs/a",
        ),
    ],
)
def test_secrets_in_a_jobs_log_are_neither_told_nor_logged(
    handle: Any, caplog: pytest.LogCaptureFixture, text: str, told: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        signals.send(handle.url, "job-1", text)
    assert handle.received[0][1]["Reason"] == told
    assert told in caplog.text


@pytest.mark.parametrize(
    "piece",
    [
        *("token", "password", "secret-", "password=", "token: ", "--token ", "--", "-", "\\"),
        *(
            'password="\\',
            "password=\\",
            "<",
            "<token ",
            "<password>",
            "://",
            "://a:",
            "a:b@",
            "%25",
        ),
        *(
            "AKIA",
            "-----BEGIN PRIVATE KEY-----",  # pragma: allowlist secret
            "-----BEGIN ",
            "token\\",
            "'",
            'token="a',
            "token =",
        ),
        *("authorization: bearer ", "x-amz-signature%3D", "token" + 9 * "-", "password\t", "=>"),
    ],
)
def test_the_time_to_redact_is_linear_in_the_text(piece: str) -> None:
    """A text of the job's own making must not take the function's time."""
    text = piece * (50_000 // len(piece))
    start = time.process_time()
    signals.redact(text)
    assert time.process_time() - start < 10  # 1 s at most; what is quadratic takes minutes
