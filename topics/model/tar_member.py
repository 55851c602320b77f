"""Read the model file out of a `model.tar.gz` that is not trusted, with bounded memory."""

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from topics.model.ndarray import FILE_START
from topics.model.topic_model import ArtifactError

MEMBER = "model_algo-1"
MAX_MODEL_BYTES = 1 << 30  # of the unpacked archive: 150 topics x 1.7 million words in float32
# A model packs to a half or a tenth. What packs to less than a hundredth was made to fill memory.
SMALL_BYTES = 32 << 20  # of an unpacked archive, which may have packed to nothing
MAX_RATIO = 100

_MEMBER_PREFIX = "model_"
_READ_BYTES = 1 << 20
_NAMED = 5  # members that an error names, of an archive without a model

_TAR_BLOCK = 512
_TAR_HEADER = struct.Struct("<100s 24x 12s 12x 8s 1s 188x 155s 12x")  # the fields that are used
_TAR_REGULAR = (b"0", b"\0")
_TAR_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")  # links, devices, folders, pipes
_TAR_LINKS = (b"1", b"2")
_TAR_OF_NEXT, _TAR_OF_ALL = b"x", b"g"  # extended headers (POSIX pax)
_TAR_LONG_NAME, _TAR_LONG_LINK = b"L", b"K"  # headers of GNU tar, for the next member
_TAR_EXTENDED_BYTES = 1 << 16
_TAR_NAMES = {"path", "linkpath", "hdrcharset"}  # keys of an extended header
_TAR_HARMLESS = {"atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment"}
_TAR_ATTRIBUTES = ("SCHILY.xattr.", "LIBARCHIVE.xattr.")


def read_member(archive: Any, name: str) -> bytes | bytearray:
    """Return the content of the model file in an archive.

    Args:
        archive: A stream of a `model.tar.gz`, not trusted.
        name: What errors call it.

    Raises:
        ArtifactError: It is no such archive, unpacks to too much, or has no model file.
    """
    counted = _Counted(archive)
    try:
        with gzip.GzipFile(mode="rb", fileobj=counted) as packed:
            return _Archive(packed, counted, name).find()
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ArtifactError(f"{name}: not a model.tar.gz: {error}") from None


