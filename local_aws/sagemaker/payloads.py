"""Split the objects of a transform job into the payloads of its requests.

Source: `TransformInput`, `BatchStrategy` and `MaxPayloadInMB` of CreateTransformJob in the Amazon
SageMaker API reference.
"""

import io
from collections.abc import Callable, Iterator

from data_prep.recordio import RecordIOError
from data_prep.recordio.framing import Frame, read_frames

MEGABYTE = 1 << 20


class PayloadError(Exception):
    """An object that can't be split into payloads; the message says why."""


def payloads(content: bytes, split_type: str, strategy: str, limit: int) -> Iterator[bytes]:
    """Yield the payloads of an object, in order.

    Args:
        content: The object.
        split_type: `None`, `Line` or `RecordIO`.
        strategy: `MultiRecord` fills a payload with as many records as fit. `SingleRecord` has one
            record in each; of a RecordIO record only its content, without the frame around it.
        limit: Bytes of a payload, at most.

    Raises:
        PayloadError: A record is larger than a payload, or the records are malformed.
    """
    single = strategy == "SingleRecord"
    records = _contents if single and split_type == "RecordIO" else _RECORDS[split_type]
    waiting: list[bytes] = []
    size = 0
    for number, record in enumerate(records(content), 1):
        if len(record) > limit:
            raise PayloadError(
                f"record {number} has {len(record)} bytes, MaxPayloadInMB allows {limit}"
            )
        if waiting and (single or size + len(record) > limit):
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(record)
        size += len(record)
    if waiting:
        yield b"".join(waiting)


def _whole(content: bytes) -> Iterator[bytes]:
    yield content


def _lines(content: bytes) -> Iterator[bytes]:
    yield from io.BytesIO(content)


def _framed(content: bytes) -> Iterator[bytes]:
    """Yield records with the frames around them."""
    for frame in _frames(content):
        size = 8 + len(frame.payload) + -len(frame.payload) % 4
        yield content[frame.offset : frame.offset + size]


def _contents(content: bytes) -> Iterator[bytes]:
    """Yield records without their frames."""
    for frame in _frames(content):
        yield frame.payload


def _frames(content: bytes) -> Iterator[Frame]:
    try:
        yield from read_frames(io.BytesIO(content))
    except RecordIOError as error:
        raise PayloadError(str(error)) from None


_RECORDS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "None": _whole,
    "Line": _lines,
    "RecordIO": _framed,
}
SPLIT_TYPES = tuple(_RECORDS)
