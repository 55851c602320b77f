"""Find and parse all whole numbers of a text at once, by array arithmetic on its bytes."""

import numpy as np
from numpy.typing import NDArray

MAX_DIGITS = 8  # of a number: they are parsed in a 64-bit word

# For a width from 0 to 8: keeps the digits of the last so many bytes of a word.
_MASKS = np.frombuffer(b"".join(bytes(8 - w) + b"\x0f" * w for w in range(MAX_DIGITS + 1)), "<u8")


class Numbers:
    """The numbers of a text: runs of digits, each ended by another character.

    Attributes:
        ends: (n,) where the character after each number stands.
        widths: (n,) int32, how many digits it has; 0 between two characters that are none.
        marks: (n,) uint8, the characters themselves.
    """

    def __init__(self, text: bytes) -> None:
        self._text = b"0" * MAX_DIGITS + text  # so that 8 bytes stand before every end
        self._characters = np.frombuffer(self._text, np.uint8)
        self.ends = np.flatnonzero(self._characters - ord("0") > 9)  # as uint8 wraps around
        ends = np.concatenate(([MAX_DIGITS - 1], self.ends)).astype(np.int32)
        self.widths = ends[1:] - ends[:-1] - 1
        self.marks = self._characters.take(self.ends)

    def can_be_parsed(self) -> bool:
        """Return whether all numbers have 1 to `MAX_DIGITS` digits."""
        return bool((self.widths - 1).view(np.uint32).max() < MAX_DIGITS)

    def drop(self, which: NDArray[np.int64]) -> None:
        """Forget the numbers at these positions."""
        self.ends = np.delete(self.ends, which)
        self.widths = np.delete(self.widths, which)
        self.marks = np.delete(self.marks, which)

    def parse(self, which: slice) -> NDArray[np.int32]:
        """Return some of the numbers, which can be parsed."""
        return self._parse(self.ends[which], self.widths[which])

    def parse_short(self, which: slice) -> NDArray[np.int32]:
        """As `parse`, and faster when most of them have one digit."""
        ends, widths = self.ends[which], self.widths[which]
        numbers = (self._characters.take(ends - 1) - ord("0")).astype(np.int32)
        longer = np.flatnonzero(widths > 1)
        numbers[longer] = self._parse(ends[longer], widths[longer])
        return numbers

    def _parse(self, ends: NDArray[np.int64], widths: NDArray[np.int32]) -> NDArray[np.int32]:
        # The 8 bytes before every end as one little-endian word: the last digit is its highest
        # byte. Then neighbours are added: digits to pairs, pairs to fours, fours to the number.
        windows = np.ndarray((len(self._text) - 7,), "<u8", self._text, strides=(1,))
        words = windows[ends - MAX_DIGITS]
        words &= _MASKS.take(widths)
        for digits, mask in ((1, 0x00FF00FF00FF00FF), (2, 0x0000FFFF0000FFFF), (4, 0xFFFFFFFF)):
            words *= np.uint64((10**digits << 8 * digits) + 1)
            words >>= np.uint64(8 * digits)
            words &= np.uint64(mask)
        return words.astype(np.int32)


def within(numbers: NDArray[np.int32], limit: int) -> bool:
    """Return whether all numbers are from 0 to below a limit."""
    return bool(numbers.view(np.uint32).max() < limit)  # negative ones are above all others
