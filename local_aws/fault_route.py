"""The private route by which `python -m local_aws fault` reaches the server's faults."""

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from local_aws import instance
from local_aws.sagemaker import faults

PATH = "/_local_aws/faults"

App = Callable[[Any, Any, Any], Awaitable[None]]


def serve_before(app: App) -> App:
    """`app`, but for requests of the route."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != PATH:
            await app(scope, receive, send)
            return
        if scope["method"] == "DELETE":
            faults.clear()
        elif scope["method"] == "POST":
            faults.arm(**json.loads((await receive())["body"]))
        body = json.dumps(faults.armed()).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return serve


def ask(
    folder: Path, method: str = "GET", fault: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Ask the instance that this shell points at, or the one in `folder`; its armed faults.

    Raises:
        InstanceError: There is none.
    """
    url, certificate = os.environ.get("AWS_ENDPOINT_URL"), os.environ.get("AWS_CA_BUNDLE")
    if url is None or urllib.parse.urlsplit(url).hostname != "127.0.0.1" or certificate is None:
        environment = instance.find(folder).environment()
        url, certificate = environment["AWS_ENDPOINT_URL"], environment["AWS_CA_BUNDLE"]
    request = urllib.request.Request(
        url + PATH, method=method, data=None if fault is None else json.dumps(fault).encode()
    )
    try:
        context = ssl.create_default_context(cafile=certificate)
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            armed: list[dict[str, Any]] = json.load(answer)
            return armed
    except (OSError, ValueError) as error:
        raise instance.InstanceError(f"no embedded AWS answers at {url}: {error}") from None
