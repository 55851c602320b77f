"""Send a signed request to an instance, to an address that no SDK has a client for."""

import ssl
import urllib.request
from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NAME = "local_aws"  # the service that the signature names
NEEDED = {
    "AWS_ENDPOINT_URL",
    "AWS_CA_BUNDLE",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
}


def ask(
    environment: Mapping[str, str],
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    seconds: float = 30,
) -> bytes:
    """Return the answer of the instance that `environment` points at.

    Args:
        environment: Has `NEEDED`, and AWS_SESSION_TOKEN if the credentials have one.
        path: The path of the request.
        method: The HTTP method.
        body: The body of the request.
        seconds: How long to wait for the answer.

    Raises:
        OSError: No server answers there, or the answer is an error (`urllib.error.HTTPError`).
    """
    url = environment["AWS_ENDPOINT_URL"] + path
    request = AWSRequest(method, url, data=body)
    credentials = Credentials(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment.get("AWS_SESSION_TOKEN"),
    )
    SigV4Auth(credentials, NAME, environment["AWS_REGION"]).add_auth(request)
    context = ssl.create_default_context(cafile=environment["AWS_CA_BUNDLE"])
    signed = urllib.request.Request(
        url, method=method, data=body or None, headers=dict(request.headers)
    )
    with urllib.request.urlopen(signed, timeout=seconds, context=context) as answer:
        content: bytes = answer.read()
        return content
