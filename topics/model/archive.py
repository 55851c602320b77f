"""The model file that SageMaker's LDA writes: `model.tar.gz` with the member `model_algo-1`.

The member is an MXNet NDArray list `[alpha, beta]`. MXNet is retired and needs an old NumPy, so
the bytes are read and written here. All numbers are little-endian:

    u64 0x112        file magic
    u64 0            reserved
    u64 2            arrays
    alpha, beta      see below
    u64 0            names

    array V2, V3:  u32 magic, i32 storage (0 = dense), u32 ndim, i64 x ndim sizes,
                   i32 device type, i32 device id, i32 element type, elements
    array V1:      the same without storage
    array V0:      without magic: u32 ndim, u32 x ndim sizes, device and elements as above

Source: Apache MXNet, `src/ndarray/ndarray.cc` (`NDArray::Save`, `NDArray::Load`).
"""

import gzip
import io
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import InputError
from data_prep.files import replacing

MEMBER = "model_algo-1"
MAX_MODEL_BYTES = 1 << 30  # of the unpacked archive: 150 topics x 1.7 million words in float32
MAX_ELEMENTS = 1 << 28  # of an array, whatever the size of each: 2 GiB in memory
# More than an archive needs that claims no more than it is: models pack to a half or a tenth, and
# what packs to less than a hundredth is made to fill the memory.
SMALL_BYTES = 32 << 20  # of an unpacked archive, which may have packed to nothing
MAX_RATIO = 100

_FILE_MAGIC = 0x112
_FILE_START = struct.pack("<Q", _FILE_MAGIC)
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DENSE = 0
_CPU = 1
_FLOAT32 = 0
_DTYPES: dict[int, np.dtype[np.floating]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f8"),
    2: np.dtype("<f2"),
}
_MEMBER_PREFIX = "model_"
_S3_SCHEME = "s3://"
_READ_BYTES = 1 << 20
_NAMED = 5  # members, of an archive without a model

_TAR_BLOCK = 512
_TAR_HEADER = struct.Struct("<100s 24x 12s 12x 8s 1s 188x 155s 12x")  # the fields that are used
_TAR_REGULAR = (b"0", b"\0")
_TAR_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")  # links, devices, folders, pipes
_TAR_LINKS = (b"1", b"2")
_TAR_EXTENDED = (b"x", b"g")  # what Python's tarfile writes for times that are not whole seconds
_TAR_EXTENDED_BYTES = 1 << 16
_TAR_HARMLESS = {"atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment"}
_TAR_ATTRIBUTES = ("SCHILY.xattr.", "LIBARCHIVE.xattr.")


class ArtifactError(InputError):
    """A model file that can't be read, is not one, or holds an impossible model."""


@dataclass(frozen=True, eq=False)
class Model:
    """An LDA topic model.

    Attributes:
        alpha: (K,) float64, the Dirichlet prior of the topic mixtures; positive.
        beta: (K, V) float64, the probability of each word in each topic; rows sum to 1.
    """

    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]


def load(address: str) -> Model:
    """Read the model out of an archive.

    The archive is not trusted: nothing is written to disk, one member is taken by its name, and
    what is unpacked is bounded whatever the archive declares.

    Args:
        address: Path of a `model.tar.gz`, or `s3://BUCKET/KEY` of one.

    Raises:
        ArtifactError: There is no such archive, or no good model in it.
    """
    if address.startswith(_S3_SCHEME):
        return decode(_read_s3_member(address), address)
    return decode(read_member(Path(address)), address)


def read_member(path: Path) -> bytes | bytearray:
    """Take the model file out of an archive, as it stands there; bounded as `load` is.

    Raises:
        ArtifactError: There is no such archive, or no model file in it.
    """
    try:
        with path.open("rb") as archive:
            return _unpack(archive, str(path))
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror or error}") from None


