"""A headless Chromium, driven over a pipe by the Chrome DevTools Protocol.

Source: "Chrome DevTools Protocol", and the switch `--remote-debugging-pipe`: messages are JSON,
each ended by a zero byte, on the browser's file descriptors 3 and 4.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SWITCHES = (
    "--headless",
    "--no-sandbox",  # which Chromium does not offer to root, as whom containers run
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_SECONDS = 60  # for an answer
# Of the keys that a person presses here: the code that old scripts read, and the text.
_KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    " ": (32, " "),
    "End": (35, ""),
    "Home": (36, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}


class BrowserError(RuntimeError):
    """There is no browser, or it does not do as told."""


def find() -> str:
    """The browser's program: `CHROMIUM` in the environment, or one that is installed."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else _NAMES:
        if program := shutil.which(name):
            return program
    raise BrowserError(
        "no Chromium or Chrome is installed: `make test-report` installs one on Debian and Ubuntu;"
        " elsewhere install it, or set CHROMIUM to its program"
    )


class Page:
    """A tab.

    Attributes:
        events: All that the browser has told, in order: (method, parameters).
    """

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._buffer = b""
        self._last = 0
        self._session: str | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, file: Path, fragment: str = "") -> None:
        """Open a file and wait until it has been loaded."""
        # From another page: where only the fragment differs, nothing would be loaded.
        for url in ("about:blank", file.absolute().as_uri() + fragment):
            before = len(self.events)
            self.call("Page.navigate", url=url)
            while not any(name == "Page.loadEventFired" for name, _ in self.events[before:]):
                self._next()

    def look(self, *, width: int, height: int = 900, dark: bool = False, paper: str = "") -> None:
        """Set the size of the window in CSS pixels, the colour scheme and the medium."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=paper, features=[scheme])

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression, which runs outside the page's own policy.

        A promise is awaited.
        """
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key: str, times: int = 1) -> None:
        """Press a key."""
        code, text = _KEYS[key]
        for _ in range(times):
            for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
                self.call(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=key,
                    code="Space" if key == " " else key,
                    windowsVirtualKeyCode=code,
                    text=text if kind == "keyDown" else "",
                )

    def type(self, text: str) -> None:
        """Type into the field that has the focus, as a keyboard of any script does."""
        self.call("Input.insertText", text=text)

    def click(self, element: str) -> None:
        """Click with the mouse on the middle of what a JavaScript expression gives."""
        x, y = self.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            " const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2]; }})({element})"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, file: Path) -> None:
        """Write what is on the page, all of it."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        """The page as it would be printed."""
        answer = self.call("Page.printToPDF", preferCSSPageSize=True)
        return base64.b64decode(answer["data"])

    def _next(self) -> dict[str, Any]:
        """The next message; one that answers nothing is noted."""
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], deadline - time.monotonic())
            piece = os.read(self._read, 1 << 20) if ready else b""
            if not piece:
                raise BrowserError("the browser does not answer")
            self._buffer += piece
        content, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(content)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message


@contextmanager
def running(folder: Path) -> Iterator[Page]:
    """Start a browser that keeps its profile in a new folder, and end it."""
    commands, answers = os.pipe(), os.pipe()
    # The browser wants its ends at 3 and 4, which the shell sees to.
    script = f'exec "$@" 3<&{commands[0]} 4>&{answers[1]}'
    program = [find(), *_SWITCHES, f"--user-data-dir={folder}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", script, "browser", *program],
            pass_fds=(commands[0], answers[1]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(commands[0])
    os.close(answers[1])
    try:
        yield Page(answers[0], commands[1])
    finally:
        os.close(commands[1])  # the end of its commands is the browser's end
        os.close(answers[0])
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
