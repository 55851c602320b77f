"""The private route by which `python -m local_aws fault` reaches the server's faults."""

import json
import os
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local_aws import client, instance
from local_aws.sagemaker import faults

PATH = "/_local_aws/faults"

App = Callable[[Any, Any, Any], Awaitable[None]]


def serve_before(app: App) -> App:
    """`app`, but for requests of the route; the door has let them in, with their whole body."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != PATH:
            await app(scope, receive, send)
            return
        status = HTTPStatus.OK
        if scope["method"] == "DELETE":
            faults.clear()
        elif scope["method"] == "POST":
            status = _arm((await receive())["body"])
        body = json.dumps(faults.armed()).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return serve


def _arm(body: bytes) -> HTTPStatus:
    try:
        faults.arm(**json.loads(body))
    except (ValueError, TypeError):  # no JSON, no object, or no fault
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.OK


def ask(
    folder: Path, method: str = "GET", fault: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Ask the instance that this shell points at, or the one in `folder`; its armed faults.

    Raises:
        InstanceError: There is none.
    """
    environment: Mapping[str, str] = os.environ
    host = urllib.parse.urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname
    if host != "127.0.0.1" or client.NEEDED - environment.keys():
        environment = instance.find(folder).environment()
    body = b"" if fault is None else json.dumps(fault).encode()
    try:
        armed: list[dict[str, Any]] = json.loads(
            client.ask(environment, PATH, method=method, body=body)
        )
    except (OSError, ValueError) as error:
        url = environment["AWS_ENDPOINT_URL"]
        raise instance.InstanceError(f"no embedded AWS answers at {url}: {error}") from None
    return armed