def _read_s3_member(address: str) -> bytes | bytearray:
    # Imported here: boto3 takes longer to import than a model to load, and files don't need it.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = address.removeprefix(_S3_SCHEME).partition("/")
    if not bucket or not key:
        raise ArtifactError(f"{address}: an address in S3 has the form s3://BUCKET/KEY")
    try:
        return _unpack(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"], address)
    except (BotoCoreError, ClientError) as error:
        raise ArtifactError(f"{address}: {error}") from None


def save(model: Model, path: Path) -> None:
    """Write `model.tar.gz`; the same model gives the same bytes.

    Raises:
        OSError: The file can't be written.
    """
    content = encode(model)
    member = tarfile.TarInfo(MEMBER)
    member.size = len(content)
    member.mode = 0o644
    with (
        replacing(path) as raw,
        # No file name and no time go into the header; TarInfo's own defaults are fixed too.
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        archive.addfile(member, io.BytesIO(content))


class _Counted(io.RawIOBase):
    """A stream that counts what is read of it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        piece: bytes = self._stream.read(size)
        self.size += len(piece)
        return piece


class _Archive:
    """Reads an unpacked archive from its front, and no further than its limits.

    Python's `tarfile` is not used: a few wrong bytes make it loop for hours over a size that is
    not there. Names and sizes are taken from the plain headers, which is where a model has them.
    What other programs might read otherwise is refused, so that what is looked at here is what is
    served there.
    """

    def __init__(self, packed: gzip.GzipFile, archive: _Counted, name: str) -> None:
        self._packed = packed
        self._archive = archive
        self._unpacked = 0
        self._name = name

    def find(self) -> bytes | bytearray:
        """Return the content of `model_algo-1`, or of the only other file `model_...`."""
        models: dict[str, bytearray] = {}  # by the names under which programs leave them
        taken: set[str] = set()
        others: list[str] = []
        linked = False
        for member, kind, size in self._members():
            linked |= kind in _TAR_LINKS
            name = _left_as(member, through_links=linked)
            plain = "/" not in _without_dots(member)
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
        real = [name for name, content in models.items() if content.startswith(_FILE_START)]
        if len(real) > 1:
            raise ArtifactError(f"{self._name}: two models, {real[0]!r} and {real[1]!r}")
        for name in (MEMBER, *real, *models):
            if name in taken:
                return models[name]
        found = f"it holds {', '.join(others)}" if others else "it is empty"
        raise ArtifactError(
            f"{self._name}: no file named {_MEMBER_PREFIX}... in the archive; {found}"
        )

    def _members(self) -> Iterator[tuple[str, bytes, int]]:
        """Yield name, type and size of the members; whoever takes one reads so much and goes on."""
        while (header := self._read(_TAR_BLOCK)).strip(b"\0"):
            member, kind, size = self._parse_header(header)
            if kind in _TAR_EXTENDED:
                self._check_extension(size)
            elif kind in _TAR_WITHOUT_CONTENT:
                yield member, kind, 0
            elif kind in _TAR_REGULAR:
                yield member, kind, size
                self._skip(-size % _TAR_BLOCK)
            else:
                raise ArtifactError(f"{self._name}: {member!r} is of the unusual kind {kind!r}")

    def _check_extension(self, size: int) -> None:
        """Let an extended header (POSIX pax) pass that gives no other name and no other size."""
        if size > _TAR_EXTENDED_BYTES:
            raise ArtifactError(f"{self._name}: an extended header of {size} bytes is not allowed")
        left = bytes(self._read(size))
        self._skip(-size % _TAR_BLOCK)
        while left:
            length, blank, _ = left.partition(b" ")
            end = int(length) if length.isdigit() and len(length) <= len(str(size)) else 0
            record = left[len(length + blank) : end]
            key = record.partition(b"=")[0].decode(errors="replace")
            harmless = key in _TAR_HARMLESS or key.startswith(_TAR_ATTRIBUTES)
            if not (harmless and record.endswith(b"\n") and end <= len(left)):
                raise ArtifactError(
                    f"{self._name}: {left[:40]!r} in an extended header is not allowed; not every"
                    " program would read the same model"
                )
            left = left[end:]

    def _read_on(self) -> None:
        """Read the rest: nothing may follow, and gzip has the checksum of the whole at its end."""
        while piece := self._packed.read(_READ_BYTES):
            self._count(len(piece))
            if piece.strip(b"\0"):
                raise ArtifactError(f"{self._name}: something follows the end of the archive")

    def _parse_header(self, header: bytes | bytearray) -> tuple[str, bytes, int]:
        """Return name, type and size out of a POSIX ustar header."""
        name, size, checksum, kind, prefix = _TAR_HEADER.unpack(header)
        blank = header[:148] + b" " * 8 + header[156:]  # the checksum is taken without itself
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

    def _read(self, size: int) -> bytearray:
        if self._unpacked + size > MAX_MODEL_BYTES:
            self._count(size)
        content = bytearray()
        while len(content) < size:
            piece = self._packed.read(min(size - len(content), _READ_BYTES))
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
    """Drop what is the folder itself: `tar -C folder .` puts `./` in front of names."""
    return "/".join(part for part in member.split("/") if part != ".")


def _left_as(member: str, *, through_links: bool) -> str:
    """Return the name of the file that a program might leave in the folder; "" for none.

    Programs drop a leading `/` and `./`, some drop all up to `..`, and a folder may be a link.
    """
    parts = [part for part in member.split("/") if part not in ("", ".")]
    while ".." in parts:
        del parts[: parts.index("..") + 1]
    return parts[-1] if len(parts) == 1 or (parts and through_links) else ""


def _unpack(archive: Any, name: str) -> bytes | bytearray:
    counted = _Counted(archive)
    try:
        with gzip.GzipFile(mode="rb", fileobj=counted) as packed:
            return _Archive(packed, counted, name).find()
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ArtifactError(f"{name}: not a model.tar.gz: {error}") from None


def encode(model: Model) -> bytes:
    """Return the bytes that MXNet 1.9.1 writes for `mx.nd.save(path, [alpha, beta])`."""
    arrays = (model.alpha, model.beta)
    return b"".join(
        [
            struct.pack("<QQQ", _FILE_MAGIC, 0, len(arrays)),
            *(_encode_array(array) for array in arrays),
            struct.pack("<Q", 0),
        ]
    )


def _encode_array(array: NDArray[np.float64]) -> bytes:
    head = struct.pack(f"<IiI{array.ndim}q", _V2, _DENSE, array.ndim, *array.shape)
    return head + struct.pack("<iii", _CPU, 0, _FLOAT32) + array.astype("<f4").tobytes()


def decode(content: bytes | bytearray, name: str) -> Model:
    """Read the content of `model_algo-1`.

    The rows of beta are brought to sum 1: float32 rows are off by rounding, and no document says
    that the image normalises them.

    Args:
        content: An NDArray list of the versions 0 to 3.
        name: Where it comes from, for messages.

    Raises:
        ArtifactError: It is not a list of two dense arrays (K,) and (K, V) of floating point
            numbers, or the numbers are no topic model.
    """
    reader = _Reader(content, name)
    magic, _, count = reader.unpack("<QQQ")
    if magic != _FILE_MAGIC:
        raise ArtifactError(f"{name}: magic is 0x{magic:x}, a model has 0x{_FILE_MAGIC:x}")
    if count != 2:
        raise ArtifactError(f"{name}: {count} arrays, a model has two: alpha and beta")
    alpha = _read_array(reader)
    beta = _read_array(reader)
    (names,) = reader.unpack("<Q")
    if names or reader.left:
        raise ArtifactError(
            f"{name}: {names} names and {reader.left} bytes after the arrays; a model has none"
        )
    return _checked(alpha, beta, name)


class _Reader:
    """Takes fields off the front of the content; a claimed size never exceeds what is there."""

    def __init__(self, content: bytes | bytearray, name: str) -> None:
        self._content = memoryview(content)
        self.name = name

    @property
    def left(self) -> int:
        return len(self._content)

    def take(self, size: int) -> memoryview:
        if size > len(self._content):
            raise ArtifactError(
                f"{self.name}: the model ends early: {size} bytes wanted, {self.left} left"
            )
        taken, self._content = self._content[:size], self._content[size:]
        return taken

    def unpack(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))


def _read_array(reader: _Reader) -> NDArray[np.float64]:
    (version,) = reader.unpack("<I")
    if version in (_V2, _V3):
        (storage,) = reader.unpack("<i")
        if storage != _DENSE:
            raise ArtifactError(f"{reader.name}: an array has storage type {storage}, not dense")
    if version in (_V1, _V2, _V3):
        (ndim,) = reader.unpack("<I")
        size_code = "q"
    else:  # version 0 has no magic: the number is that of the dimensions
        ndim = version
        size_code = "I"
    if ndim not in (1, 2):
        raise ArtifactError(f"{reader.name}: an array has {ndim} dimensions, must be 1 or 2")
    shape = reader.unpack(f"<{ndim}{size_code}")
    _, _, code = reader.unpack("<iii")
    if code not in _DTYPES:
        raise ArtifactError(
            f"{reader.name}: an array has element type {code}; read are 0, 1 and 2 (floats)"
        )
    if min(shape) < 1:
        raise ArtifactError(f"{reader.name}: an array has the shape {shape}")
    elements = shape[0] * shape[-1] if ndim == 2 else shape[0]
    content = reader.take(elements * _DTYPES[code].itemsize)
    if elements > MAX_ELEMENTS:
        raise ArtifactError(f"{reader.name}: an array of {elements} numbers; {MAX_ELEMENTS} may be")
    array = np.frombuffer(content, _DTYPES[code]).reshape(shape)
    with np.errstate(invalid="ignore"):  # of what is no number; that is refused later
        return array.astype(np.float64)


def _checked(alpha: NDArray[np.float64], beta: NDArray[np.float64], name: str) -> Model:
    """Return a model of the arrays; beta is brought to sum 1 in place, since it may be large."""
    if alpha.ndim != 1 or beta.ndim != 2 or len(alpha) != len(beta):
        raise ArtifactError(
            f"{name}: alpha has the shape {alpha.shape} and beta {beta.shape};"
            " they must be (K,) and (K, V)"
        )
    if not (np.isfinite(alpha).all() and (alpha > 0).all()):
        raise ArtifactError(f"{name}: alpha must be finite and positive")
    if not (np.isfinite(beta).all() and (beta >= 0).all()):
        raise ArtifactError(f"{name}: beta must be finite and not negative")
    with np.errstate(over="ignore"):
        mass = beta.sum(axis=1, keepdims=True)
    if not np.isfinite(mass).all():
        raise ArtifactError(f"{name}: topic {mass.argmax()} adds up to inf, must add up to 1")
    if not mass.all():
        raise ArtifactError(f"{name}: topic {mass.argmin()} gives no word a probability")
    beta /= mass
    return Model(alpha, beta)