class _Counted(io.RawIOBase):
    """A stream that counts the bytes that are read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        piece: bytes = self._stream.read(size)
        self.size += len(piece)
        return piece


class _Archive:
    """Reads an unpacked archive from start to end, within its limits.

    Python's `tarfile` is not used: a few wrong bytes make it loop for hours over a size that is
    not there. The model's name and all sizes come from the plain headers, where SageMaker's
    archives have them. Anything that another program might read differently is refused, so that the
    model that is checked here is the model that is served there.
    """

    def __init__(self, packed: gzip.GzipFile, archive: _Counted, name: str) -> None:
        self._packed = packed
        self._archive = archive
        self._unpacked = 0
        self._name = name

    def find(self) -> bytes | bytearray:
        """Return the content of `model_algo-1`, or of the only other file named `model_...`."""
        models: dict[str, bytearray] = {}  # by the name that the unpacked file would have
        taken: set[str] = set()
        others: list[str] = []
        linked = False
        for header_name, long_name, kind, size in self._members():
            linked |= kind in _TAR_LINKS
            member = long_name or header_name
            name = _left_as(member, through_links=linked)
            plain = "/" not in _without_dots(member)
            names = (name, _left_as(header_name, through_links=linked))
            if long_name is not None and any(each.startswith(_MEMBER_PREFIX) for each in names):
                raise ArtifactError(
                    f"{self._name}: the name {member!r} is in an extended header; not every program"
                    " would read the same model"
                )
            if not name.startswith(_MEMBER_PREFIX):
                self._skip(size)
            elif plain and kind not in _TAR_REGULAR:
                raise ArtifactError(f"{self._name}: {member!r} is not a regular file")
            elif name in models:
                raise ArtifactError(f"{self._name}: two models, the second is {member!r}")
            else:
                models[name] = self._read(size)
                taken |= {name} if plain else set()
            if name not in taken and len(others) < _NAMED:
                others.append(repr(member))
        self._read_on()
        real = [name for name, content in models.items() if content.startswith(FILE_START)]
        if len(real) > 1:
            raise ArtifactError(f"{self._name}: two models, {real[0]!r} and {real[1]!r}")
        for name in (MEMBER, *real, *models):
            if name in taken:
                return models[name]
        found = f"it holds {', '.join(others)}" if others else "it is empty"
        raise ArtifactError(
            f"{self._name}: no file named {_MEMBER_PREFIX}... in the archive; {found}"
        )

    def _members(self) -> Iterator[tuple[str, str | None, bytes, int]]:
        """Yield two names, type and size of each member; read its content before the next.

        The first name is that of the plain header. The second is that of an extended header, or ""
        if it tells something else about names; None if there is no such header.
        """
        long_name = None
        # Some programs write no zeros at the end.
        while (header := self._read(_TAR_BLOCK, may_end=True)).strip(b"\0"):
            member, kind, size = self._parse_header(header)
            if kind in (_TAR_OF_NEXT, _TAR_OF_ALL):
                told = self._read_extension(size, may_rename=kind == _TAR_OF_NEXT)
                long_name = told or long_name or told
            elif kind in (_TAR_LONG_NAME, _TAR_LONG_LINK):
                text = self._read_extended(size).partition(b"\0")[0].decode(errors="replace")
                long_name = text if kind == _TAR_LONG_NAME else long_name or ""
            elif kind in _TAR_WITHOUT_CONTENT or kind in _TAR_REGULAR:
                content = size if kind in _TAR_REGULAR else 0
                yield member, long_name, kind, content
                self._skip(-content % _TAR_BLOCK)
                long_name = None
            else:
                raise ArtifactError(f"{self._name}: {member!r} is of the unusual kind {kind!r}")

    def _read_extended(self, size: int) -> bytes:
        """Return the content of an extended header."""
        if size > _TAR_EXTENDED_BYTES:
            raise ArtifactError(f"{self._name}: an extended header of {size} bytes is not allowed")
        content = bytes(self._read(size))
        self._skip(-size % _TAR_BLOCK)
        return content

    def _read_extension(self, size: int, *, may_rename: bool) -> str | None:
        """Check that an extended header (POSIX pax) changes no size.

        Return what it tells about the name of the next member, as `_members` does.
        """
        left = self._read_extended(size)
        told = None
        while left:
            length, blank, _ = left.partition(b" ")
            end = int(length) if length.isdigit() and len(length) <= len(str(size)) else 0
            record = left[len(length + blank) : end]
            key, _, value = record.removesuffix(b"\n").decode(errors="replace").partition("=")
            harmless = key in _TAR_HARMLESS or key.startswith(_TAR_ATTRIBUTES)
            if may_rename and key in _TAR_NAMES:
                told = value if key == "path" else told or ""
                harmless = True
            if not (harmless and record.endswith(b"\n") and end <= len(left)):
                raise ArtifactError(
                    f"{self._name}: {left[:40]!r} in an extended header is not allowed; not every"
                    " program would read the same model"
                )
            left = left[end:]
        return told

    def _read_on(self) -> None:
        """Read the rest: only zeros may follow, and gzip's checksum is at the end."""
        while piece := self._packed.read(_READ_BYTES):
            self._count(len(piece))
            if piece.strip(b"\0"):
                raise ArtifactError(f"{self._name}: something follows the end of the archive")

    def _parse_header(self, header: bytes | bytearray) -> tuple[str, bytes, int]:
        """Return name, type and size from a POSIX ustar header."""
        name, size, checksum, kind, prefix = _TAR_HEADER.unpack(header)
        blank = header[:148] + b" " * 8 + header[156:]  # the checksum field counts as blanks
        if self._parse_octal(checksum) != sum(blank):
            raise ArtifactError(f"{self._name}: not a model.tar.gz: wrong checksum in a tar header")
        path = [part.partition(b"\0")[0].decode(errors="replace") for part in (prefix, name)]
        return "/".join(filter(None, path)), kind, self._parse_octal(size)

    def _parse_octal(self, field: bytes) -> int:
        digits = field.strip(b" \0")
        if digits.strip(b"01234567"):
            raise ArtifactError(f"{self._name}: not a model.tar.gz: {field!r} is not a number")
        return int(digits or b"0", 8)

    def _count(self, size: int) -> None:
        self._unpacked += size
        if self._unpacked > MAX_MODEL_BYTES:
            raise ArtifactError(
                f"{self._name}: the archive unpacks to more than {MAX_MODEL_BYTES} bytes"
            )
        if self._unpacked > max(SMALL_BYTES, MAX_RATIO * self._archive.size):
            raise ArtifactError(
                f"{self._name}: {self._archive.size} bytes of the archive unpack to"
                f" {self._unpacked}; a model does not pack to less than 1/{MAX_RATIO} of its size"
            )

    def _read(self, size: int, *, may_end: bool = False) -> bytearray:
        if self._unpacked + size > MAX_MODEL_BYTES:
            self._count(size)
        content = bytearray()
        while len(content) < size:
            piece = self._packed.read(min(size - len(content), _READ_BYTES))
            if not piece and may_end and not content:
                return content
            if not piece:
                missing = size - len(content)
                raise ArtifactError(
                    f"{self._name}: the archive ends early, {missing} bytes are missing"
                )
            self._count(len(piece))
            content += piece
        return content

    def _skip(self, size: int) -> None:
        while size:
            size -= len(self._read(min(size, _READ_BYTES)))


def _without_dots(member: str) -> str:
    """Drop `./` in front of names, which `tar -C folder .` writes."""
    return "/".join(part for part in member.split("/") if part != ".")


def _left_as(member: str, *, through_links: bool) -> str:
    """Return the name that a member may have in the folder once it is unpacked; "" for none.

    Programs drop a leading `/` and `./`, some drop all up to `..`, and a folder may be a link.
    """
    parts = [part for part in member.split("/") if part not in ("", ".")]
    while ".." in parts:
        del parts[: parts.index("..") + 1]
    return parts[-1] if len(parts) == 1 or (parts and through_links) else ""
