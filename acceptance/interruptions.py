"""Let only the first signal end a run: the destruction afterwards must not be interrupted."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """Within the block, only the first signal raises KeyboardInterrupt; after `hold` none does."""

    def __init__(self) -> None:
        self._held = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as after `nohup`
                self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Let no signal interrupt from here on."""
        self._held = True

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._held:
            print(f"{name}: everything is being destroyed; please wait", flush=True)
            return
        self._held = True
        print(f"{name}: the run ends here, and everything is destroyed", flush=True)
        raise KeyboardInterrupt
