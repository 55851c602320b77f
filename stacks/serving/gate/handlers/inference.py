"""Our own inference, in Python alone, of a few documents: what the endpoint is compared with.

The function's runtime has no NumPy. `topics.artifact` and `topics.inference` say what is done here
and why, and a test holds that both do the same.
"""

import io
import math
import struct
import tarfile
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import boto3

from .golden import GateError, Mixtures

MODEL_BYTES = 100 << 20  # as much as the function's memory holds
TOLERANCE = 1e-4
MAX_STEPS = 1000
PLAIN_STEPS = STEPS_A_CHECK = 4
OVERRELAXATION = 1.6
TINY = 1e-300

_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = {0: "f", 1: "d"}  # float32, float64


def expected(bucket: str, key: str, golden: Mapping[str, Any]) -> Mixtures:
    """The mixtures of golden documents under the model of an artifact.

    Raises:
        GateError: It holds no model that can be read here.
    """
    try:
        alpha, beta, words = _read_arrays(_read_member(bucket, key))
    except (struct.error, ValueError, KeyError, tarfile.TarError, EOFError) as error:
        raise GateError(f"its artifact s3://{bucket}/{key} can't be read: {error}") from None
    if words != golden["feature_dim"]:
        raise GateError(f"its model has {words} words, not {golden['feature_dim']}")
    rows = range(0, len(beta), words)
    masses = [sum(beta[row : row + words]) for row in rows]
    return [
        _mixture(
            alpha,
            [
                [beta[row + word] / mass for row, mass in zip(rows, masses, strict=True)]
                for word in document["keys"]
            ],
            document["values"],
        )
        for document in golden["documents"]
    ]


def _read_member(bucket: str, key: str) -> bytes:
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    with tarfile.open(fileobj=io.BytesIO(body.read(MODEL_BYTES)), mode="r:gz") as archive:
        for member in archive:
            if member.name.startswith("model_") and member.isfile():
                if member.size > MODEL_BYTES:
                    raise ValueError(f"it has {member.size} bytes, {MODEL_BYTES} can be compared")
                content = archive.extractfile(member)
                return content.read() if content else b""
    raise ValueError("there is no model in it")


def _read_arrays(content: bytes) -> tuple[Sequence[float], Sequence[float], int]:
    """Alpha (K,), beta (K * V,) by rows, and V."""
    magic, _, count = struct.unpack_from("<QQQ", content)
    if (magic, count) != (_MAGIC, 2):
        raise ValueError("it is no list of two arrays")
    (topics,), alpha, at = _read_array(content, 24)
    (rows, words), beta, _ = _read_array(content, at)
    if rows != topics:
        raise ValueError(f"alpha has {topics} topics and beta {rows}")
    return alpha, beta, words


def _read_array(content: bytes, at: int) -> tuple[tuple[int, ...], "array[float]", int]:
    (version,) = struct.unpack_from("<I", content, at)
    at += {_V1: 4, _V2: 8, _V3: 8}.get(version, 0)  # magic and, from version 2 on, storage
    (dimensions,) = struct.unpack_from("<I", content, at)
    layout = f"<{dimensions}{'q' if version in (_V1, _V2, _V3) else 'I'}iii"
    *shape, _, _, code = struct.unpack_from(layout, content, at + 4)
    at += 4 + struct.calcsize(layout)
    values: array[float] = array(_TYPES[code])
    end = at + math.prod(shape) * values.itemsize
    values.frombytes(content[at:end])
    if len(values) != math.prod(shape):
        raise ValueError("it ends early")
    return tuple(shape), values, end


def _mixture(
    alpha: Sequence[float], word_topics: list[list[float]], counts: list[float]
) -> list[float]:
    """The fixed point of `topics.inference`."""
    length = sum(counts)
    gamma = [prior + length / len(alpha) for prior in alpha]
    for step in range(1, MAX_STEPS + 1):
        weights = [math.exp(_digamma(value)) for value in gamma]
        shares = [0.0] * len(alpha)
        for topics, count in zip(word_topics, counts, strict=True):
            parts = [topic * weight for topic, weight in zip(topics, weights, strict=True)]
            scale = count / (sum(parts) + TINY)
            shares = [share + part * scale for share, part in zip(shares, parts, strict=True)]
        updated = [prior + share for prior, share in zip(alpha, shares, strict=True)]
        change = max(abs(new - old) for new, old in zip(updated, gamma, strict=True))
        looked_at = step > PLAIN_STEPS and step % STEPS_A_CHECK == 0
        if looked_at and change < TOLERANCE * length:
            break
        pace = 1 if step <= PLAIN_STEPS else OVERRELAXATION
        gamma = [
            max(old + pace * (new - old), prior)
            for old, new, prior in zip(gamma, updated, alpha, strict=True)
        ]
    total = sum(updated)
    return [value / total for value in updated]


def _digamma(x: float) -> float:
    """The recurrence up to 6, and from there the asymptotic series (Abramowitz, Stegun 6.3.18)."""
    result = 0.0
    while x < 6:
        result -= 1 / x
        x += 1
    inverse = 1 / (x * x)
    series = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse / 240)))
    return result + math.log(x) - 0.5 / x - series
