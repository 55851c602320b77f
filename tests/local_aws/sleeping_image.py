"""An image that trains until it is told to stop, and then leaves a model behind or not."""

import signal
import sys
import time
from pathlib import Path

LEAVES_MODEL = "leaves-model"


def main() -> None:
    """Say so, and wait for SIGTERM."""
    root = Path(sys.argv[sys.argv.index("--ml-root") + 1])

    def end(*_: object) -> None:
        if LEAVES_MODEL in (root / "input/config/hyperparameters.json").read_text():
            (root / "model/model_algo-1").write_text("half a model")
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("sleeping", flush=True)  # noqa: T201 - it is the log of the job
    time.sleep(600)


if __name__ == "__main__":
    main()
