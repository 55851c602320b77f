"""Read the word counts of documents in channels and requests: CSV, JSON or RecordIO-protobuf.

Source: "Common Data Formats for Training" and "Common Data Formats for Inference" in the Amazon
SageMaker developer guide.
"""

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.recordio import RecordIOError, read_blocks, read_matrix

CSV = "text/csv"
JSON = "application/json"
RECORDIO = "application/x-recordio-protobuf"

_READ_BYTES = 1 << 22  # of a CSV file at once, plus the rest of the last line

# The text before and after the numbers of a dense document in JSON, in its two documented forms.
_DENSE = ((b'{"features":[', b"]}"), (b'{"data":{"features":{"values":[', b"]}}}"))


class WordCountsError(ValueError):
    """Content that is no word counts, or has another number of words than the model."""


def parse(content: bytes, media: str, feature_dim: int) -> sparse.csr_array:
    """Read documents that are in memory.

    Args:
        content: The whole body or file.
        media: `CSV`, `JSON` or `RECORDIO`.
        feature_dim: Size of the vocabulary.

    Returns:
        (documents, feature_dim) float32 word counts, finite and not negative; at least one row.

    Raises:
        WordCountsError: The content is malformed or has another number of words.
    """
    return _checked(_PARSERS[media](content, feature_dim), feature_dim)


def read(stream: BinaryIO, media: str, feature_dim: int) -> Iterator[sparse.csr_array]:
    """Yield the documents of a channel's file, a few MiB at a time.

    Args:
        stream: The file.
        media: `CSV` or `RECORDIO`.
        feature_dim: Size of the vocabulary.

    Raises:
        WordCountsError: As `parse`.
    """
    empty = True
    for counts in _READERS[media](stream, feature_dim):
        empty = False
        yield _checked(counts, feature_dim)
    if empty:
        raise WordCountsError("there is no document")


def _checked(counts: sparse.csr_array, feature_dim: int) -> sparse.csr_array:
    if counts.shape[1] != feature_dim:
        raise WordCountsError(f"documents have {counts.shape[1]} features, must have {feature_dim}")
    if not np.isfinite(counts.data).all() or (counts.data < 0).any():
        raise WordCountsError("word counts must be finite and not negative")
    return counts


def _read_csv(stream: BinaryIO, feature_dim: int) -> Iterator[sparse.csr_array]:
    while lines := stream.readlines(_READ_BYTES):
        if (content := b"".join(lines)).strip():
            yield _parse_csv(content, feature_dim)


def _read_recordio(stream: BinaryIO, feature_dim: int) -> Iterator[sparse.csr_array]:
    try:
        yield from read_blocks(stream, feature_dim)
    except RecordIOError as error:
        raise WordCountsError(str(error)) from None


def _parse_csv(content: bytes, feature_dim: int) -> sparse.csr_array:
    if not content.strip():
        raise WordCountsError("there is no document")
    rows = _parse_whole_numbers(content, feature_dim)
    if rows is None:  # fractions, exponents, spaces, or an error to explain
        try:
            text = io.StringIO(content.decode("ascii"))
            rows = np.loadtxt(text, np.float32, delimiter=",", comments=None, ndmin=2)
        except ValueError as error:
            raise WordCountsError(f"not a CSV of numbers: {error}") from None
    return sparse.csr_array(rows)


def _parse_whole_numbers(content: bytes, feature_dim: int) -> NDArray[np.float32] | None:
    """Read rows of plain whole numbers, most of one digit; None if there is anything else."""
    content = content.removesuffix(b"\n") + b"\n"
    characters = np.frombuffer(content, np.uint8)
    digits = characters - ord("0")  # uint8 wraps around: all but digits are above 9
    ends = np.flatnonzero(digits > 9)
    if len(ends) % feature_dim:
        return None
    marks = characters[ends].reshape(-1, feature_dim)
    if (marks[:, :-1] != ord(",")).any() or (marks[:, -1] != ord("\n")).any():
        return None
    widths = np.diff(ends, prepend=-1) - 1
    if not widths.all():
        return None
    values = digits[ends - 1].astype(np.float32)
    longer = np.flatnonzero(widths > 1)
    if not digits[(ends - widths)[longer]].all():  # 01 is a number in CSV, not in JSON
        return None
    values[longer] = [
        float(content[end - width : end])
        for end, width in zip(ends[longer].tolist(), widths[longer].tolist(), strict=True)
    ]
    return values.reshape(marks.shape)


