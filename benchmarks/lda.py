"""Topic models: `topics` against scikit-learn, gensim, tomotopy and lda, in one run.

    BENCH_LDA_PYTHON=.venv-lda/bin/python python -m benchmarks.lda [PART ...]

Prints the tables for README.md and draws lda.png. Every fit is a process of its own, and all
engines take turns. The corpora come from the folder that SHARED_DATA names.
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median, stdev
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.corpora import measure_corpora
from benchmarks.fits import OURS, ROOT, SHARED, SPECTRAL, Fit, run, save, show
from benchmarks.lda_peers import ENGINES
from benchmarks.planted import draw
from data_prep.convert import convert
from data_prep.recordio import read_matrix
from topics.endpoint.payload import CONTENT_TYPES
from topics.lda.mixtures import infer
from topics.lda.spectral import fit
from topics.model import archive
from topics.model.top_words import top_ids
from topics.model.topic_model import Model
from topics.quality.coherence import npmi
from topics.quality.likelihood import per_word_log_likelihood
from topics.quality.matching import match_topics

TOPICS = 10  # of NYT
PLANTED = [  # topics, words, documents, words a document
    (10, 3012, 8447, 300),
    (50, 3012, 8447, 300),
    (10, 30_000, 8447, 300),
    (50, 30_000, 20_000, 300),
]
LARGE = (100, 50_000, 100_000, 150)
GROWTH = {  # of one number, the others as in BASE
    "documents": [10_000, 20_000, 40_000, 80_000],
    "words": [5_000, 10_000, 20_000, 40_000],
    "topics": [15, 30, 60, 120],
}
BASE = {"topics": 30, "words": 10_000, "documents": 20_000}
GROWTH_LENGTH = 150
SEEDS = 20
BATCH = 400  # documents of a request


class Corpora:
    """The NYT counts, split by `data_prep`, and what is saved for the processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        convert(SHARED / "nyt" / "nyt_data.txt", SHARED / "nyt" / "nyt_vocab.dat", folder / "nyt")
        self.train, self.test = map(self._read, ("train", "test"))
        self.nyt = self.save(self.train, "nyt")

    def _read(self, part: str) -> sparse.csr_array:
        with (self.folder / "nyt" / f"{part}.recordio").open("rb") as stream:
            return read_matrix(stream)

    def save(self, counts: sparse.csr_array, name: str) -> Path:
        """Save counts for `run`."""
        return save(counts, self.folder / f"{name}.npz")


def measure_quality(corpora: Corpora, runs: int) -> None:
    """Fit the NYT counts with all engines, each round with another seed."""
    found: dict[str, list[Fit]] = {engine: [] for engine in [*OURS, *ENGINES]}
    for seed in range(runs):
        for engine, fits in found.items():
            fits.append(run(engine, corpora.nyt, TOPICS, seed))
    seconds = {engine: median(each.seconds for each in fits) for engine, fits in found.items()}
    slowest = next(iter(ENGINES))
    rows = []
    for engine, fits in found.items():
        scores = [per_word_log_likelihood(each.model, corpora.test) for each in fits]
        coherence = [npmi(top_ids(each.model, 10), corpora.train).mean() for each in fits]
        rows.append(
            f"{engine} | {seconds[engine]:.2f} | {seconds[slowest] / seconds[engine]:.1f}x"
            f" | {median(scores):.4f} ({min(scores):.4f} to {max(scores):.4f})"
            f" | {median(coherence):.4f}"
        )
    show(
        f"New York Times counts, K = {TOPICS}",
        "engine | seconds | faster than scikit-learn | log likelihood (range) | NPMI",
        rows,
    )


def measure_seeds(corpora: Corpora, runs: int) -> None:
    """Score models of many seeds."""
    del runs
    rows = []
    for engine in OURS:
        models = [run(engine, corpora.nyt, TOPICS, seed).model for seed in range(SEEDS)]
        scores = [per_word_log_likelihood(model, corpora.test) for model in models]
        rows.append(f"{engine} | {np.mean(scores):.5f} | {stdev(scores):.1e}")
    show(f"{SEEDS} seeds", "engine | mean log likelihood | standard deviation", rows)


def measure_planted(corpora: Corpora, runs: int) -> None:
    """Look for planted topics, with one BLAS thread and core, and with all."""
    rows = []
    for topics, words, documents, length in PLANTED:
        counts, beta = draw(topics, words, documents, length)
        file = corpora.save(counts, "planted")
        for engine in OURS:
            fits = [run(engine, file, topics, seed) for seed in range(runs)]
            cosine = min(match_topics(beta, each.model.beta).cosine.min() for each in fits)
            cores = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {min(cores)})  # the process inherits it
            alone = run(engine, file, topics, 0)
            os.sched_setaffinity(0, cores)
            apart = np.abs(alone.model.beta - fits[0].model.beta).max()
            rows.append(
                f"{topics} | {words:,} | {documents:,} | {engine}"
                f" | {median(each.seconds for each in fits):.2f} | {cosine:.4f} | {apart:.0e}"
            )
    show(
        "Planted topics",
        "K | V | documents | engine | seconds | worst cosine of all seeds | difference on one core",
        rows,
    )


