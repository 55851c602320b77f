"""Protobuf's varints: numbers in base 128, 7 bits a byte, the lowest bits first."""

import numpy as np
from numpy.typing import NDArray

_MAX_BYTES = 10


class VarintError(ValueError):
    """Bytes that are not varints."""


def encode_varints(
    numbers: NDArray[np.integer], largest: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8]]:
    """Write numbers (n,) from 0 to `largest`, at most 56 bits.

    Returns:
        Bytes (n, 4 or 8), which of them are used, and the number of bytes used of each number.
    """
    lane = np.dtype("<u4" if largest < 1 << 28 else "<u8")  # a row of bytes as one number
    numbers = numbers.astype(lane)
    digits = numbers & 0x7F
    widths = np.ones(numbers.size, np.uint8)
    for place in range(1, -(-largest.bit_length() // 7)):
        more = numbers >= 1 << 7 * place
        widths += more
        digits |= (numbers & 0x7F << 7 * place) << place
        digits |= more.astype(lane) << 8 * place - 1
    columns = (numbers.size, lane.itemsize)
    used = (digits | 1).view(np.uint8) != 0  # all bytes but the first have a bit if they are used
    return digits.view(np.uint8).reshape(columns), used.reshape(columns), widths


def encode_varint(number: int) -> bytes:
    """Write one number."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def decode_varints(packed: bytes | bytearray) -> NDArray[np.int64]:
    """Read all numbers of some bytes, modulo 2**64, as protobuf does.

    Raises:
        VarintError: The bytes end inside a number, or a number is too long.
    """
    if not packed:
        return np.zeros(0, np.int64)
    if packed[-1] > 0x7F:
        raise VarintError("the tensor ends inside a number")
    digits = np.frombuffer(packed, np.uint8)
    ends = np.flatnonzero(digits < 0x80) + 1
    starts = np.concatenate(([0], ends[:-1]))
    widths = ends - starts
    if widths.max() > _MAX_BYTES:
        raise VarintError(f"a number of more than {_MAX_BYTES} bytes")
    places = np.arange(digits.size) - np.repeat(starts, widths)
    terms = (digits & 0x7F).astype(np.int64) << (7 * places)
    return np.bitwise_or.reduceat(terms, starts)


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it.

    Raises:
        VarintError: The message ends inside the number, or it is too long.
    """
    number = 0
    for place, byte in enumerate(message[at : at + _MAX_BYTES]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number, at + place + 1
    raise VarintError("not a protobuf message: it ends inside a number, or the number is too long")
