"""Read RecordIO-protobuf: sparse and dense documents, as SageMaker's training takes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_prep.recordio.framing import READ_BYTES, Frame, RecordIOError, read_frames
from data_prep.recordio.varints import VarintError, decode_varints, read_varint

if TYPE_CHECKING:
    from scipy import sparse

MAX_FEATURE_DIM = (1 << 31) - 1  # the widest a SciPy matrix with 32-bit indices can be

_FEATURES, _LABELS = 1, 2  # fields of the message `Record`
_FEATURE_KEY = "values"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf wire types
_FLOAT32_TENSOR, _FLOAT64_TENSOR, _INT32_TENSOR = 2, 3, 7  # fields of the message `Value`
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_UNPACKED_WIRE = {_FLOAT32_TENSOR: _FIXED32, _FLOAT64_TENSOR: _FIXED64, _INT32_TENSOR: _VARINT}


class Record(NamedTuple):
    """One document of a file.

    Attributes:
        offset: Byte of the stream where the record's frame starts.
        keys: Word ids in the order of the file; None if the document is dense.
        values: Counts of the keys, or of every word if the document is dense.
        shape: Size of the vocabulary; None if the record does not give it.
    """

    offset: int
    keys: NDArray[np.int64] | None
    values: NDArray[np.float32]
    shape: int | None


def read_matrix(stream: BinaryIO, feature_dim: int | None = None) -> "sparse.csr_array":
    """Read all records of a stream into a matrix.

    Args:
        stream: Binary stream of RecordIO-protobuf, sparse or dense.
        feature_dim: Size of the vocabulary that every record must have; by default the size in
            the first record.

    Returns:
        (documents, vocabulary) float32 matrix with sorted word ids and no stored zeros. Counts
        given twice for one word are added up.

    Raises:
        RecordIOError: As `decode`; also if there is no record, a sparse record has no shape, or the
            vocabulary of a record has another size.
    """
    from scipy import sparse  # here, since writing does not need it: its import takes 0.2 s

    blocks = list(read_blocks(stream, feature_dim))
    if not blocks:
        raise RecordIOError("there is no record")
    return blocks[0] if len(blocks) == 1 else sparse.vstack(blocks, format="csr")


def read_blocks(
    stream: BinaryIO, feature_dim: int | None = None, start: int = 0
) -> Iterator["sparse.csr_array"]:
    """Read the records of a stream as `read_matrix` does, but some at a time, in order.

    Args:
        stream: As for `read_matrix`.
        feature_dim: As for `read_matrix`.
        start: The number of the stream's first byte in errors.

    Yields:
        (documents, vocabulary) matrices, each of about `READ_BYTES` of records.
    """
    from scipy import sparse

    for batch in _batches(read_frames(stream, start)):
        rows = _decode_usual(batch)
        if rows is None or feature_dim not in (None, rows.feature_dim):
            rows = _decode_each(batch, feature_dim)
        feature_dim = rows.feature_dim
        bounds = np.concatenate(([0], np.cumsum(rows.lengths)))
        matrix = sparse.csr_array(
            (rows.counts, rows.ids, bounds), shape=(rows.lengths.size, feature_dim)
        )
        matrix.sum_duplicates()
        yield matrix


def decode(stream: BinaryIO) -> Iterator[Record]:
    """Decode sparse and dense records one by one; labels and metadata are skipped.

    Values may be float32, float64 or int32; all are returned as float32. Memory is bounded by the
    largest record, whatever the stream claims.

    Raises:
        RecordIOError: Anything malformed, with the byte where its record starts: a wrong magic, a
            truncated frame or message, a record of more than `MAX_RECORD_BYTES`, a split record, a
            missing or empty tensor `values`, keys out of range or not as many as values, a value
            that is not a finite float32.
    """
    return (_decode_frame(frame) for frame in read_frames(stream))


def read_labels(stream: BinaryIO, key: str) -> Iterator[NDArray[np.float32]]:
    """Yield the values of a label of each record: so algorithms answer in RecordIO.

    Memory is bounded as in `decode`.

    Args:
        stream: Binary stream of RecordIO-protobuf.
        key: The label's name.

    Raises:
        RecordIOError: As `decode`; also if a record has no such label, or one with keys.
    """
    for frame in read_frames(stream):
        with _at(frame):
            values, keys, _ = _decode_tensor(*_find_tensor(frame.payload, _LABELS, key))
            if keys.size:
                raise RecordIOError(f"the label {key!r} is sparse")
        yield values


class _Rows(NamedTuple):
    """Some rows of a matrix: ids and counts of all entries, and how many each row has."""

    ids: NDArray[np.int64]
    counts: NDArray[np.float32]
    lengths: NDArray[np.int64]
    feature_dim: int


def _batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    batch, size = [], 0
    for frame in frames:
        batch.append(frame)
        size += len(frame.payload)
        if size >= READ_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _decode_usual(batch: list[Frame]) -> _Rows | None:
    """Decode records in the layout of `encode`, all at once; return None for any other layout.

    This is 4 to 9 times as fast as decoding them one by one.
    """
    try:
        fields = [_split_usual(frame.payload) for frame in batch]
        values, keys, shapes = (list(each) for each in zip(*fields, strict=True))
        counts = _decode_values(_FLOAT32_TENSOR, b"".join(values))
        ids = decode_varints(b"".join(keys))
        feature_dim = _decode_shape(shapes[0])
    except (RecordIOError, VarintError):
        return None
    if not all(values) or any(len(each) % 4 for each in values):
        return None
    lengths = np.array([len(each) // 4 for each in values])
    stops = np.cumsum([len(each) for each in keys])
    numbers = np.cumsum(np.frombuffer(b"".join(keys), np.uint8) < 0x80)
    whole = all(keys) and all(each[-1] < 0x80 for each in keys)
    if not whole or not np.array_equal(np.cumsum(lengths), numbers[stops - 1]):
        return None
    if feature_dim is None or shapes.count(shapes[0]) < len(shapes) or not counts.all():
        return None
    if ids.min() < 0 or ids.max() >= feature_dim:
        return None
    return _Rows(ids, counts, lengths, feature_dim)


def _split_usual(payload: bytes) -> list[bytes]:
    """Return values, keys and shape of a record that holds one tensor, and perhaps a `uid`."""
    at = 2 + payload[1] if payload.startswith(b"\x1a") and len(payload) > 1 else 0
    for start in (b"\x0a", b"\x0a\x06values\x12", b"\x12"):
        size, at = _read_tagged(payload, at, start)
        if at + size != len(payload):
            raise RecordIOError("something else follows")
    fields = []
    for tag in (b"\x0a", b"\x12", b"\x1a"):
        size, at = _read_tagged(payload, at, tag)
        fields.append(payload[at : at + size])
        at += size
    if at != len(payload):
        raise RecordIOError("something else follows")
    return fields


def _read_tagged(message: bytes, at: int, start: bytes) -> tuple[int, int]:
    if not message.startswith(start, at):
        raise RecordIOError("something else comes first")
    return read_varint(message, at + len(start))


def _decode_each(batch: list[Frame], feature_dim: int | None) -> _Rows:
    """Decode records of any layout, one by one."""
    ids, counts = [], []
    for record in map(_decode_frame, batch):
        if record.keys is not None and record.shape is None:
            raise RecordIOError(f"byte {record.offset}: a sparse record must have a shape")
        words = record.values.size if record.shape is None else record.shape
        if feature_dim is None:
            feature_dim = words
        if words != feature_dim:
            raise RecordIOError(
                f"byte {record.offset}: a vocabulary of {words} words, must be {feature_dim}"
            )
        present = np.flatnonzero(record.values)
        ids.append(present if record.keys is None else record.keys[present])
        counts.append(record.values[present])
    lengths = np.array([each.size for each in ids])
    return _Rows(np.concatenate(ids), np.concatenate(counts), lengths, feature_dim or 0)


def _decode_frame(frame: Frame) -> Record:
    with _at(frame):
        return _decode_record(*frame)


@contextmanager
def _at(frame: Frame) -> Iterator[None]:
    """Name the byte where a frame starts in errors of its record."""
    try:
        yield
    except (RecordIOError, VarintError) as error:
        raise RecordIOError(f"byte {frame.offset}: {error}") from None


def _decode_record(offset: int, payload: bytes) -> Record:
    values, keys, shape = _decode_tensor(*_find_tensor(payload, _FEATURES, _FEATURE_KEY))
    if not values.size:
        raise RecordIOError("the tensor has no values, but SageMaker can't read empty documents")
    if not keys.size:
        if shape not in (None, values.size):
            raise RecordIOError(f"a dense record of {values.size} values has the shape {shape}")
        return Record(offset, None, values, shape)
    if keys.size != values.size:
        raise RecordIOError(f"{keys.size} keys for {values.size} values")
    limit = MAX_FEATURE_DIM if shape is None else shape
    if keys.min() < 0 or keys.max() >= limit:
        outside = keys[(keys < 0) | (keys >= limit)][0]
        raise RecordIOError(f"key {outside.astype(np.uint64)} is not below the shape {limit}")
    return Record(offset, keys, values, shape)


def _find_tensor(payload: bytes, field: int, key: str) -> tuple[int, bytes]:
    """Return a tensor of the map in a record's field, and its field number in `Value`."""
    tensors = (
        (kind, tensor)
        for entry in _messages(payload, field)
        if key.encode() in _messages(entry, 1)
        for value in _messages(entry, 2)
        for kind, wire, tensor in _fields(value)
        if kind in _UNPACKED_WIRE and wire == _BYTES
    )
    found = next(tensors, None)
    name = f"the {'feature' if field == _FEATURES else 'label'} {key!r}"
    if found is None:
        raise RecordIOError(f"no float32, float64 or int32 tensor for {name}")
    if next(tensors, None):
        raise RecordIOError(f"more than one tensor for {name}")
    return found


