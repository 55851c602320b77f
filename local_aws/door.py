"""Let in only requests that are signed with a secret of this instance.

Every user of the machine can reach the loopback address. Only who may read the instance's folder,
or got credentials from its IAM and STS, can sign a request.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from local_aws.fault_route import App
from local_aws.ministack import signatures
from local_aws.ministack.bridge import Response

MAX_UNSIGNED_BYTES = 100 << 20  # of a body that must be read to check the signature

TOO_LARGE = b"the body is too large: without a header x-amz-content-sha256, 100 MiB are allowed"


class _TooLargeError(Exception):
    """A body of more than `MAX_UNSIGNED_BYTES`."""


def signed_only(app: App) -> App:
    """Return an app that passes on only requests signed with credentials of this instance."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or _carries_token(scope):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # none of our clients opens one
        else:
            await _check(app, scope, receive, send)

    return serve


def _carries_token(scope: Any) -> bool:
    """Return whether a request answers CloudFormation at an address that holds a random token."""
    path: str = scope["path"]
    return (
        scope["type"] == "http"
        and scope["method"] == "PUT"
        and path.startswith(signatures.TOKEN_PATHS)
    )


async def _check(app: App, scope: Any, receive: Any, send: Any) -> None:
    try:
        # If a header gives the body's digest, the signature is checked before the body is read.
        body = None if signatures.signs_without_body(scope) else await _read(receive)
    except _TooLargeError:
        await _answer(send, (413, {}, TOO_LARGE))
        return
    if refusal := signatures.refusal(scope, body or b""):
        await _answer(send, refusal)
        return
    await app(scope, receive if body is None else _again(body, receive), send)


async def _read(receive: Any) -> bytes:
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_UNSIGNED_BYTES:
            raise _TooLargeError
        more = message.get("more_body", False)  # also false when the client has gone
    return b"".join(pieces)


def _again(body: bytes, receive: Any) -> Callable[[], Awaitable[Any]]:
    """Return a `receive` that gives `body`, which was read already, and then the rest."""
    read = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        return read.pop() if read else await receive()

    return receive_again


async def _answer(send: Any, response: Response) -> None:
    status, headers, body = response
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
