"""Write topic mixtures as answers, in JSON or RecordIO-protobuf.

Source: "Common Data Formats for Inference" in the Amazon SageMaker developer guide. A record has
its mixture as a label: `label { "topic_mixture": { float32_tensor { values } } }`.
"""

import json
import struct

import numpy as np
from numpy.typing import NDArray

from data_prep.recordio import MAGIC
from data_prep.recordio.varints import encode_varint
from local_aws.lda_image.word_counts import JSON, RECORDIO

_KEY = b"topic_mixture"


def write_json(mixtures: NDArray[np.float64]) -> bytes:
    """Write `{"predictions": [{"topic_mixture": [...]}, ...]}`."""
    predictions = [{"topic_mixture": mixture} for mixture in mixtures.tolist()]
    return json.dumps({"predictions": predictions}).encode()


def write_recordio(mixtures: NDArray[np.float64]) -> bytes:
    """Write one record for each row, in float32."""
    rows = mixtures.astype("<f4")
    size = rows.shape[1] * rows.itemsize
    head = _field(b"\x0a", size)  # of the tensor: values
    head = _field(b"\x12", len(head) + size) + head  # of the value: float32_tensor
    head = _field(b"\x12", len(head) + size) + head  # of the entry: its value
    head = _field(b"\x0a", len(_KEY)) + _KEY + head  # of the entry: its key
    head = _field(b"\x12", len(head) + size) + head  # of the record: label
    head = struct.pack("<II", MAGIC, len(head) + size) + head
    padding = bytes(-(len(head) + size) % 4)
    return b"".join(head + row.tobytes() + padding for row in rows)


def _field(tag: bytes, size: int) -> bytes:
    return tag + encode_varint(size)


WRITERS = {JSON: write_json, RECORDIO: write_recordio}
