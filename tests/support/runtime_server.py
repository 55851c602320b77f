"""SageMaker over the local LDA image, as far as a client that predicts needs it, by HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from local_aws.lda_image.serve import RequestError, invoke
from topics.model.topic_model import Model

ENDPOINT = "lda-dev"


class RuntimeServer(ThreadingHTTPServer):
    """Answers InvokeEndpoint, and DescribeEndpoint.

    Attributes:
        status: Of the endpoint, as it is described; None if it may not be.
        media: The content type of each request, in the order of their arrival.
        faults: Status, code and message of the errors that the next requests get.
    """

    daemon_threads = True

    def __init__(self, model: Model) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model
        self.status: str | None = "InService"
        self.media: list[str] = []
        self.faults: list[tuple[int, str, str]] = []

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let boto3 ask this server."""
        address = f"http://127.0.0.1:{self.server_port}"
        for name, value in {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": address,
            "AWS_ENDPOINT_URL_SAGEMAKER": address,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",  # pragma: allowlist secret
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("X-Amz-Target") == "SageMaker.DescribeEndpoint":
            if self.server.status is None:
                self._fail(400, "AccessDeniedException", "not authorized")
            else:
                self._answer(200, json.dumps({"EndpointStatus": self.server.status}).encode())
            return
        self.server.media.append(self.headers["Content-Type"])
        if self.server.faults:
            self._fail(*self.server.faults.pop(0))
        elif self.path != f"/endpoints/{ENDPOINT}/invocations":
            self._fail(400, "ValidationError", f"Endpoint {self.path} of account 1 not found.")
        else:
            try:
                answer = invoke(
                    self.server.model, body, self.headers["Content-Type"], self.headers["Accept"]
                )
            except RequestError as error:
                self._fail(424, "ModelError", str(error), OriginalMessage=str(error))
            else:
                self._answer(200, answer.body)

    def _fail(self, status: int, code: str, message: str, **more: Any) -> None:
        body = json.dumps({"Message": message, **more}).encode()
        self._answer(status, body, {"x-amzn-errortype": code})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(model: Model) -> Iterator[RuntimeServer]:
    """Serve a model until the block ends."""
    with RuntimeServer(model) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
