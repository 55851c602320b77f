"""Answers that are not AWS's, as a proxy or a wrong `AWS_ENDPOINT_URL` gives them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from operations.__main__ import main

PAGE = b"<html>Sign in to the network"


class Portal(BaseHTTPRequestHandler):
    """Answers every request with a page."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def _portal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",  # pragma: allowlist secret
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield
        server.shutdown()


def test_leftovers_does_not_take_it_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leftovers"]) == 2
    assert capsys.readouterr().err.startswith("operations leftovers: Unable to parse response")


def test_preflight_does_not_take_the_caller_for_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight"]) == 1
    assert "AWS does not know the caller: Unable to parse response" in capsys.readouterr().out