def _decode_tensor(
    kind: int, tensor: bytes
) -> tuple[NDArray[np.float32], NDArray[np.int64], int | None]:
    """Return the values, keys and shape of a tensor of the field `kind` of `Value`."""
    # Numbers may be packed or not, and a packed field may come in several pieces.
    pieces = {1: bytearray(), 2: bytearray(), 3: bytearray()}
    for field, wire, content in _fields(tensor):
        if field in pieces:
            if wire not in (_BYTES, _UNPACKED_WIRE[kind] if field == 1 else _VARINT):
                raise RecordIOError(f"field {field} of the tensor has wire type {wire}")
            pieces[field] += content
    return (
        _decode_values(kind, pieces[1]),
        decode_varints(pieces[2]),
        _decode_shape(pieces[3]),
    )


def _decode_values(kind: int, packed: bytes | bytearray) -> NDArray[np.float32]:
    if kind == _INT32_TENSOR:
        return decode_varints(packed).astype(np.int32).astype(np.float32)
    dtype = np.dtype("<f4" if kind == _FLOAT32_TENSOR else "<f8")
    if len(packed) % dtype.itemsize:
        raise RecordIOError(f"{len(packed)} bytes of values do not divide into {dtype.name}")
    with np.errstate(over="ignore"):
        values = np.frombuffer(packed, dtype).astype(np.float32)
    if not np.isfinite(values).all():
        raise RecordIOError("a value is not a finite float32")
    return values


def _decode_shape(packed: bytes | bytearray) -> int | None:
    shape = decode_varints(packed).tolist()
    if not shape:
        return None
    if len(shape) > 1 or not 1 <= shape[0] <= MAX_FEATURE_DIM:
        raise RecordIOError(f"shape is {shape}, must be one number from 1 to {MAX_FEATURE_DIM}")
    return int(shape[0])


def _messages(message: bytes, number: int) -> Iterator[bytes]:
    return (
        content for field, wire, content in _fields(message) if field == number and wire == _BYTES
    )


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the fields of a protobuf message: number, wire type, and content as bytes."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == _BYTES:
            size, at = read_varint(message, at)
        elif wire == _VARINT:
            size = read_varint(message, at)[1] - at
        elif wire in _FIXED_BYTES:
            size = _FIXED_BYTES[wire]
        else:
            raise RecordIOError(f"not a protobuf message: field {field} of wire type {wire}")
        if at + size > len(message):
            raise RecordIOError(f"field {field} runs past the end of its message")
        yield field, wire, message[at : at + size]
        at += size
