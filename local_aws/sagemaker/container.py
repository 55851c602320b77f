"""Run images as processes. A folder stands for the `/opt/ml` of SageMaker's containers."""

import json
import os
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
STOP_SECONDS = 120  # between SIGTERM and SIGKILL, as with SageMaker
FLUSH_SECONDS = 0.5
KEPT_LINES = 1000

Logger = Callable[[list[str]], None]


class Container:
    """A process that runs an image. `log` gets its output in lists of lines."""

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
            # Not the server's own environment: an image must see no credentials but its role's.
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
        """Return whether the process runs."""
        return self._process.poll() is None

    def first_line(self, seconds: float) -> str | None:
        """Return the first line of output, or None if it ends or `seconds` pass without one."""
        with self._changed:
            self._changed.wait_for(lambda: self.lines or self._ended, seconds)
            return self.lines[0] if self.lines else None

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the exit code, or None if it still runs after `seconds`."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join()
        return code

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Send SIGTERM, and kill the process if it still runs after `seconds`."""
        self._process.send_signal(signal.SIGTERM)
        if self.wait(seconds) is None:
            self.kill()

    def kill(self) -> None:
        """End the process at once, with SIGKILL."""
        self._process.kill()
        self.wait()


def write_configuration(root: Path, files: dict[str, Any]) -> None:
    """Make the folders of `/opt/ml` in `root`, and write `files` as its configuration."""
    for folder in ("input/config", "input/data", "model", "output/data"):
        (root / folder).mkdir(parents=True)
    for name, content in files.items():
        (root / "input/config" / f"{name}.json").write_text(json.dumps(content))
