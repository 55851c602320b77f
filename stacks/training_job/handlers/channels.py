"""Prepare the channels: copy the data to where jobs read it, or check data that is in place.

A list of files is an object, since the event has no room for many: JSON, an array for each file.
"""

import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from . import models
from .denials import StartError, retry_denied

STAGED_AT_ONCE = 8
CHECKED_AT_ONCE = 32
ABSENT = "If it is gone, deploy again: the CDK uploads it"


def prepare(item: Mapping[str, str], bucket: str) -> None:
    """Copy the file or the listed files of a channel, or check the files that are in place.

    Args:
        item: What `stacks/training_job/data.py` says of the channel.
        bucket: Where copies go.

    Raises:
        StartError: A file can't be copied, or is not what it should be; it names the file.
    """
    if "Key" in item:
        _stage((item["SourceBucket"], item["SourceKey"]), (bucket, item["Key"]))
        return
    listed = json.loads(_read_list(item["SourceBucket"], item["SourceList"]))
    if "InPlace" in item:
        _check(item["InPlace"], listed)
        return
    sources = [(item["SourceBucket"], key) for key, _ in listed]
    targets = [(bucket, item["Folder"] + name) for _, name in listed]
    _stage(sources[0], targets[0])  # alone: a permission that is missing is missing for all
    with ThreadPoolExecutor(STAGED_AT_ONCE) as threads:
        # An error cancels the copies that have not begun.
        list(threads.map(_stage, sources[1:], targets[1:]))


def _read_list(bucket: str, key: str) -> bytes:
    try:
        return retry_denied(lambda: models.read(bucket, key))
    except (ClientError, StartError) as error:
        raise StartError(
            f"the list of data files s3://{bucket}/{key} can't be read: {error}. {ABSENT}"
        ) from error


def _stage(source: tuple[str, str], target: tuple[str, str]) -> None:
    """Copy a data file to where jobs read it, unless it is already there with the right key."""
    key = os.environ.get("ENCRYPTION_KEY")
    try:
        if retry_denied(lambda: models.exists(*target)) and (
            key is None or key == retry_denied(lambda: models.encryption_key(*target))
        ):
            return
        retry_denied(lambda: models.copy(source, target))
    except (ClientError, StartError) as error:
        raise StartError(
            f"the data file s3://{'/'.join(source)} can't be copied to s3://{'/'.join(target)}: "
            f"{error}. {ABSENT}"
        ) from error


def _check(address: str, listed: Sequence[tuple[str, int, str]]) -> None:
    """Check that what jobs read at an address is exactly the listed files.

    Args:
        address: Jobs read all objects whose addresses begin so.
        listed: For each file the rest of its address, its size, and its SHA-256 in hexadecimal.
    """
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    sizes = {prefix + name: size for name, size, _ in listed}
    digests = {prefix + name: digest for name, _, digest in listed}
    found = _sizes(bucket, prefix)
    _refuse(bucket, sizes.keys() - found.keys(), "is missing")
    _refuse(bucket, found.keys() - sizes.keys(), "is not in the manifest")
    wrong = [key for key, size in sizes.items() if found[key] != size]
    _refuse(bucket, wrong, "has another size than the manifest says")
    stored = _stored_digests(bucket, list(digests))
    none = [key for key, digest in stored.items() if digest is None]
    _refuse(bucket, none, "has no SHA-256 of the whole object; its writer must give S3 one")
    wrong = [key for key, digest in digests.items() if stored[key] != digest]
    _refuse(bucket, wrong, "has another SHA-256 than the manifest says")


def _sizes(bucket: str, prefix: str) -> dict[str, int]:
    try:
        return retry_denied(lambda: models.sizes(bucket, prefix))
    except (ClientError, StartError) as error:
        raise StartError(f"the data at s3://{bucket}/{prefix} can't be listed: {error}") from error


def _stored_digests(bucket: str, keys: Sequence[str]) -> dict[str, str | None]:
    """Return the SHA-256 of each object as S3 checked it when it was written, or None."""

    def stored(key: str) -> str | None:
        try:
            checksum = retry_denied(lambda: models.checksum(bucket, key))
        except (ClientError, StartError) as error:
            raise StartError(f"the data file s3://{bucket}/{key} can't be read: {error}") from error
        # An object that was written in parts has one of another form, with a hyphen.
        return None if checksum is None or "-" in checksum else base64.b64decode(checksum).hex()

    first = stored(keys[0])  # alone: a permission that is missing is missing for all
    with ThreadPoolExecutor(CHECKED_AT_ONCE) as threads:
        return dict(zip(keys, [first, *threads.map(stored, keys[1:])], strict=True))


def _refuse(bucket: str, keys: Iterable[str], problem: str) -> None:
    """Raise an error if there are keys; it names the first ones."""
    files = [f"s3://{bucket}/{key}" for key in sorted(keys)]
    if files:
        more = f" (and {len(files) - 1} more files)" if len(files) > 1 else ""
        raise StartError(
            f"the data file {files[0]} {problem}{more}. Write the prepared corpus to another "
            "folder with `python -m data_prep convert`, `fetch` it, and deploy again"
        )
