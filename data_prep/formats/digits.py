"""Parse all whole numbers of a text at once, by array arithmetic on its bytes."""

import numpy as np
from numpy.typing import NDArray

MAX_DIGITS = 8  # of a number: they are parsed in a 64-bit word

# For each width from 0 to 8: a mask that keeps the digits in the last bytes of a word.
_MASKS = np.frombuffer(b"".join(bytes(8 - w) + b"\x0f" * w for w in range(MAX_DIGITS + 1)), "<u8")


def characters_of(text: bytes) -> NDArray[np.uint8]:
    """Return the bytes of a text with zeros around it: `MAX_DIGITS` in front, and more behind.

    Together they fill whole words of 64 bits.
    """
    behind = 2 * MAX_DIGITS - len(text) % MAX_DIGITS
    return np.frombuffer(b"".join((b"0" * MAX_DIGITS, text, b"0" * behind)), np.uint8)


def are_digits(characters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which characters are digits."""
    digits: NDArray[np.bool_] = characters - ord("0") <= 9  # uint8 wraps around
    return digits


def parse(
    characters: NDArray[np.uint8], ends: NDArray[np.int64], widths: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return numbers (n,).

    Args:
        characters: From `characters_of`.
        ends: (n,) the position after each number.
        widths: (n,) the digits of each number, 1 to `MAX_DIGITS`.
    """
    # The 8 bytes before every end as one little-endian word, made of two aligned words, since NumPy
    # is slow with unaligned ones. The last digit is the highest byte. Then neighbours are added:
    # digits to pairs, pairs to fours, fours to the number.
    aligned = characters.view("<u8")
    starts = (ends - MAX_DIGITS).view(np.uint64)
    first = (starts >> np.uint64(3)).view(np.int64)
    bits = (starts & np.uint64(7)) << np.uint64(3)
    words: NDArray[np.uint64] = aligned.take(first) >> bits
    words |= aligned[1:].take(first) << (np.uint64(64) - bits)
    words &= _MASKS.take(widths)
    for digits, mask in ((1, 0x00FF00FF00FF00FF), (2, 0x0000FFFF0000FFFF), (4, 0xFFFFFFFF)):
        words *= np.uint64((10**digits << 8 * digits) + 1)
        words >>= np.uint64(8 * digits)
        words &= np.uint64(mask)
    return words.astype(np.int32)


def parse_short(
    characters: NDArray[np.uint8], ends: NDArray[np.int64], widths: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return the same as `parse`, faster if most numbers have one digit."""
    numbers = (characters.take(ends - 1) - ord("0")).astype(np.int32)
    longer = np.flatnonzero(widths > 1)
    numbers[longer] = parse(characters, ends[longer], widths[longer])
    return numbers


def within(numbers: NDArray[np.signedinteger], limit: int) -> bool:
    """Return whether all numbers are at least 0 and below a limit."""
    return bool(
        numbers.view(f"u{numbers.itemsize}").max() < limit
    )  # negative numbers become the largest
