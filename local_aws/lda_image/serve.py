"""The `serve` entry point: an HTTP server that answers with topic mixtures.

Source: "Use Your Own Inference Code with Hosting Services" and "Common Data Formats for
Inference" in the Amazon SageMaker developer guide.
"""

import contextlib
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, NamedTuple

from local_aws.lda_image import documents
from local_aws.lda_image.answers import WRITERS
from topics.lda.mixtures import infer
from topics.model import archive

MAX_BODY_BYTES = 6 * 1024 * 1024  # of InvokeEndpoint
_SECONDS_OF_SILENCE = 60  # after which a connection is closed
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024  # of a body that is too large
_CHUNK_BYTES = 64 * 1024
_LENGTH_DIGITS = 15  # of a Content-Length; more can't be meant


class RequestError(Exception):
    """A request that can't be answered; carries the HTTP status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def serve(root: Path, port: int, prefix: str = "") -> int:
    """Answer requests on the loopback address until the process is ended.

    The first line on stdout is `listening on http://127.0.0.1:PORT`, and the prefix, printed when
    the model is loaded. There is no handler for SIGTERM, which therefore ends the process at once.

    Returns:
        0 after an interrupt; 1 when there is no usable model or the port is taken.
    """
    file = root / "model" / archive.MEMBER
    try:
        model = archive.decode(file.read_bytes(), str(file))
        server = make_server(model, port, prefix)
    except (OSError, archive.ArtifactError) as error:
        sys.stderr.write(f"lda_image: {error}\n")
        return 1
    with server, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"listening on http://127.0.0.1:{server.server_port}{prefix}\n")
        sys.stdout.flush()
        server.serve_forever()
    return 0


def make_server(model: archive.Model, port: int, prefix: str = "") -> ThreadingHTTPServer:
    """Return a server bound to 127.0.0.1 and `port`, or a free port for 0.

    Args:
        model: What to infer under.
        port: The port.
        prefix: What stands before `/ping` and `/invocations`.
    """

    class Handler(_Handler):
        topics = model
        ping = f"{prefix}/ping"
        invocations = f"{prefix}/invocations"

    return _Server(("127.0.0.1", port), Handler)


class Answer(NamedTuple):
    """A body and its content type."""

    body: bytes
    media: str


def invoke(model: archive.Model, body: bytes, content_type: str, accept: str) -> Answer:
    """Answer the body of an invocation with the topic mixtures of its documents.

    Args:
        model: What to infer under.
        body: Documents.
        content_type: Of the body.
        accept: The media types that will do; the first that is known is answered.

    Raises:
        RequestError: With status 415, 406 or 400.
    """
    media = _media(content_type)
    known = (documents.CSV, documents.JSON, documents.RECORDIO)
    if media not in known:
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content type {content_type!r} is not supported; use {', '.join(known)}",
        )
    answered = _choose(accept)
    try:
        counts = documents.parse(body, media, model.beta.shape[1])
    except documents.DocumentsError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, str(error)) from None
    return Answer(WRITERS[answered](infer(model, counts)), answered)


def _choose(accept: str) -> str:
    for choice in map(_media, accept.split(",")):
        if choice in WRITERS:
            return choice
        if choice in ("*/*", "application/*"):
            return documents.JSON
    raise RequestError(
        HTTPStatus.NOT_ACCEPTABLE, f"can't answer {accept!r}; accept {' or '.join(WRITERS)}"
    )


def _media(header: str) -> str:
    return header.partition(";")[0].strip().lower()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200  # as many as SageMaker invokes at a time; the rest would be reset


class _Handler(BaseHTTPRequestHandler):
    topics: ClassVar[archive.Model]
    ping: ClassVar[str]
    invocations: ClassVar[str]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet, if they are small
    disable_nagle_algorithm = True  # and if not, the second one does not wait 40 ms for the first
    timeout = _SECONDS_OF_SILENCE

    def do_GET(self) -> None:
        """Answer /ping."""
        if self.path == self.ping:
            self._answer(HTTPStatus.OK, Answer(b"", documents.JSON))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"no {self.path!r} here, only /ping")

    def do_POST(self) -> None:
        """Answer /invocations."""
        try:
            body = self._read_body()
            if self.path != self.invocations:
                raise RequestError(
                    HTTPStatus.NOT_FOUND, f"no {self.path!r} here, only /invocations"
                )
            answer = invoke(
                self.topics,
                body,
                self.headers.get("Content-Type", documents.CSV),
                self.headers.get("Accept", "*/*"),
            )
        except RequestError as error:
            self._refuse(error.status, str(error))
        else:
            self._answer(HTTPStatus.OK, answer)

    def _read_body(self) -> bytes:
        text = self.headers.get("Content-Length", "")
        if not (text.isascii() and text.isdigit() and len(text) <= _LENGTH_DIGITS):
            self.close_connection = True
            raise RequestError(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is required")
        length = int(text)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._discard(min(length, _MAX_DISCARDED_BYTES))
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body has {length} bytes, at most {MAX_BODY_BYTES} are allowed",
            )
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            raise RequestError(
                HTTPStatus.BAD_REQUEST, f"the body ends after {len(body)} of {length} bytes"
            )
        return body

    def _discard(self, size: int) -> None:
        """Hear the client out: one that is still sending would not see the answer."""
        while size and (piece := self.rfile.read(min(size, _CHUNK_BYTES))):
            size -= len(piece)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._answer(status, Answer(json.dumps({"error": message}).encode(), documents.JSON))

    def _answer(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.media)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)
