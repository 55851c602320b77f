"""Images as processes: the SageMaker container contract on a folder that stands for `/opt/ml`."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent.parent
IMAGE = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<repository>[^:]+):(?P<tag>.+)"
)
# Image repository and tag -> the module that is the image.
IMAGES = {("lda", "1"): "local_aws.lda_image"}
STOP_SECONDS = 120  # between SIGTERM and SIGKILL, as SageMaker grants
FLUSH_SECONDS = 0.5
KEPT_LINES = 1000

Logger = Callable[[list[str]], None]


class ImageError(ValueError):
    """There is no such image here; the message names it."""


def image_module(uri: str) -> str:
    """The module that stands for the image at `uri`."""
    match = IMAGE.fullmatch(uri)
    module = IMAGES.get((match["repository"], match["tag"])) if match else None
    if module is None:
        raise ImageError(f"Cannot pull image {uri}: it does not exist or access is denied")
    return module


class Container:
    """A process that runs an image; its output goes line by line to `log`."""

    def __init__(
        self, module: str, arguments: list[str], environment: dict[str, str], log: Logger
    ) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._log = log
        read, write = os.pipe()
        self._output = os.fdopen(read, errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=subprocess.STDOUT,
            # Nothing of the server's own environment: an image sees no credentials but its role's.
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
            | environment,
        )
        os.close(write)
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        waiting: list[str] = []
        flushed = time.monotonic()
        with self._output as output:
            for line in output:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
                waiting.append(line.rstrip("\n"))
                if time.monotonic() - flushed >= FLUSH_SECONDS:
                    self._log(waiting)
                    waiting, flushed = [], time.monotonic()
        if waiting:
            self._log(waiting)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    def first_line(self, seconds: float) -> str | None:
        """The first line it prints, or None when it ends or `seconds` pass without one."""
        with self._changed:
            self._changed.wait_for(lambda: self.lines or self._ended, seconds)
            return self.lines[0] if self.lines else None

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code, or None when it still runs after `seconds`."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join()
        return code

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end with SIGTERM, and kill it when it has not after `seconds`."""
        self._process.send_signal(signal.SIGTERM)
        if self.wait(seconds) is None:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, at once and without a chance to end well."""
        self._process.kill()
        self.wait()


def write_configuration(root: Path, files: dict[str, Any]) -> None:
    """Lay out `root` as a training container finds `/opt/ml`, with `files` as its configuration."""
    for folder in ("input/config", "input/data", "model", "output/data"):
        (root / folder).mkdir(parents=True)
    for name, content in files.items():
        (root / "input/config" / f"{name}.json").write_text(json.dumps(content))
