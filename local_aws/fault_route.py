"""The private HTTP routes to the server's faults and switches: their server and their client."""

import json
import os
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local_aws import faults, instance, signed_request, switches

FAULTS = "/_local_aws/faults"
SWITCHES = "/_local_aws/switches"
# For each path: what POST calls, what DELETE calls, and what returns the answer.
ROUTES: dict[str, tuple[Callable[..., None], Callable[[], None], Callable[[], Any]]] = {
    FAULTS: (faults.arm, faults.clear, faults.armed),
    SWITCHES: (switches.turn, switches.reset, switches.state),
}

App = Callable[[Any, Any, Any], Awaitable[None]]


def serve_before(app: App) -> App:
    """Return an app that answers the routes itself and leaves all other requests to `app`.

    The door has checked each request and read its whole body.
    """

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        route = ROUTES.get(scope.get("path"))
        if route is None:
            await app(scope, receive, send)
            return
        change, undo, state = route
        status = HTTPStatus.OK
        if scope["method"] == "DELETE":
            undo()
        elif scope["method"] == "POST":
            status = _change(change, (await receive())["body"])
        body = json.dumps(state()).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return serve


def _change(change: Callable[..., None], body: bytes) -> HTTPStatus:
    try:
        change(**json.loads(body))
    except (ValueError, TypeError):  # not JSON, not an object, an unknown fault or switch
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.OK


def ask(
    folder: Path,
    method: str = "GET",
    content: dict[str, Any] | None = None,
    path: str = FAULTS,
) -> Any:
    """Send a request to the instance that this shell points at, or else to the one in `folder`.

    Args:
        folder: The instance's folder, if the shell points at none.
        method: POST sends `content`, DELETE resets everything, GET only asks.
        content: A fault, or a switch's name and seconds.
        path: `FAULTS` or `SWITCHES`.

    Returns:
        The faults that are armed, or the seconds of each switch.

    Raises:
        InstanceError: No instance answers.
    """
    environment: Mapping[str, str] = os.environ
    host = urllib.parse.urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname
    if host != "127.0.0.1" or signed_request.NEEDED - environment.keys():
        environment = instance.find(folder).environment()
    body = b"" if content is None else json.dumps(content).encode()
    try:
        return json.loads(signed_request.ask(environment, path, method=method, body=body))
    except (OSError, ValueError) as error:
        url = environment["AWS_ENDPOINT_URL"]
        raise instance.InstanceError(f"no embedded AWS answers at {url}: {error}") from None
