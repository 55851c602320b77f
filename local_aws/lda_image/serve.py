"""The entry point `serve`: an HTTP server that answers with topic mixtures.

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

from local_aws.lda_image import word_counts
from local_aws.lda_image.answers import WRITERS
from topics.lda.mixtures import infer
from topics.model import archive

MAX_BODY_BYTES = 6 * 1024 * 1024  # of InvokeEndpoint
_SECONDS_OF_SILENCE = 60  # after which a connection is closed
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024  # read from a body that is too large
_CHUNK_BYTES = 64 * 1024
_LENGTH_DIGITS = 15  # of a Content-Length; more is no length


class RequestError(Exception):
    """A request that is rejected with an HTTP status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def serve(root: Path, port: int, prefix: str = "") -> int:
    """Answer requests on the loopback address until the process is ended.

    When the model is loaded, it prints its first line: `listening on http://127.0.0.1:PORT` and the
    prefix. There is no handler for SIGTERM, so SIGTERM ends the process at once.

    Returns:
        0 after an interrupt; 1 if there is no usable model or the port is taken.
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
        model: Gives the topics.
        port: The port.
        prefix: The path before `/ping` and `/invocations`.
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
        model: Gives the topics.
        body: The documents.
        content_type: The media type of the body.
        accept: The media types that the client takes; the first known one is used.

    Raises:
        RequestError: With status 415, 406 or 400.
    """
    media = _media(content_type)
    known = (word_counts.CSV, word_counts.JSON, word_counts.RECORDIO)
    if media not in known:
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content type {content_type!r} is not supported; use {', '.join(known)}",
        )
    answered = _choose(accept)
    try:
        counts = word_counts.parse(body, media, model.beta.shape[1])
    except word_counts.WordCountsError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, str(error)) from None
    return Answer(WRITERS[answered](infer(model, counts)), answered)


def _choose(accept: str) -> str:
    for choice in map(_media, accept.split(",")):
        if choice in WRITERS:
            return choice
        if choice in ("*/*", "application/*"):
            return word_counts.JSON
    raise RequestError(
        HTTPStatus.NOT_ACCEPTABLE, f"can't answer {accept!r}; accept {' or '.join(WRITERS)}"
    )


def _media(header: str) -> str:
    return header.partition(";")[0].strip().lower()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = (
        200  # SageMaker's highest concurrency; with fewer, connections would be reset
    )


class _Handler(BaseHTTPRequestHandler):
    topics: ClassVar[archive.Model]
    ping: ClassVar[str]
    invocations: ClassVar[str]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a small answer leaves in one packet
    disable_nagle_algorithm = True  # the second packet of a large one does not wait 40 ms
    timeout = _SECONDS_OF_SILENCE

    def do_GET(self) -> None:
        """Answer /ping."""
        if self.path == self.ping:
            self._answer(HTTPStatus.OK, Answer(b"", word_counts.JSON))
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
                self.headers.get("Content-Type", word_counts.CSV),
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
        """Read on: a client that is still sending would not read the answer."""
        while size and (piece := self.rfile.read(min(size, _CHUNK_BYTES))):
            size -= len(piece)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._answer(status, Answer(json.dumps({"error": message}).encode(), word_counts.JSON))

    def _answer(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.media)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)
