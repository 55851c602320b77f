"""The frames of RecordIO: where each record of a stream starts and ends.

Source: dmlc-core's ``recordio.h``.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from data_prep.errors import InputError

MAGIC = 0xCED7230A
MAX_RECORD_BYTES = 1 << 24  # of one payload, whatever length a frame claims
READ_BYTES = 1 << 20

_LENGTH_BITS = 29  # of the frame's second word; the three above it are the continuation flag


class RecordIOError(InputError):
    """Bytes that are not well-formed records, or counts that records can't hold."""


class Frame(NamedTuple):
    """A record in a stream: the byte where its frame starts, and its protobuf message."""

    offset: int
    payload: bytes


def read_frames(stream: BinaryIO, start: int = 0) -> Iterator[Frame]:
    """Read the frames of a stream one by one, without decoding their messages.

    Args:
        stream: Binary stream of RecordIO.
        start: The number of the stream's first byte in errors.

    Raises:
        RecordIOError: A frame is malformed, split, truncated or too large.
    """
    offset = start
    while head := _read(stream, 8):
        if len(head) < 8:
            raise RecordIOError(f"byte {offset}: the stream ends inside the head of a record")
        magic, word = struct.unpack("<II", head)
        if magic != MAGIC:
            raise RecordIOError(f"byte {offset}: magic is 0x{magic:08x}, must be 0x{MAGIC:08x}")
        flag, size = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
        if flag:
            # Only dmlc's own writer splits records. Whether SageMaker joins the parts is not
            # documented, so they are refused here.
            raise RecordIOError(f"byte {offset}: split records (flag {flag}) are not supported")
        if size > MAX_RECORD_BYTES:
            raise RecordIOError(
                f"byte {offset}: a record of {size} bytes; at most {MAX_RECORD_BYTES} are allowed"
            )
        padded = size + -size % 4
        body = _read(stream, padded)
        if len(body) < padded:
            raise RecordIOError(
                f"byte {offset}: the stream ends inside a record of {size} bytes, after {len(body)}"
            )
        yield Frame(offset, body[:size])
        offset += 8 + padded


def _read(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end; a claimed size is not allocated in advance."""
    pieces = []
    while size and (piece := stream.read(min(size, READ_BYTES))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
