"""Cut documents into the objects of a transform job, or find such objects in S3.

A job takes them one by one, so several are what spreads over instances. They are small, since users
report that SageMaker's LDA fails in large transforms:
https://github.com/aws/amazon-sagemaker-examples/issues/755.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from numpy.typing import NDArray
from scipy import sparse

from cli.progress import Progress
from data_prep.errors import InputError
from data_prep.recordio import RecordIOError, encode, read_blocks
from topics.endpoint.deployed import TransformError
from topics.endpoint.state import explain

SCHEME = "s3://"
MAX_DOCUMENTS = 5_000  # of an object
MAX_PAYLOAD_MB = 6
MAX_RECORD_BYTES = MAX_PAYLOAD_MB * 1_000_000  # also if AWS's MB are not MiB
FULL_BYTES = 1 << 25  # no block of documents is added to an object of this size

_ENTRY_BYTES = 9  # of a count and a word id, at most
_AROUND_BYTES = 100  # of a record without them, at most


class Batch(NamedTuple):
    """Consecutive documents: those that have words are one object.

    Attributes:
        filled: (documents,) whether each has words.
        body: The records of the filled documents; no bytes if there are none.
    """

    filled: NDArray[np.bool_]
    body: bytes


class Stored(NamedTuple):
    """An object of a job's input.

    Attributes:
        key: Its key; empty if it would have no record, then there is no object.
        filled: (documents,) whether each has words.
        whole: Whether the object has a record for each document, or only for the filled ones.
    """

    key: str
    filled: NDArray[np.bool_]
    whole: bool = False

    @property
    def records(self) -> int:
        """How many records the object has, and so its output."""
        return self.filled.size if self.whole else int(self.filled.sum())


def cut(blocks: Iterable[sparse.csr_array]) -> Iterator[Batch]:
    """Cut documents into batches, each an object of at most `MAX_DOCUMENTS`.

    Documents without words are in no object: AWS does not document what its image answers, and a
    sparse record without keys makes the image fail.

    Args:
        blocks: (documents, vocabulary) word counts, one after the other; float32.

    Raises:
        InputError: A document is larger than the largest payload.
    """
    filled: list[NDArray[np.bool_]] = []
    frames: list[bytes] = []
    number = records = size = 0
    for block in blocks:
        for start in range(0, block.shape[0], MAX_DOCUMENTS):
            counts = block[start : start + MAX_DOCUMENTS]
            has_words = np.diff(counts.indptr) > 0
            added = int(has_words.sum())
            if records and (records + added > MAX_DOCUMENTS or size >= FULL_BYTES):
                yield Batch(np.concatenate(filled), b"".join(frames))
                filled, frames, records, size = [], [], 0, 0
            _check_sizes(counts, number)
            encoded = b"".join(encode(counts[np.flatnonzero(has_words)]))
            filled.append(has_words)
            frames.append(encoded)
            number += has_words.size
            records += added
            size += len(encoded)
    if filled:
        yield Batch(np.concatenate(filled), b"".join(frames))


def _check_sizes(counts: sparse.csr_array, before: int) -> None:
    """Reject a document that is larger than a payload; `before` documents come before these."""
    entries = (MAX_RECORD_BYTES - _AROUND_BYTES) // _ENTRY_BYTES
    for row in np.flatnonzero(np.diff(counts.indptr) > entries).tolist():
        size = sum(map(len, encode(counts[row : row + 1])))
        if size > MAX_RECORD_BYTES:
            raise InputError(
                f"document {before + row + 1} takes {size:,} bytes as recordio; a transform job"
                f" takes at most {MAX_RECORD_BYTES:,}"
            )


def find_stored(s3: Any, address: str) -> tuple[list[Stored], int]:
    """Find the RecordIO objects below an address, and read them once from start to end.

    Args:
        s3: A client, which may list and read them.
        address: `s3://BUCKET/KEY` of one object, or of a folder.

    Returns:
        The objects in the order of their keys, and the size of the documents' vocabulary.

    Raises:
        InputError: There is no object, one is no RecordIO, or they are not of one folder.
        TransformError: S3 refuses.
    """
    bucket, prefix = split_address(address)
    words: int | None = None
    stored = []
    try:
        with Progress("reading") as progress:
            for key in _keys(s3, bucket, prefix):
                body = s3.get_object(Bucket=bucket, Key=key)["Body"]
                filled = []
                try:
                    for block in read_blocks(io.BufferedReader(cast(Any, body)), words):
                        words = block.shape[1]
                        filled.append(np.diff(block.indptr) > 0)
                        progress.advance(block.shape[0])
                except RecordIOError as error:
                    raise InputError(f"{SCHEME}{bucket}/{key}: {error}") from None
                if not filled:
                    raise InputError(f"{SCHEME}{bucket}/{key}: there is no document")
                stored.append(Stored(key, np.concatenate(filled), whole=True))
    except (ClientError, BotoCoreError) as error:
        raise TransformError(f"{address}: {explain(error)}") from None
    return stored, words or 0


def split_address(address: str) -> tuple[str, str]:
    """Return the bucket and the key of an address.

    Raises:
        InputError: It names none.
    """
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    if not bucket or not key:
        raise InputError(f"{address}: an address in S3 has the form {SCHEME}BUCKET/FOLDER/")
    return bucket, key


def _keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    """Return the keys of the objects that a job would take, in S3's order.

    A job takes every object whose key begins with the prefix, and its outputs are told apart by
    the ends of their names.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    listed = (entry["Key"] for page in pages for entry in page.get("Contents", []))
    keys = [key for key in listed if not key.endswith("/")]  # these stand for folders
    if not keys:
        raise InputError(f"{SCHEME}{bucket}/{prefix}: there is no object")
    folder = prefix if prefix.endswith("/") else f"{prefix}/"
    if others := [key for key in keys if key != prefix and not key.startswith(folder)]:
        raise InputError(
            f"{SCHEME}{bucket}/{prefix}: {SCHEME}{bucket}/{others[0]} begins so too; name a folder,"
            " with a slash at the end"
        )
    by_name = sorted((key.rpartition("/")[2], key) for key in keys)
    for (name, key), (next_name, other) in pairwise(by_name):
        if name == next_name:
            raise InputError(
                f"{SCHEME}{bucket}/{prefix}: {key} and {other} have the same name; name one of"
                " their folders"
            )
    return keys
