"""Write files and folders so that they are whole or not there."""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_PARTIAL = ".partial"
_NAME_CHARACTERS = 200  # of a file's name in that of its partial one, which has 255 bytes at most
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors that come without a file name
_UNREPLACEABLE = (Path("/dev"), Path("/proc"))  # devices, and links to what is open


def sync(stream: BinaryIO) -> None:
    """Wait until all that was written is on the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def sync_file(path: Path) -> None:
    """Wait until what a file has, whoever wrote it, is on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def write_synced(path: Path, content: bytes) -> tuple[int, str]:
    """Write a file and wait until it is on the disk; return its size and its SHA-256 digest."""
    with path.open("wb") as stream:
        stream.write(content)
        sync(stream)
    return len(content), hashlib.sha256(content).hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of `path` once it is whole and on the disk.

    Until then the old file stays, whatever happens. The new file has a name that nobody can
    guess, so that nobody can put a link in its place. If `path` is a link, the link is replaced.
    Partial files that killed runs left behind are deleted. Pipes and devices are written directly.

    Raises:
        OSError: The file can't be written; it names `path`.
    """
    if _is_unreplaceable(path):
        with path.open("wb") as stream:
            yield stream
        return
    begin = f".{path.name[:_NAME_CHARACTERS]}."
    partial = path.with_name(f"{begin}{secrets.token_hex(8)}{_PARTIAL}")
    try:
        with _create_locked(partial) as stream:
            _remove_abandoned(path.parent, begin)
            yield stream
            sync(stream)
            partial.replace(path)
    except OSError as error:
        if error.filename == str(partial) or error.errno in _FULL:
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        partial.unlink(missing_ok=True)


def _is_unreplaceable(path: Path) -> bool:
    if any(folder in path.absolute().parents for folder in _UNREPLACEABLE):
        return True
    return path.exists() and not path.is_symlink() and not path.is_file()


def _create_locked(path: Path) -> BinaryIO:
    """Create a file and lock it; the lock means that the file is being written."""
    while True:
        stream = path.open("xb")
        with suppress(OSError):  # network file systems may have no locks: nothing is deleted there
            fcntl.flock(stream, fcntl.LOCK_EX)
        if path.exists():  # another run may have deleted it before it was locked
            return stream
        stream.close()


def _remove_abandoned(folder: Path, begin: str) -> None:
    """Delete partial files that no process holds a lock on."""
    for entry in list(os.scandir(folder)):
        partial = entry.name.startswith(begin) and entry.name.endswith(_PARTIAL)
        if not partial or not entry.is_file(follow_symlinks=False):
            continue
        with suppress(OSError), open(entry.path, "rb", opener=_open_no_link) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Path(entry.path).unlink()


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder inside `folder`, for one run at a time.

    `folder` is created if it is missing, and deleted again after an error. What killed runs left
    in it is deleted.

    Raises:
        OSError: Another run is writing there, or the folder can't be created.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder) as alone:
            for left in folder.glob(f"{_PARTIAL}-*") if alone else ():
                shutil.rmtree(left, ignore_errors=True)
            staged = folder / f"{_PARTIAL}-{secrets.token_hex(8)}"
            staged.mkdir(mode=0o700)
            try:
                yield staged
            finally:
                shutil.rmtree(staged)
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock a folder; yield whether its file system has locks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _lock(descriptor, folder)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(
            error.errno,
            "another run is writing to this folder: wait until it is done, or name another folder",
            str(folder),
        ) from None
    except OSError:  # a network file system without locks
        return False
    return True
