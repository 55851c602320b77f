"""Folders and files that no other user of the machine can read, or has put there."""

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO


class PrivateError(Exception):
    """A place that can't be private; the message says why and what to do."""


def make_folder(folder: Path) -> Path:
    """Make `folder` and its parents where they are missing, and close it to others; its full path.

    Raises:
        PrivateError: It is a link, no folder, or another user's.
    """
    with contextlib.suppress(FileExistsError):  # told below, with all else that it may be
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PrivateError(
            f"{str(folder)!r} must be a folder of your own, not a link, a file or another user's;"
            " remove it, or work in another folder"
        )
    folder.chmod(0o700)
    return folder.resolve()


def create(file: Path) -> BinaryIO:
    """Open a new file that only its owner can read, in place of what is there; follow no link."""
    file.unlink(missing_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
