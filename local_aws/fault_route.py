"""The private routes by which `python -m local_aws` reaches the server's faults and switches."""

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from local_aws import instance, switches
from local_aws.sagemaker import faults

FAULTS = "/_local_aws/faults"
SWITCHES = "/_local_aws/switches"
# What a POST does, what a DELETE does, and what is answered.
ROUTES: dict[str, tuple[Callable[..., None], Callable[[], None], Callable[[], Any]]] = {
    FAULTS: (faults.arm, faults.clear, faults.armed),
    SWITCHES: (switches.turn, switches.reset, switches.state),
}

App = Callable[[Any, Any, Any], Awaitable[None]]


def serve_before(app: App) -> App:
    """`app`, but for requests of the routes."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        route = ROUTES.get(scope.get("path"))
        if route is None:
            await app(scope, receive, send)
            return
        change, undo, state = route
        if scope["method"] == "DELETE":
            undo()
        elif scope["method"] == "POST":
            change(**json.loads((await receive())["body"]))
        body = json.dumps(state()).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return serve


def ask(
    folder: Path,
    method: str = "GET",
    content: dict[str, Any] | None = None,
    path: str = FAULTS,
) -> Any:
    """Ask the instance that this shell points at, or the one in `folder`.

    Args:
        folder: Where the instance is, if the shell points at none.
        method: POST adds `content`, DELETE undoes all, GET asks alone.
        content: A fault, or a switch's name and seconds.
        path: `FAULTS` or `SWITCHES`.

    Returns:
        The faults that are armed, or the seconds of each switch.

    Raises:
        InstanceError: There is none.
    """
    url, certificate = os.environ.get("AWS_ENDPOINT_URL"), os.environ.get("AWS_CA_BUNDLE")
    if url is None or urllib.parse.urlsplit(url).hostname != "127.0.0.1" or certificate is None:
        environment = instance.find(folder).environment()
        url, certificate = environment["AWS_ENDPOINT_URL"], environment["AWS_CA_BUNDLE"]
    request = urllib.request.Request(
        url + path, method=method, data=None if content is None else json.dumps(content).encode()
    )
    try:
        context = ssl.create_default_context(cafile=certificate)
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        raise instance.InstanceError(f"no embedded AWS answers at {url}: {error}") from None
