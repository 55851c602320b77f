"""Plain files that can be read from any position, for whatever a user named.

Standard input, pipes and gzip are copied to a temporary file first.
"""

import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from cli.progress import Progress
from data_prep.errors import InputError

STANDARD_INPUT = Path("-")

_GZIP = b"\x1f\x8b"
_COPY_BYTES = 1 << 20
# Limits of unpacked gzip: counts and texts become 3 to 10 times as large, a bomb 1000 times.
_UNPACKED_BYTES = 1 << 30
_UNPACKED_TIMES = 100


@contextmanager
def plain_file(path: Path, name: str) -> Iterator[Path]:
    """Yield a path to the plain content, which can be read from any position."""
    with _source(path) as stream:
        packed = stream.peek(2).startswith(_GZIP)
        if path.is_file() and not packed:
            with _unchanged(path, name):
                yield path
            return
        with tempfile.NamedTemporaryFile(prefix="data_prep-") as spool:
            if packed:
                _unpack(stream, spool, name)
            else:
                _copy(stream, spool, name)
            spool.flush()
            yield Path(spool.name)


def _source(path: Path) -> BufferedReader:
    if path != STANDARD_INPUT:
        return path.open("rb")
    if sys.stdin is None:  # as after `<&-`
        raise InputError("standard input is closed; name a file, or give it a corpus")
    return cast(BufferedReader, sys.stdin.buffer)


@contextmanager
def _unchanged(path: Path, name: str) -> Iterator[None]:
    """Check at the end that a file was not changed; a change explains any other error in it."""
    before = _state(path)
    try:
        yield
    except Exception:
        if _state(path) == before:
            raise
    if _state(path) != before:
        raise InputError(f"{name}: the file was changed while it was read; start again") from None


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _copy(source: IO[bytes], target: IO[bytes], name: str) -> None:
    with Progress(f"reading {name}") as progress:
        while chunk := source.read(_COPY_BYTES):
            target.write(chunk)
            progress.advance(len(chunk))


def _unpack(source: IO[bytes], target: IO[bytes], name: str) -> None:
    packed = _Counting(source)
    unpacked = 0
    try:
        with (
            Progress(f"reading {name}") as progress,
            GzipFile(fileobj=cast(IO[bytes], packed)) as content,
        ):
            while chunk := content.read(_COPY_BYTES):
                unpacked += len(chunk)
                if unpacked > max(_UNPACKED_BYTES, _UNPACKED_TIMES * packed.bytes):
                    raise InputError(
                        f"{name}: {packed.bytes:,} bytes of gzip unpack to more than {unpacked:,}, "
                        "which looks like an attack; if it is a corpus, unpack it first"
                    )
                target.write(chunk)
                progress.advance(len(chunk))
    except (EOFError, zlib.error, BadGzipFile) as error:
        raise InputError(f"{name}: not a whole gzip file: {error}") from None


class _Counting:
    """A stream that counts the bytes that are read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Read as the stream does."""
        content = self._stream.read(size)
        self.bytes += len(content)
        return content