def _parse_recordio(content: bytes, feature_dim: int) -> sparse.csr_array:
    try:
        return read_matrix(io.BytesIO(content), feature_dim)
    except RecordIOError as error:
        raise WordCountsError(str(error)) from None


def _parse_json(content: bytes, feature_dim: int) -> sparse.csr_array:
    rows = _parse_plain_json(content, feature_dim)
    if rows is not None:
        return sparse.csr_array(rows)
    try:
        request = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WordCountsError(f"not JSON: {error}") from None
    instances = request.get("instances") if isinstance(request, dict) else None
    if not isinstance(instances, list) or not instances:
        raise WordCountsError('the request must be {"instances": [...]} with at least one document')
    keys, values = zip(*_parse_instances(instances, feature_dim), strict=True)
    sizes = [len(row) for row in keys]
    counts = sparse.csr_array(
        (np.concatenate(values), np.concatenate(keys), np.cumsum([0, *sizes])),
        shape=(len(sizes), feature_dim),
    )
    counts.sum_duplicates()
    return counts


def _parse_plain_json(content: bytes, feature_dim: int) -> NDArray[np.float32] | None:
    """Read dense documents of plain whole numbers as a CSV; None if there is anything else."""
    compact = content.replace(b", ", b",").replace(b": ", b":")
    for opening, closing in _DENSE:
        head, tail = b'{"instances":[' + opening, closing + b"]}"
        if compact.startswith(head) and compact.endswith(tail) and b"\n" not in compact:
            rows = compact[len(head) : -len(tail)].replace(closing + b"," + opening, b"\n")
            return _parse_whole_numbers(rows, feature_dim)
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_Row = tuple[NDArray[np.int64], NDArray[np.float32]]


def _parse_instances(instances: list[Any], feature_dim: int) -> Iterator[_Row]:
    for position, instance in enumerate(instances):
        try:
            yield _parse_instance(instance, feature_dim)
        except (WordCountsError, TypeError, KeyError) as error:
            reason = str(error) if isinstance(error, WordCountsError) else "must have 'features'"
            raise WordCountsError(f"instance {position}: {reason}") from None


def _parse_instance(instance: Any, feature_dim: int) -> _Row:
    """Read `{"features": [...]}` or `{"data": {"features": {"values": [...], "keys": ...}}}`."""
    if "data" not in instance:
        return _parse_dense(instance["features"], feature_dim)
    features = instance["data"]["features"]
    if "keys" not in features:
        return _parse_dense(features["values"], feature_dim)
    values = _float32(_numbers(features["values"], "values"))
    keys = _numbers(features["keys"], "keys")
    shape = features.get("shape", [feature_dim])
    if shape != [feature_dim]:
        raise WordCountsError(f"shape is {str(shape)[:50]}, must be [{feature_dim}]")
    if len(keys) != len(values):
        raise WordCountsError(f"{len(keys)} keys for {len(values)} values")
    if ((keys < 0) | (keys >= feature_dim) | (keys != np.floor(keys))).any():
        raise WordCountsError(f"keys must be whole numbers from 0 to {feature_dim - 1}")
    return keys.astype(np.int64), values


def _parse_dense(features: Any, feature_dim: int) -> _Row:
    values = _float32(_numbers(features, "features"))
    if len(values) != feature_dim:
        raise WordCountsError(f"{len(values)} features, must be {feature_dim}")
    keys = np.flatnonzero(values)
    return keys, values[keys]


def _numbers(items: Any, name: str) -> NDArray[np.float64]:
    if not isinstance(items, list) or not set(map(type, items)) <= {int, float}:
        raise WordCountsError(f"{name} must be a list of numbers")
    try:
        return np.array(items, np.float64)
    except OverflowError:  # an integer beyond the range of a double
        raise WordCountsError("word counts must be finite and not negative") from None


def _float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # `_checked` rejects infinity
        return values.astype(np.float32)


_PARSERS = {CSV: _parse_csv, JSON: _parse_json, RECORDIO: _parse_recordio}
_READERS = {CSV: _read_csv, RECORDIO: _read_recordio}
