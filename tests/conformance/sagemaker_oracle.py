"""Run by the oracle's Python: what version 2 of the SageMaker SDK writes and reads.

sagemaker_oracle.py sparse|labelled|dense MATRIX.npz OUT.recordio
sagemaker_oracle.py read IN.recordio OUT.json
sagemaker_oracle.py answers IN.recordio OUT.json
"""

import json
import sys
from pathlib import Path

import numpy as np
from sagemaker.amazon.common import (  # type: ignore[import-not-found, unused-ignore]
    read_records,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from scipy import sparse


def _write(way: str, source: str, target: str) -> None:
    matrix = sparse.csr_matrix(sparse.load_npz(source))
    labels = np.arange(matrix.shape[0], dtype=np.float32) if way == "labelled" else None
    with Path(target).open("wb") as stream:
        if way == "dense":
            write_numpy_to_dense_tensor(stream, matrix.toarray())
        else:
            write_spmatrix_to_sparse_tensor(stream, matrix, labels)


def _read(source: str, target: str) -> None:
    with Path(source).open("rb") as stream:
        tensors = [record.features["values"].float32_tensor for record in read_records(stream)]
    records = [[list(each.keys), list(each.values), list(each.shape)] for each in tensors]
    Path(target).write_text(json.dumps(records), encoding="utf-8")


def _read_answers(source: str, target: str) -> None:
    with Path(source).open("rb") as stream:
        labels = [record.label for record in read_records(stream)]
    mixtures = [list(each["topic_mixture"].float32_tensor.values) for each in labels]
    Path(target).write_text(json.dumps(mixtures), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "read":
        _read(*sys.argv[2:])
    elif sys.argv[1] == "answers":
        _read_answers(*sys.argv[2:])
    else:
        _write(*sys.argv[1:])
