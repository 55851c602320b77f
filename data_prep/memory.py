"""A hint to the memory allocator."""

import numpy as np

_LARGEST = 1 << 24  # bytes of an array that comes and goes


def keep_freed_memory() -> None:
    """Keep freed memory for the next arrays instead of returning it to the system.

    glibc returns freed memory until one large array was allocated and freed. Without this, asking
    for memory again takes half of the time that a block of text needs.
    """
    np.empty(_LARGEST, np.uint8)
