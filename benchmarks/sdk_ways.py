"""The ways there are with version 2 of the SageMaker SDK, run by the Python that has it.

    python sdk_ways.py dense|sparse CORPUS VOCABULARY_SIZE TRAIN TEST

`dense` is the notebook's: Python loops over a corpus of `id:count,...` lines, a dense float64 array
and the SDK's dense writer. `sparse` makes it a sparse float32 matrix, and uses the sparse writer.
Both write into a buffer in memory first, as AWS's examples do.
Prints the seconds from the first line read to the last byte written, and the peak megabytes.
"""

import resource
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from sagemaker.amazon.common import (  # type: ignore[import-not-found, unused-ignore]
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from scipy import sparse

_TEST_FRACTION = 0.05


def _convert_dense(corpus: Path, words: int, train: Path, test: Path) -> None:
    lines = corpus.read_text(encoding="utf-8").splitlines()
    counts = np.zeros((len(lines), words))
    for row, line in enumerate(lines):
        for pair in line.split(","):
            word, count = pair.split(":")
            counts[row, int(word) - 1] += int(count)
    cut = int((1 - _TEST_FRACTION) * len(lines))
    for path, part in ((train, counts[:cut]), (test, counts[cut:])):
        buffer = BytesIO()
        write_numpy_to_dense_tensor(buffer, part)
        path.write_bytes(buffer.getbuffer())


def _convert_sparse(corpus: Path, words: int, train: Path, test: Path) -> None:
    ids, counts, bounds = [], [], [0]
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            for pair in line.split(","):
                word, count = pair.split(":")
                ids.append(int(word) - 1)
                counts.append(int(count))
            bounds.append(len(ids))
    matrix = sparse.csr_matrix(
        (np.array(counts, np.float32), ids, bounds), shape=(len(bounds) - 1, words)
    )
    cut = int((1 - _TEST_FRACTION) * matrix.shape[0])
    for path, part in ((train, matrix[:cut]), (test, matrix[cut:])):
        buffer = BytesIO()
        write_spmatrix_to_sparse_tensor(buffer, part)
        path.write_bytes(buffer.getbuffer())


if __name__ == "__main__":
    way, corpus, words, train, test = sys.argv[1:]
    convert = _convert_dense if way == "dense" else _convert_sparse
    start = time.perf_counter()
    convert(Path(corpus), int(words), Path(train), Path(test))
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{seconds} {megabytes}\n")
