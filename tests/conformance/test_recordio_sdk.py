"""Our records against those of version 2 of the SageMaker SDK."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import DTypeLike
from scipy import sparse

from data_prep.convert import convert
from data_prep.recordio import encode, read_matrix
from local_aws.lda_image.answers import write_recordio


def sdk(*arguments: str | Path) -> None:
    python = os.environ["CONFORMANCE_SAGEMAKER_PYTHON"]
    script = Path(__file__).with_name("sagemaker_oracle.py")
    result = subprocess.run([python, script, *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def random_counts(words: int, dtype: DTypeLike = np.float32) -> sparse.csr_array:
    rng = np.random.default_rng(words)
    lengths = rng.integers(1, min(words, 200), 300, endpoint=True)
    ids = [np.sort(rng.choice(words, length, replace=False)) for length in lengths]
    counts = rng.integers(1, 1 << 24, lengths.sum()).astype(dtype)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    return sparse.csr_array((counts, np.concatenate(ids), indptr), shape=(300, words))


def sdk_writes(way: str, matrix: sparse.csr_array, folder: Path) -> Path:
    sparse.save_npz(folder / "matrix.npz", matrix)
    sdk(way, folder / "matrix.npz", folder / "sdk.recordio")
    return folder / "sdk.recordio"


def same(one: sparse.csr_array, other: sparse.csr_array) -> bool:
    return (
        one.shape == other.shape
        and np.array_equal(one.indptr, other.indptr)
        and np.array_equal(one.indices, other.indices)
        and np.array_equal(one.data, other.data)
    )


@pytest.mark.parametrize("words", [1, 5, 127, 128, 129, 16_384, 16_385, 102_660, 3_000_000])
def test_our_bytes_are_those_of_the_sdk(words: int, tmp_path: Path) -> None:
    matrix = random_counts(words)
    assert b"".join(encode(matrix)) == sdk_writes("sparse", matrix, tmp_path).read_bytes()


def test_our_files_of_the_nyt_counts_are_those_of_the_sdk(nyt: Path, tmp_path: Path) -> None:
    lines = (nyt / "nyt_data.txt").read_text(encoding="utf-8").splitlines()
    pairs = [pair.split(":") for line in lines for pair in line.split(",")]
    indptr = np.cumsum([0, *(line.count(",") + 1 for line in lines)])
    ids = np.array([int(word) - 1 for word, _ in pairs])
    counts = np.array([int(count) for _, count in pairs], np.float32)
    matrix = sparse.csr_array((counts, ids, indptr), shape=(9172, 3012))
    convert(nyt / "nyt_data.txt", nyt / "nyt_vocab.dat", tmp_path / "ours")
    for file, rows in (("train", matrix[:8713]), ("test", matrix[8713:])):
        theirs = sdk_writes("sparse", rows, tmp_path).read_bytes()
        assert (tmp_path / "ours" / f"{file}.recordio").read_bytes() == theirs


@pytest.mark.parametrize("words", [5, 30_000])
def test_the_sdk_reads_what_we_write(words: int, tmp_path: Path) -> None:
    matrix = random_counts(words)
    (tmp_path / "ours.recordio").write_bytes(b"".join(encode(matrix)))
    sdk("read", tmp_path / "ours.recordio", tmp_path / "records.json")
    records = json.loads((tmp_path / "records.json").read_text(encoding="utf-8"))
    bounds = matrix.indptr[1:-1]
    assert [each[0] for each in records] == [
        row.tolist() for row in np.split(matrix.indices, bounds)
    ]
    assert [each[1] for each in records] == [row.tolist() for row in np.split(matrix.data, bounds)]
    assert all(each[2] == [words] for each in records)


def test_the_sdk_reads_a_record_that_starts_with_a_uid(tmp_path: Path) -> None:
    keys = [0, 1, 10, 35, 26455]
    matrix = sparse.csr_array((np.ones(5, np.float32), keys, [0, 5]), shape=(1, 30_000))
    content = b"".join(encode(matrix))
    (tmp_path / "ours.recordio").write_bytes(content)
    sdk("read", tmp_path / "ours.recordio", tmp_path / "records.json")
    records = json.loads((tmp_path / "records.json").read_text(encoding="utf-8"))
    assert content[8:10] == b"\x1a\x00"
    assert records == [[keys, [1.0] * 5, [30_000]]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("way", ["sparse", "labelled", "dense"])
def test_we_read_what_the_sdk_writes(way: str, dtype: DTypeLike, tmp_path: Path) -> None:
    matrix = random_counts(500, dtype)
    with sdk_writes(way, matrix, tmp_path).open("rb") as stream:
        assert same(read_matrix(stream, 500), matrix)


@pytest.mark.parametrize("topics", [1, 3, 31, 32, 150])
def test_the_sdk_reads_the_mixtures_that_the_image_answers(topics: int, tmp_path: Path) -> None:
    mixtures = np.random.default_rng(0).dirichlet(np.full(topics, 0.3), 20)
    (tmp_path / "answer").write_bytes(write_recordio(mixtures))
    sdk("answers", tmp_path / "answer", tmp_path / "answer.json")
    read = json.loads((tmp_path / "answer.json").read_text())
    assert np.array_equal(np.float32(read), np.float32(mixtures))
