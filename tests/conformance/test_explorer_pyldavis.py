"""The numbers of the explorer against those of pyLDAvis's `prepare`."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from data_prep.convert import convert
from data_prep.documents import TrainTest, read_train_test
from topics.lda.spectral import fit
from topics.model.topic_model import Model
from topics.quality.distances import jensen_shannon, principal_coordinates
from topics.quality.relevance import relevance
from topics.report.sample import Sample, take_sample

PYTHON = os.environ["CONFORMANCE_PYLDAVIS_PYTHON"]  # without it this file is not collected
NEAR = 1e-6


def prepare(sample: Sample, folder: Path) -> dict[str, np.ndarray]:
    np.savez(
        folder / "model.npz",
        beta=sample.model.beta,
        mixtures=sample.mixtures,
        lengths=sample.counts.sum(axis=1, dtype=np.float64),
    )
    script = Path(__file__).with_name("pyldavis_oracle.py")
    arguments = [PYTHON, str(script), str(folder / "model.npz"), str(folder / "prepared.npz")]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    with np.load(folder / "prepared.npz") as prepared:
        return dict(prepared)


def apart(points: np.ndarray) -> np.ndarray:
    """The distances on a map, which don't depend on the directions of its axes."""
    distances: np.ndarray = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
    return distances


def check(model: Model, corpus: TrainTest, folder: Path) -> None:
    sample = take_sample(model, corpus)
    theirs = prepare(sample, folder)
    assert np.abs(sample.shares - theirs["shares"]).max() < NEAR
    points = principal_coordinates(jensen_shannon(model.beta))
    assert np.abs(apart(points) - apart(theirs["points"])).max() < NEAR
    has = model.beta > 0
    assert has.sum() > has.size / 10
    assert (theirs["log_probability"][~has] == -np.inf).all()
    for weight in (0, 0.25, 0.6, 1):
        ours = relevance(model.beta, sample.shares, weight)
        parts = weight * theirs["log_probability"][has] + (1 - weight) * theirs["log_lift"][has]
        assert np.abs(ours[has] - parts).max() < NEAR
        assert (ours[~has] == -np.inf).all()


def test_a_small_model_has_the_numbers_of_pyldavis(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(200, 0.1), 5)
    beta[beta < 1e-4] = 0
    beta /= beta.sum(axis=1, keepdims=True)
    mixtures = rng.dirichlet(np.full(5, 0.3), 60)
    counts = np.array([rng.multinomial(80, mixture @ beta) for mixture in mixtures])
    words = [f"word{number}" for number in range(200)]
    train = sparse.csr_array(counts.astype(np.float32))
    check(Model(np.full(5, 0.3), beta), TrainTest(words, train, None, np.arange(1, 61)), tmp_path)


@pytest.mark.parametrize("topics", [2, 10, 40])
def test_the_new_york_times_have_the_numbers_of_pyldavis(
    topics: int, nyt: Path, tmp_path: Path
) -> None:
    convert(nyt / "nyt_data.txt", nyt / "nyt_vocab.dat", tmp_path / "corpus")
    corpus = read_train_test(tmp_path / "corpus")
    check(fit(corpus.train, topics), corpus, tmp_path)
