"""The page of a model beside pyLDAvis: seconds to write it, size, seconds to the first picture.

    CONFORMANCE_PYLDAVIS_PYTHON=.venv-pyldavis/bin/python python -m benchmarks.explorer

Prints the table for README.md. Both sides get the same mixtures, and take turns. The NYT counts
come from the folder that SHARED_DATA names. The pictures are those of a headless Chromium.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.fits import SHARED, show
from benchmarks.planted import draw
from data_prep.convert import convert
from data_prep.documents import TrainTest, read_train_test
from tests.browser.explorer import see
from tests.support import chromium
from topics.lda.spectral import fit
from topics.model.topic_model import Model
from topics.report.model_page import write_report
from topics.report.overview import Overview, summarize

ROUNDS = 3
TOPICS = 10  # of NYT
LARGE = (100, 50_000, 20_000, 150)  # topics, words, documents, words a document
PROCESSES = {"as it comes": -1, "one process": 1}
# When the frame after the one in which the explorer was shown has been painted.
PAINTED = """new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
  () => done(performance.now()))))"""


def nyt(folder: Path) -> tuple[Model, TrainTest]:
    """Fit the New York Times counts."""
    convert(SHARED / "nyt" / "nyt_data.txt", SHARED / "nyt" / "nyt_vocab.dat", folder / "nyt")
    corpus = read_train_test(folder / "nyt")
    return fit(corpus.train, TOPICS), corpus


def planted(_: Path) -> tuple[Model, TrainTest]:
    """Draw a large model and its documents."""
    counts, beta = draw(*LARGE)
    words = [f"word{number}" for number in range(beta.shape[1])]
    corpus = TrainTest(words, counts, None, np.arange(1, counts.shape[0] + 1))
    return Model(np.full(len(beta), 1 / len(beta)), beta), corpus


def their_seconds(overview: Overview, processes: int, folder: Path) -> float:
    """Let pyLDAvis prepare."""
    sample = overview.sample
    np.savez(
        folder / "model.npz",
        beta=sample.model.beta,
        mixtures=sample.mixtures,
        lengths=sample.counts.sum(axis=1, dtype=np.float64),
    )
    script = str(Path(__file__).with_name("pyldavis_prepare.py"))
    # -P: beside the script lie files that are named as libraries.
    command = [os.environ["CONFORMANCE_PYLDAVIS_PYTHON"], "-P", script]
    command += [str(folder / "model.npz"), str(processes)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"pyLDAvis failed\n{done.stderr}")
    return float(done.stdout)


def our_seconds(overview: Overview, page: Path) -> float:
    """Write the page."""
    start = time.perf_counter()
    write_report(page, overview)
    return time.perf_counter() - start


def picture_seconds(page: Path) -> float:
    """Open the page in a browser that has just been started."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as profile,
        chromium.running(Path(profile)) as browser,
    ):
        browser.look(width=1280)
        see(browser, page)
        milliseconds: float = browser.evaluate(PAINTED)
    return milliseconds / 1000


def main() -> None:
    """Measure, and print."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        page = folder / "page.html"
        for make in (nyt, planted):
            model, corpus = make(folder)
            overview = summarize(model, make.__name__, corpus)
            theirs: dict[str, list[float]] = {way: [] for way in PROCESSES}
            ours, pictures = [], []
            for _ in range(ROUNDS):
                for way, processes in PROCESSES.items():
                    theirs[way].append(their_seconds(overview, processes, folder))
                ours.append(our_seconds(overview, page))
                pictures.append(picture_seconds(page))
            topics, words = model.beta.shape
            rows.append(
                f"{topics} | {words:,}"
                + "".join(f" | {median(seconds):.2f}" for seconds in theirs.values())
                + f" | {median(ours):.2f} | {median(ours) / median(theirs['one process']):.3f}"
                f" | {page.stat().st_size / 1e6:.2f} | {median(pictures):.2f}"
            )
    show(
        "The page of a model",
        "K | V | prepare, as it comes, s | prepare, one process, s | the page, s | of one process"
        " | MB of the page | s to the first picture",
        rows,
    )


if __name__ == "__main__":
    main()
