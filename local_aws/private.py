"""Make folders and files that no other user of the machine can read or replace."""

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO


class PrivateError(Exception):
    """A folder that can't be made private; the message says why and what to do."""


def make_folder(folder: Path) -> Path:
    """Make `folder` if it is missing, let only its owner enter, and return its full path.

    Raises:
        PrivateError: It is a link, a file, or another user's folder.
    """
    with contextlib.suppress(FileExistsError):  # the check below says what it is
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PrivateError(
            f"{str(folder)!r} must be a folder of your own, not a link, a file or another user's"
            " folder; remove it, or work in another folder"
        )
    folder.chmod(0o700)
    return folder.resolve()


def create(file: Path) -> BinaryIO:
    """Open a new file that only its owner can read. It replaces a file or link of that name."""
    file.unlink(missing_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
