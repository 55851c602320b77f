"""RecordIO-protobuf, the training format of SageMaker's built-in algorithms, for word counts.

A file is a sequence of frames, each with one protobuf ``Record`` message: one document.
``FORMAT.md`` draws the bytes. All numbers are little-endian, on every machine.

Sources: the frame is dmlc-core's ``recordio.h``; the message is ``aialgs.data.Record`` of the
SageMaker developer guide, "Common data formats for training".
"""

from data_prep.recordio.decoding import Record, decode, read_blocks, read_labels, read_matrix
from data_prep.recordio.encoding import encode
from data_prep.recordio.framing import MAGIC, MAX_RECORD_BYTES, RecordIOError

__all__ = [
    "MAGIC",
    "MAX_RECORD_BYTES",
    "Record",
    "RecordIOError",
    "decode",
    "encode",
    "read_blocks",
    "read_labels",
    "read_matrix",
]
