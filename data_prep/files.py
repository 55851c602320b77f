"""What is done with files."""

import os
from typing import BinaryIO


def sync(stream: BinaryIO) -> None:
    """Wait until all that was written is on the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def start_sync(stream: BinaryIO, start: int, size: int) -> None:
    """Have the system write a part of a file to the disk now, so that `sync` waits for less."""
    if hasattr(os, "posix_fadvise"):  # macOS has none
        os.posix_fadvise(stream.fileno(), start, size, os.POSIX_FADV_DONTNEED)
