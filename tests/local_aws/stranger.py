"""Another user of the machine: asks an instance for everything, and knows none of its secrets.

Needs Python's standard library alone: `python stranger.py`, with JSON on standard input.
"""

import contextlib
import http.client
import json
import ssl
import sys
import time
from hashlib import sha256
from hmac import new
from pathlib import Path
from typing import Any

ACCOUNT = "000000000000"
TIME = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def signed(
    key: str, secret: str, method: str, path: str, body: str, service: str = "sts"
) -> dict[str, str]:
    """The headers of Signature Version 4; the secret is guessed."""
    scope = f"{TIME[:8]}/us-east-1/{service}/aws4_request"
    digest = sha256(body.encode()).hexdigest()
    asked = f"{method}\n{path}\n\nhost:x\nx-amz-date:{TIME}\n\nhost;x-amz-date\n{digest}"
    text = f"AWS4-HMAC-SHA256\n{TIME}\n{scope}\n{sha256(asked.encode()).hexdigest()}"
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = new(signing, part.encode(), "sha256").digest()
    signature = new(signing, text.encode(), "sha256").hexdigest()
    return {
        "Host": "x",
        "X-Amz-Date": TIME,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope},"
        f" SignedHeaders=host;x-amz-date, Signature={signature}",
    }


def unsigned() -> list[tuple[str, str, str, dict[str, str]]]:
    """Requests without a signature, for every kind of route there is."""
    fault = '{"name": "training.fail"}'
    socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    socket["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    return [
        ("GET", "/", "", {}),
        ("OPTIONS", "/", "", {"Origin": "https://example.org"}),
        ("GET", "/_ministack/health", "", {}),
        ("POST", "/_ministack/reset", "", {}),
        ("POST", "/_ministack/config", '{"x": 1}', {}),
        ("GET", "/_ministack/lambda-code/writer", "", {}),
        ("POST", "/_ministack/rds/iam-auth", "{}", {}),
        ("POST", "/_ministack/eks-auth/x", "{}", {}),
        ("POST", "/_ministack/cfn-signal/x", "{}", {}),
        ("GET", "/_local_aws/faults", "", {}),
        ("POST", "/_local_aws/faults", fault, {}),
        ("DELETE", "/_local_aws/faults", "", {}),
        ("GET", "/ping", "", {}),
        ("POST", "/invocations", "1", {"Content-Type": "text/csv"}),
        ("POST", "/endpoints/x/invocations", "1", {}),
        ("GET", "/", "", {"Host": "x.lambda-url.us-east-1.localhost"}),
        ("GET", "/", "", {"Host": "x.execute-api.localhost"}),
        ("GET", "/data/train/train.recordio", "", {}),
        ("GET", f"/data?AWSAccessKeyId={ACCOUNT}&Signature=00&Expires=9999999999", "", {}),
        ("GET", "/v2/", "", {}),
        ("GET", "/graphql", "", socket),
        ("GET", "/", "", {"Authorization": f"AWS {ACCOUNT}:00"}),
        ("GET", "/", "", {"Authorization": "AWS4-HMAC-SHA256 \xff"}),
        ("GET", "/?X-Amz-Signature=%FF&X-Amz-Credential=a/b/c/d/e", "", {}),
    ]


def guesses(roles: dict[str, str]) -> list[tuple[str, str]]:
    """Keys and secrets that the code of the project and of MiniStack would tell."""
    keys = [(key, secret) for key in (ACCOUNT, "test", "") for secret in ("local", "test", "")]
    for function, role in roles.items():
        digest = sha256(f"{function}:{role}".encode()).hexdigest()
        keys.append((f"ASIA{digest[:16].upper()}", sha256(f"secret:{digest}".encode()).hexdigest()))
    return keys


def main() -> None:
    """Print the answers: (port, encrypted, request, status, body)."""
    told: dict[str, Any] = json.load(sys.stdin)
    requests = unsigned()
    for key, secret in guesses(told["roles"]):
        for path, service in (("/", "s3"), ("/", "sts"), ("/_local_aws/faults", "local_aws")):
            headers = signed(key, secret, "GET", path, "", service)
            requests.append(("GET", path, "", headers))
    answers = []
    for port in told["ports"]:
        for encrypted in (True, False):
            for method, path, body, headers in requests:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    status, content = ask(port, encrypted, method, path, body, headers)
                    answers.append((port, encrypted, f"{method} {path!r}", status, content))
    readable = []
    for name in told["files"]:
        with contextlib.suppress(OSError):
            Path(name).stat()
            readable.append(name)
    json.dump({"answers": answers, "readable": readable}, sys.stdout)


def ask(
    port: int, encrypted: bool, method: str, path: str, body: str, headers: dict[str, str]
) -> tuple[int, str]:
    """Status and body of an answer."""
    if encrypted:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=3, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    with contextlib.closing(connection):
        connection.putrequest(method, path, "Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        return answer.status, answer.read().decode("latin-1")


if __name__ == "__main__":
    main()
