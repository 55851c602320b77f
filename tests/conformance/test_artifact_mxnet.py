"""Our model files against those of MXNet 1.9.1."""

import os
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from topics.model.archive import Model, decode, encode

PYTHON = os.environ["CONFORMANCE_MXNET_PYTHON"]  # without it this file is not collected


def mxnet(command: str, source: Path, target: Path) -> None:
    script = Path(__file__).with_name("mxnet_oracle.py")
    arguments = [PYTHON, str(script), command, str(source), str(target)]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def random_model(topics: int, words: int) -> Model:
    rng = np.random.default_rng(topics)
    beta = rng.dirichlet(np.full(words, 0.1), topics).astype(np.float32)
    alpha = rng.uniform(0.01, 1, topics).astype(np.float32)
    return Model(alpha.astype(np.float64), beta.astype(np.float64))


SIZES = [(1, 1), (2, 3), (10, 3012), (150, 5000)]


@pytest.mark.parametrize(("topics", "words"), SIZES)
def test_our_bytes_are_those_of_mxnet(topics: int, words: int, tmp_path: Path) -> None:
    model = random_model(topics, words)
    np.savez(tmp_path / "model.npz", alpha=model.alpha, beta=model.beta)
    mxnet("save", tmp_path / "model.npz", tmp_path / "model_algo-1")
    theirs = (tmp_path / "model_algo-1").read_bytes()
    assert encode(model) == theirs
    np.testing.assert_allclose(decode(theirs, "it").beta, model.beta, rtol=1e-6)


@pytest.mark.parametrize(("topics", "words"), SIZES)
def test_mxnet_reads_what_we_write(topics: int, words: int, tmp_path: Path) -> None:
    model = random_model(topics, words)
    (tmp_path / "model_algo-1").write_bytes(encode(model))
    mxnet("load", tmp_path / "model_algo-1", tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as arrays:
        assert np.array_equal(arrays["alpha"], model.alpha)
        assert np.array_equal(arrays["beta"], model.beta)


@pytest.mark.parametrize(("topics", "words"), SIZES)
def test_mxnet_writes_again_what_it_has_read_of_ours(
    topics: int, words: int, tmp_path: Path
) -> None:
    content = encode(random_model(topics, words))
    (tmp_path / "ours").write_bytes(content)
    mxnet("resave", tmp_path / "ours", tmp_path / "theirs")
    assert (tmp_path / "theirs").read_bytes() == content


def older_layout(model: Model, version: int) -> bytes:
    """The file of MXNet 0.11 (version 1) and before it (0), which had no storage type."""
    parts = [struct.pack("<QQQ", 0x112, 0, 2)]
    for array in (model.alpha.astype("<f4"), model.beta.astype("<f4")):
        if version == 1:
            parts.append(struct.pack(f"<II{array.ndim}q", 0xF993FAC8, array.ndim, *array.shape))
        else:
            parts.append(struct.pack(f"<I{array.ndim}I", array.ndim, *array.shape))
        parts.append(struct.pack("<iii", 1, 0, 0) + array.tobytes())
    return b"".join([*parts, struct.pack("<Q", 0)])


@pytest.mark.parametrize("version", [0, 1])
def test_older_layouts_are_read_as_mxnet_reads_them(version: int, tmp_path: Path) -> None:
    content = older_layout(random_model(3, 7), version)
    (tmp_path / "old").write_bytes(content)
    mxnet("load", tmp_path / "old", tmp_path / "model.npz")
    ours = decode(content, "it")
    with np.load(tmp_path / "model.npz") as arrays:
        assert np.array_equal(arrays["alpha"], ours.alpha)
        np.testing.assert_allclose(arrays["beta"], ours.beta, rtol=1e-6)


def test_the_pinned_bytes_of_the_unit_test_are_mxnets(tmp_path: Path) -> None:
    beta = [[0.5, 0.25, 0.25], [0, 0.5, 0.5]]
    np.savez(tmp_path / "model.npz", alpha=[0.5, 1.5], beta=beta)
    mxnet("save", tmp_path / "model.npz", tmp_path / "model_algo-1")
    assert (tmp_path / "model_algo-1").read_bytes().hex() == (
        "120100000000000000000000000000000200000000000000"
        "c9fa93f9000000000100000002000000000000000100000000000000000000000000003f0000c03f"
        "c9fa93f9000000000200000002000000000000000300000000000000010000000000000000000000"
        "0000003f0000803e0000803e000000000000003f0000003f0000000000000000"
    )
