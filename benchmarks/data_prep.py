"""Corpus to RecordIO: `data_prep` against version 2 of the SageMaker SDK, in one run.

    CONFORMANCE_SAGEMAKER_PYTHON=.venv-sagemaker/bin/python python -m benchmarks.data_prep

Prints a table for README.md and draws data_prep.png. The NYT counts come from the folder that
SHARED_DATA names; the large corpus is made in a temporary folder, and takes 3 GB while it runs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.zipf_corpus import DOCUMENTS, VOCABULARY, write_corpus

ROOT = Path(__file__).parents[1]
NYT_WORDS = 3012
REPORT = """
seconds = time.perf_counter() - start
import re, resource
own = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(seconds, max(own, children) / 1024)
"""
OURS = """\
import sys, time
from pathlib import Path
from data_prep.convert import convert
corpus, vocabulary, out = map(Path, sys.argv[1:4])
start = time.perf_counter()
convert(corpus, vocabulary, out, jobs=int(sys.argv[4]))
"""
FLOOR = """\
import os, sys, time
block = os.urandom(1 << 20)
start = time.perf_counter()
with open(sys.argv[1], "wb") as stream:
    for _ in range(int(sys.argv[2])): stream.write(block)
    stream.flush(); os.fsync(stream.fileno())
"""


class Run(NamedTuple):
    """One measurement: seconds inside the process and of all of it, peak MB, MB of output."""

    inside: float
    whole: float
    memory: float
    output: float


Way = Callable[[Path], Run]


def measure(command: Sequence[str | Path], folder: Path, outputs: str) -> Run:
    """Run a program that prints the seconds its work took and the peak MB of its processes.

    `outputs` is the pattern of the files in `folder` that count as its output.
    """
    start = time.perf_counter()
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    whole = time.perf_counter() - start
    if result.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    inside, memory = map(float, result.stdout.split()[-2:])
    return Run(
        inside, whole, memory, sum(path.stat().st_size for path in folder.rglob(outputs)) / 1e6
    )


def ours(corpus: Path, vocabulary: Path, jobs: int) -> Way:
    """Return the way of `data_prep`, with a number of processes."""

    def run(folder: Path) -> Run:
        program: list[str | Path] = [sys.executable, "-c", OURS + REPORT]
        return measure([*program, corpus, vocabulary, folder, str(jobs)], folder, "*.recordio")

    return run


def sdk(way: str, corpus: Path, words: int) -> Way:
    """Return a way of the SDK: `dense` or `sparse`."""

    def run(folder: Path) -> Run:
        outputs = [folder / "sdk.train", folder / "sdk.test"]
        script = ROOT / "benchmarks" / "sdk_ways.py"
        python = os.environ["CONFORMANCE_SAGEMAKER_PYTHON"]
        return measure([python, script, way, corpus, str(words), *outputs], folder, "sdk.*")

    return run


def floor(size: float) -> Way:
    """Return the writing and syncing of as many megabytes."""

    def run(folder: Path) -> Run:
        file = folder / "floor"
        program: list[str | Path] = [sys.executable, "-c", FLOOR + REPORT, file]
        return measure([*program, str(round(size * 1e6) >> 20)], folder, "floor")

    return run


def medians(ways: dict[str, Way], runs: int) -> dict[str, Run]:
    """Run all ways in turn, several times."""
    found: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                found[name].append(way(Path(folder)))
    return {name: Run(*map(median, zip(*each, strict=True))) for name, each in found.items()}


def show(title: str, results: dict[str, Run]) -> None:
    """Print a table, ratios to its first row included."""
    first = next(iter(results.values()))
    lines = [
        f"\n{title}\n",
        "| way | inside the process | whole process | peak memory | output |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, run in results.items():
        lines.append(
            f"| {name} | {run.inside:.3f} s ({first.inside / run.inside:.1f}x) "
            f"| {run.whole:.2f} s ({first.whole / run.whole:.1f}x) "
            f"| {run.memory:,.0f} MB (1/{first.memory / run.memory:.1f}) "
            f"| {run.output:,.1f} MB (1/{first.output / run.output:.1f}) |"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def plot(results: dict[str, dict[str, Run]], path: Path) -> None:
    """Draw seconds and memory of all ways."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.2 * len(results)), layout="constrained", dpi=120)
    grid = figure.subplots(len(results), 2)
    for axes, (title, ways) in zip(grid, results.items(), strict=True):
        for axis, values, label in (
            (axes[0], [run.inside for run in ways.values()], "seconds inside the process"),
            (axes[1], [run.memory for run in ways.values()], "peak MB of a process"),
        ):
            bars = axis.barh(list(ways), values, log=True)
            axis.bar_label(bars, fmt=_label, padding=3)
            axis.margins(x=0.25)
            axis.invert_yaxis()
            axis.set(title=title, xlabel=label)
        axes[1].set_yticks([])
    figure.savefig(path)


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="of which the medians are shown")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="of the large corpus")
    options = parser.parse_args()
    data = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data")) / "nyt"
    results = {}
    load = os.getloadavg()[0]

    nyt, words = data / "nyt_data.txt", data / "nyt_vocab.dat"
    title = "New York Times counts, 9,172 x 3,012"
    results[title] = medians(
        {
            "SDK, dense (the notebook's)": sdk("dense", nyt, NYT_WORDS),
            "SDK, sparse": sdk("sparse", nyt, NYT_WORDS),
            "data_prep": ours(nyt, words, 1),
        },
        options.runs,
    )
    show(title, results[title])

    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        write_corpus(folder, options.documents)
        corpus, docword, words = (
            folder / file for file in ("corpus.txt", "docword.txt", "vocab.txt")
        )
        size = ours(corpus, words, 2)(folder / "first").output
        total = json.loads((folder / "first" / "manifest.json").read_text(encoding="utf-8"))
        nonzeros = sum(total[part]["nonzeros"] for part in ("train", "test"))
        title = f"{options.documents:,} x {VOCABULARY:,}, {nonzeros / 1e6:.1f} M non-zeros"
        results[title] = medians(
            {
                "SDK, sparse": sdk("sparse", corpus, VOCABULARY),
                "data_prep, 1 process": ours(corpus, words, 1),
                "data_prep, 2 jobs": ours(corpus, words, 2),
                "data_prep, UCI docword, 1 process": ours(docword, words, 1),
                "data_prep, UCI docword, 2 jobs": ours(docword, words, 2),
                "floor: write and sync": floor(size),
            },
            options.runs,
        )
        show(title, results[title])
    plot(results, Path(__file__).with_suffix(".png"))
    sys.stdout.write(f"\nload of the machine: {load:.1f} before, {os.getloadavg()[0]:.1f} after\n")


if __name__ == "__main__":
    main()
