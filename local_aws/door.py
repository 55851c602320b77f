"""The door of the server: it lets in only requests that prove they know a secret of the instance.

The loopback address is open to every user of the machine. Whoever may read the instance's folder,
or was given credentials by its IAM and STS, signs with them; nobody else gets further than here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from local_aws.fault_route import App
from local_aws.ministack import signatures
from local_aws.ministack.bridge import Response

MAX_UNSIGNED_BYTES = 100 << 20  # of a body that only the body's own digest can vouch for


class _TooLargeError(Exception):
    """A body has more than `MAX_UNSIGNED_BYTES`."""


def signed_only(app: App) -> App:
    """Serve what is signed with credentials of this instance, and refuse everything else."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or _carries_token(scope):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # no client of ours opens one
        else:
            await _check(app, scope, receive, send)

    return serve


def _carries_token(scope: Any) -> bool:
    """Whether it answers CloudFormation at an address that holds a random token, as on AWS."""
    path: str = scope["path"]
    return (
        scope["type"] == "http"
        and scope["method"] == "PUT"
        and path.startswith(signatures.TOKEN_PATHS)
    )


async def _check(app: App, scope: Any, receive: Any, send: Any) -> None:
    try:
        # What says its own digest, or that it has none, is not read before it has been checked.
        body = None if signatures.signs_without_body(scope) else await _read(receive)
    except _TooLargeError:
        await _answer(send, (413, {}, b"the body is too large"))
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
        more = message.get("more_body", False)  # a client that has gone sends nothing more either
    return b"".join(pieces)


def _again(body: bytes, receive: Any) -> Callable[[], Awaitable[Any]]:
    """`receive`, with a body that was read already before what comes next."""
    read = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        return read.pop() if read else await receive()

    return receive_again


async def _answer(send: Any, response: Response) -> None:
    status, headers, body = response
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
