"""Write documents into the bodies of requests: CSV, JSON dense and sparse, RecordIO-protobuf.

Source: "Common Data Formats for Inference" in the Amazon SageMaker developer guide.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse

from data_prep.errors import InputError
from data_prep.recordio import RecordIOError, encode

MAX_BODY_BYTES = 6 * 1024 * 1024  # the limit of InvokeEndpoint, for a body of one document
# The limit of serverless endpoints. Larger bodies are not faster: requests run in parallel.
MAX_REQUEST_BYTES = 4_000_000
MAX_REQUEST_DOCUMENTS = 200  # an answer must come within 60 s, and small requests show progress


class Request(NamedTuple):
    """Some consecutive documents.

    Attributes:
        body: The encoded documents; empty if there are none.
        asked: For each document, whether it is in the body. Documents without words are not:
            AWS does not document what its image answers, and a sparse record without keys makes
            the image fail.
    """

    body: bytes
    asked: list[bool]


class ContentType(NamedTuple):
    """A content type of requests, and how it holds documents.

    Attributes:
        media: The content type.
        head, between, tail: The bytes before, between and after the documents.
        encode: Yields the bytes of each row of a matrix.
    """

    media: str
    head: bytes
    between: bytes
    tail: bytes
    encode: Callable[[sparse.csr_array], Iterator[bytes]]


def write_requests(blocks: Iterable[sparse.csr_array], content_type: str) -> Iterator[Request]:
    """Write documents into bodies that fit into a request.

    Args:
        blocks: (documents, vocabulary) word counts, one after the other; float32.
        content_type: One of `CONTENT_TYPES`.

    Raises:
        InputError: A document alone is larger than the largest body.
    """
    _, head, between, tail, encode_rows = CONTENT_TYPES[content_type]
    around = len(head) + len(tail)
    rows: list[bytes] = []
    asked: list[bool] = []
    size = around
    for number, row in enumerate(_encode_filled(blocks, encode_rows), 1):
        added = len(row) + len(between)
        if around + len(row) > MAX_BODY_BYTES:
            raise InputError(
                f"document {number} takes {around + len(row):,} bytes as {content_type}; a request"
                f" has at most {MAX_BODY_BYTES:,}, and json-sparse and recordio need the fewest"
            )
        if asked and (size + added > MAX_REQUEST_BYTES or len(asked) == MAX_REQUEST_DOCUMENTS):
            yield Request(head + between.join(rows) + tail if rows else b"", asked)
            rows, asked, size = [], [], around
        asked.append(bool(row))
        if row:
            rows.append(row)
            size += added
    if asked:
        yield Request(head + between.join(rows) + tail if rows else b"", asked)


def _encode_filled(
    blocks: Iterable[sparse.csr_array], encode_rows: Callable[[sparse.csr_array], Iterator[bytes]]
) -> Iterator[bytes]:
    """Yield the bytes of each document; no bytes for a document without words."""
    for counts in blocks:
        filled = np.diff(counts.indptr) > 0
        encoded = encode_rows(counts[np.flatnonzero(filled)])
        for has_words in filled.tolist():
            yield next(encoded) if has_words else b""


def _encode_csv(counts: sparse.csr_array) -> Iterator[bytes]:
    return (row.encode() for row in _dense_rows(counts))


def _encode_json_dense(counts: sparse.csr_array) -> Iterator[bytes]:
    return (f'{{"features":[{row}]}}'.encode() for row in _dense_rows(counts))


def _encode_json_sparse(counts: sparse.csr_array) -> Iterator[bytes]:
    for words, values in _entries(counts):
        keys = ",".join(map(str, words))
        yield (
            f'{{"data":{{"features":{{"keys":[{keys}],"shape":[{counts.shape[1]}],'
            f'"values":[{",".join(values)}]}}}}}}'
        ).encode()


def _encode_recordio(counts: sparse.csr_array) -> Iterator[bytes]:
    for row in range(counts.shape[0]):
        try:
            yield b"".join(encode(counts[row : row + 1]))
        except RecordIOError as error:  # a document has millions of different words
            raise InputError(str(error)) from None


def _dense_rows(counts: sparse.csr_array) -> Iterator[str]:
    """Yield the counts of each row, including zeros, with commas between them."""
    cells = ["0"] * counts.shape[1]
    for words, values in _entries(counts):
        for word, value in zip(words, values, strict=True):
            cells[word] = value
        yield ",".join(cells)
        for word in words:
            cells[word] = "0"


def _entries(counts: sparse.csr_array) -> Iterator[tuple[list[int], list[str]]]:
    """Yield the word ids and the counts of each row."""
    for start, stop in pairwise(counts.indptr):
        # 9 digits distinguish all float32 numbers.
        values = [format(count, ".9g") for count in counts.data[start:stop].tolist()]
        yield counts.indices[start:stop].tolist(), values


CONTENT_TYPES = {
    "csv": ContentType("text/csv", b"", b"\n", b"\n", _encode_csv),
    "json-dense": ContentType(
        "application/json", b'{"instances":[', b",", b"]}", _encode_json_dense
    ),
    "json-sparse": ContentType(
        "application/json", b'{"instances":[', b",", b"]}", _encode_json_sparse
    ),
    "recordio": ContentType("application/x-recordio-protobuf", b"", b"", b"", _encode_recordio),
}
