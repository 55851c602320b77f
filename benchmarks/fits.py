"""Run fits of `topics` and of its peers, each in a process of its own, and print tables."""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from topics.model.topic_model import Model

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
SPECTRAL, REFINED = "topics, spectral", "topics, refined"
OURS = {SPECTRAL: "fit", REFINED: "refine"}


class Fit(NamedTuple):
    """A fit: what it took, and the model.

    Attributes:
        seconds: Of the fit alone, by the clock.
        processor: Seconds of all cores for the whole process, with its imports and its reading.
        memory: Peak MB of the process; of ours alone.
        model: What was found.
    """

    seconds: float
    processor: float
    memory: float
    model: Model


def run(engine: str, counts: Path, topics: int, seed: int) -> Fit:
    """Fit in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        out = Path(folder) / "model.npz"
        rest = [str(counts), str(topics), str(seed), str(out)]
        if engine in OURS:
            command = [sys.executable, "-m", "benchmarks.lda_ours", OURS[engine], *rest]
        else:
            script = str(ROOT / "benchmarks" / "lda_peers.py")
            # -P: beside the script lies a file that is named as one of the peers.
            command = [os.environ["BENCH_LDA_PYTHON"], "-P", script, engine, *rest]
        before = _processor()
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        processor = _processor() - before
        if result.returncode:
            sys.exit(f"failed: {engine}\n{result.stderr}")
        numbers = [float(number) for number in result.stdout.split()]
        with np.load(out) as arrays:
            model = Model(arrays["alpha"].astype(np.float64), arrays["beta"].astype(np.float64))
    return Fit(numbers[0], processor, numbers[1] if len(numbers) > 1 else 0, model)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def save(counts: sparse.csr_array, file: Path) -> Path:
    """Save counts for `run`."""
    sparse.save_npz(file, sparse.csr_matrix(counts), compressed=False)
    return file


def show(title: str, head: str, rows: list[str]) -> None:
    """Print a table."""
    line = " | ".join(["---"] * len(head.split(" | ")))
    text = "\n".join(f"| {row} |" for row in [head, line, *rows])
    sys.stdout.write(f"\n### {title}\n\n{text}\n")
    sys.stdout.flush()
