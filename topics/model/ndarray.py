"""The model file `model_algo-1`: an MXNet NDArray list `[alpha, beta]`.

MXNet is retired and needs an old NumPy, so the bytes are read and written here. All numbers are
little-endian:

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

import struct

import numpy as np
from numpy.typing import NDArray

from topics.model.topic_model import ArtifactError, Model

MAX_ELEMENTS = 1 << 28  # of an array: 2 GiB in memory
FILE_START = struct.pack("<Q", 0x112)

_FILE_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DENSE = 0
_CPU = 1
_FLOAT32 = 0
_DTYPES: dict[int, np.dtype[np.floating]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f8"),
    2: np.dtype("<f2"),
}


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

    The rows of beta are divided by their sums: float32 rows are off by rounding, and AWS does not
    document that its image normalises them.

    Args:
        content: An NDArray list of version 0 to 3.
        name: Its name in errors.

    Raises:
        ArtifactError: It is not a list of two dense arrays (K,) and (K, V) of floating point
            numbers, or the numbers are not a topic model.
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
    """Reads fields from the front of the content; no field can be larger than the rest of it."""

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
    else:  # version 0 has no magic: this is the number of dimensions
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
        raise ArtifactError(
            f"{reader.name}: an array of {elements} numbers; at most {MAX_ELEMENTS} are allowed"
        )
    array = np.frombuffer(content, _DTYPES[code]).reshape(shape)
    with np.errstate(invalid="ignore"):  # NaN is refused later
        return array.astype(np.float64)


def _checked(alpha: NDArray[np.float64], beta: NDArray[np.float64], name: str) -> Model:
    """Return a model of the arrays; beta is normalised in place, since it may be large."""
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
