"""What is done with files."""

import os
from typing import BinaryIO


def sync(stream: BinaryIO) -> None:
    """Wait until all that was written is on the disk."""
    stream.flush()
    os.fsync(stream.fileno())