def measure_large(corpora: Corpora, runs: int) -> None:
    """Fit a corpus of the largest size that is promised."""
    del runs
    topics, words, documents, length = LARGE
    counts, beta = draw(topics, words, documents, length)
    file = corpora.save(counts, "large")
    fitted = run(SPECTRAL, file, topics, 0)
    cosine = match_topics(beta, fitted.model.beta).cosine.min()
    show(
        f"K = {topics}, V = {words:,}, {documents:,} documents, {counts.nnz / 1e6:.1f} M non-zeros",
        "engine | seconds | peak MB | worst cosine",
        [f"{SPECTRAL} | {fitted.seconds:.1f} | {fitted.memory:,.0f} | {cosine:.4f}"],
    )


def measure_growth(corpora: Corpora, runs: int) -> None:
    """Fit corpora that grow in one direction, and draw how the time grows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.5), layout="constrained", dpi=100)
    rows = []
    for name, axis in zip(GROWTH, figure.subplots(1, len(GROWTH)), strict=True):
        for engine in OURS:
            seconds = []
            for number in GROWTH[name]:
                size = BASE | {name: number}
                counts, _ = draw(size["topics"], size["words"], size["documents"], GROWTH_LENGTH)
                file = corpora.save(counts, "growth")
                fits = [run(engine, file, size["topics"], seed) for seed in range(runs)]
                seconds.append(median(each.seconds for each in fits))
                memory = median(each.memory for each in fits)
                rows.append(f"{name} | {number:,} | {engine} | {seconds[-1]:.2f} | {memory:,.0f}")
            axis.plot(GROWTH[name], seconds, marker="o", label=engine)
        rest = ", ".join(f"{value:,} {key}" for key, value in BASE.items() if key != name)
        axis.set(title=rest, xlabel=name, ylabel="seconds", ylim=0, xlim=0)
        axis.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
    show("Growth", "grows | to | engine | seconds | peak MB", rows)


def measure_inference(corpora: Corpora, runs: int) -> None:
    """Infer mixtures under the same model as scikit-learn's `transform`."""
    from sklearn.decomposition import (  # type: ignore[import-untyped]
        LatentDirichletAllocation,
    )

    theirs = LatentDirichletAllocation(TOPICS, learning_method="online", random_state=0)
    theirs.fit(sparse.csr_matrix(corpora.train))
    beta = theirs.components_ / theirs.components_.sum(axis=1, keepdims=True)
    model = Model(np.full(TOPICS, 1 / TOPICS), beta)
    counts = [corpora.test, *(corpora.test[[row]] for row in range(100))]
    matrices = [sparse.csr_matrix(each) for each in counts]
    ways: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "scikit-learn, transform": (theirs.transform, matrices),
        "topics, infer": (partial(infer, model), counts),
    }
    whole: dict[str, list[float]] = {way: [] for way in ways}
    alone: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(4 * runs):
        for way, (work, (together, *single)) in ways.items():
            whole[way].append(clock(work, together))
            alone[way] += [clock(work, each) for each in single]
    documents = corpora.test.shape[0]
    show(
        f"Topic mixtures of {documents} held-out documents, K = {TOPICS}",
        "way | documents a second, all at once | ms for one alone",
        [
            f"{way} | {documents / median(whole[way]):,.0f} | {1000 * median(alone[way]):.3f}"
            for way in ways
        ],
    )


def measure_server(corpora: Corpora, runs: int) -> None:
    """Ask the image's server, on its own port."""
    root = corpora.folder / "ml"
    (root / "model").mkdir(parents=True)
    (root / "model" / archive.MEMBER).write_bytes(archive.encode(fit(corpora.train, TOPICS)))
    command = [sys.executable, "-m", "local_aws.lda_image", "serve", "--ml-root", str(root)]
    documents = corpora.test[:BATCH]
    rows = []
    with subprocess.Popen(
        [*command, "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        for name, form in CONTENT_TYPES.items():
            connection = http.client.HTTPConnection("127.0.0.1", port)
            together = form.head + form.between.join(form.encode(documents)) + form.tail
            alone = [form.head + body + form.tail for body in form.encode(documents)]
            send = partial(ask, connection, form.media)
            single = [clock(send, alone) / BATCH for _ in range(runs)]
            batch = [clock(send, [together] * 5) / 5 for _ in range(runs)]
            connection.close()
            rows.append(f"{name} | {1 / median(single):,.0f} | {BATCH / median(batch):,.0f}")
        server.kill()
    show(
        "The image's server, one connection",
        f"documents as | single ones a second | in batches of {BATCH}, documents a second",
        rows,
    )


def ask(connection: http.client.HTTPConnection, media: str, bodies: Iterable[bytes]) -> None:
    """Send requests one after the other."""
    for body in bodies:
        connection.request("POST", "/invocations", body, {"Content-Type": media})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"the server answered {answer.status}")


def clock(work: Callable[[Any], object], on: object) -> float:
    """Return the seconds that some work takes."""
    start = time.perf_counter()
    work(on)
    return time.perf_counter() - start


PARTS = {
    "corpora": lambda corpora, runs: measure_corpora(corpora.folder, runs),
    "quality": measure_quality,
    "seeds": measure_seeds,
    "planted": measure_planted,
    "large": measure_large,
    "growth": measure_growth,
    "inference": measure_inference,
    "server": measure_server,
}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="of which the medians are shown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        corpora = Corpora(Path(folder))
        for part in options.parts or PARTS:
            load = os.getloadavg()[0]
            PARTS[part](corpora, options.runs)
            sys.stdout.write(f"\nload: {load:.1f} before, {os.getloadavg()[0]:.1f} after\n")


if __name__ == "__main__":
    main()
