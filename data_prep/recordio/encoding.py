"""Write word counts as RecordIO-protobuf."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_prep.recordio.framing import MAGIC, MAX_RECORD_BYTES, RecordIOError
from data_prep.recordio.varints import encode_varint, encode_varints

if TYPE_CHECKING:
    from scipy import sparse

    from data_prep.counts import Counts

_FEATURE_NAME = b"\x0a\x06values"
_BLOCK_NONZEROS = 1 << 16  # encoded at once: small enough for the cache, large enough for NumPy
_MAX_HEAD_BYTES = 64  # upper bound of the bytes in front of a tensor

# A `uid` field of 0, 2, 3 or 5 bytes in front of the features changes their alignment.
_SHIFTS = (b"", b"\x1a\x00", b"\x1a\x01-", b"\x1a\x03---")
_VARINT_STEPS = 128 ** np.arange(1, 5)  # the first numbers that take one byte more


def encode(matrix: "Counts | sparse.csr_array") -> Iterator[bytes]:
    """Encode the rows of a matrix as sparse float32 records, in order.

    The bytes are those of ``write_spmatrix_to_sparse_tensor`` in version 2 of the SageMaker SDK.
    The one exception is a payload with the frame's magic at a multiple of 4, where a reader may
    take it for a frame: a `uid` field in front moves it to another position.

    Args:
        matrix: (documents, vocabulary) word counts, float32. Every row has an entry: SageMaker
            reads a record without keys as a dense vector of length 0 and fails.

    Yields:
        Whole frames, about 64 Ki entries at a time.

    Raises:
        RecordIOError: A dtype other than float32, a row without entries, a value that is not
            finite, or a row of more than `MAX_RECORD_BYTES`.
    """
    if matrix.data.dtype != np.float32:
        raise RecordIOError(f"the matrix holds {matrix.data.dtype}; it must hold float32")
    if not np.isfinite(matrix.data).all():
        raise RecordIOError("the matrix holds a value that is not finite")
    empty = np.flatnonzero(np.diff(matrix.indptr) == 0)
    if empty.size:
        raise RecordIOError(f"row {empty[0]} has no words; a record needs at least one")
    documents = matrix.shape[0]
    start = 0
    while start < documents:
        limit = int(matrix.indptr[start]) + _BLOCK_NONZEROS
        stop = max(start + 1, int(np.searchsorted(matrix.indptr, limit, side="right")) - 1)
        frames = _join_frames(matrix, start, stop)
        if _count_magic(frames) == stop - start:
            yield frames
        else:
            yield from (_shift_frame(matrix, row) for row in range(start, stop))
        start = stop


def _count_magic(frames: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(frames, "<u4") == MAGIC))


def _shift_frame(matrix: "Counts | sparse.csr_array", row: int) -> bytes:
    for uid in _SHIFTS:
        frame = _join_frames(matrix, row, row + 1, uid)
        if _count_magic(frame) == 1:
            return frame
    raise RecordIOError(f"row {row} contains the RecordIO magic at every alignment")


def _join_frames(
    matrix: "Counts | sparse.csr_array", start: int, stop: int, uid: bytes = b""
) -> bytes:
    """Encode rows `start` to `stop` by array arithmetic over all of them at once."""
    bounds = matrix.indptr[start : stop + 1].astype(np.int64)
    first, last = int(bounds[0]), int(bounds[-1])
    digits, used, widths = encode_varints(matrix.indices[first:last], matrix.shape[1] - 1)
    keys = np.extract(used, digits)
    values = matrix.data[first:last].astype("<f4", copy=False)

    # The size stands before each message, so sizes are computed from the innermost message out.
    values_size = 4 * np.diff(bounds)
    keys_size = np.add.reduceat(widths, bounds[:-1] - first, dtype=np.int64)
    shape = encode_varint(matrix.shape[1])
    shape_field = b"\x1a" + encode_varint(len(shape)) + shape
    tensor_size = _field_size(values_size) + _field_size(keys_size) + len(shape_field)
    if tensor_size.max() > MAX_RECORD_BYTES - _MAX_HEAD_BYTES:
        row = start + int(tensor_size.argmax())
        raise RecordIOError(
            f"row {row} takes {tensor_size.max()} bytes; a record has at most {MAX_RECORD_BYTES}"
        )
    value_size = _field_size(tensor_size)
    entry_size = len(_FEATURE_NAME) + _field_size(value_size)
    record_size = len(uid) + _field_size(entry_size)

    heads = _join_heads(
        np.stack((np.full(stop - start, MAGIC), record_size), axis=1).astype("<u4"),
        (uid + b"\x0a", _FEATURE_NAME + b"\x12", b"\x12", b"\x0a", b"\x12"),
        np.stack((entry_size, value_size, tensor_size, values_size, keys_size)),
    )
    tails = [shape_field + bytes(padding) for padding in range(4)]
    pieces = zip(
        heads[0::2],
        _split(values, values_size),
        heads[1::2],
        _split(keys, keys_size),
        [tails[size] for size in (-record_size % 4).tolist()],
        strict=True,
    )
    return b"".join(chain.from_iterable(pieces))


def _join_heads(
    frames: NDArray[np.uint32], tags: Sequence[bytes], sizes: NDArray[np.int64]
) -> list[memoryview]:
    """Return, for each row, the bytes before its values and the bytes before its keys.

    Args:
        frames: (rows, 2) magic and size of the record.
        tags: The bytes before each size, from the outermost field in; the last are those of keys.
        sizes: (tags, rows) of the fields.
    """
    rows = frames.shape[0]
    digits, used, widths = encode_varints(sizes.ravel(), int(sizes.max()))
    cells, masks = [frames.view(np.uint8)], [np.ones((rows, 8), np.bool_)]
    for field, tag in enumerate(tags):
        size = slice(field * rows, (field + 1) * rows)
        cells += [np.broadcast_to(np.frombuffer(tag, np.uint8), (rows, len(tag))), digits[size]]
        masks += [np.broadcast_to(True, (rows, len(tag))), used[size]]
    table, mask = np.concatenate(cells, axis=1), np.concatenate(masks, axis=1)
    keys_heads = len(tags[-1]) + widths[-rows:].astype(np.int64)
    lengths = np.stack((mask.sum(axis=1) - keys_heads, keys_heads), axis=1)
    return _split(np.extract(mask, table), lengths.ravel())


def _field_size(payload: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many bytes fields take: tag, length and payload."""
    return 2 + np.searchsorted(_VARINT_STEPS, payload, side="right") + payload


def _split(array: NDArray[np.number], sizes: NDArray[np.integer]) -> list[memoryview]:
    """Return the bytes of an array in parts."""
    stops = np.cumsum(sizes).tolist()
    return list(map(array.data.cast("B").__getitem__, map(slice, [0, *stops], stops)))
