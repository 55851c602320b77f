"""What the memory allocator should know."""

import numpy as np

_LARGEST = 1 << 24  # bytes of an array that comes and goes


def keep_freed_memory() -> None:
    """Keep freed memory for the next arrays instead of returning it to the system.

    glibc returns it until it has seen a large array come and go. For arrays that live as long as a
    block of text, getting the memory again costs half of the time.
    """
    np.empty(_LARGEST, np.uint8)
