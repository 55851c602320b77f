"""Input channels: the objects that a training job copies to its instance in input mode File.

Sources: `Channel` and `S3DataSource` in the Amazon SageMaker API reference; for objects that stand
for folders, the local mode of its Python SDK. Properties that nothing here supports are rejected by
name when the job is created.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.api import s3_address
from local_aws.api.errors import invalid


class ChannelError(Exception):
    """Data of a channel that can't be copied; the message is the job's FailureReason."""


class File(NamedTuple):
    """An object of a channel, and its path in the channel's folder."""

    bucket: str
    key: str
    path: str


def unsupported(channels: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a message for each property of the channels that is not supported here."""
    names = Counter(channel["ChannelName"] for channel in channels)
    for name, times in names.items():
        if times > 1:
            yield f"Channel {name} is given {times} times; the names of channels must differ."
    for channel in channels:
        sources = channel["DataSource"]
        if sources.keys() != {"S3DataSource"}:
            found = " and ".join(sorted(sources)) or "an empty DataSource"
            yield _not_supported(channel, found, "S3DataSource")
            continue
        source = sources["S3DataSource"]
        for problem in unsupported_source(source):
            yield f"Channel {channel['ChannelName']}: {problem}"
        for member in ("CompressionType", "RecordWrapperType"):
            if (value := channel.get(member, "None")) != "None":
                yield _not_supported(channel, f"{member} {value}, which is for Pipe mode,", "None")


def unsupported_source(source: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each property of an S3DataSource that is not supported here."""
    if source["S3DataType"] not in _LISTS:
        allowed = " or ".join(_LISTS)
        yield f"S3DataType {source['S3DataType']} is not supported here; use {allowed}."
    for member in sorted(source.keys() - _FOLLOWED):
        yield f"{member} is not supported here."


def _not_supported(channel: Mapping[str, Any], what: str, instead: str) -> str:
    return f"Channel {channel['ChannelName']}: {what} is not supported here; use {instead}."


def describe(request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the channels of a CreateTrainingJob request as a container reads them."""
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})
        for channel in request.get("InputDataConfig", [])
    }


def download(s3: Any, channel: Mapping[str, Any], folder: Path) -> None:
    """Make `folder` and copy a channel's objects into it.

    Raises:
        ChannelError: There are no objects, or one can't be read or can't be a file in `folder`.
    """
    source = channel["DataSource"]["S3DataSource"]
    address = source["S3Uri"]
    folder.mkdir()
    copied: dict[Path, File] = {}
    try:
        for file in list_files(s3, source):
            target = folder / file.path
            other = copied.setdefault(target, file)
            if (other.bucket, other.key) != (file.bucket, file.key):
                raise ChannelError(
                    f"ClientError: Objects {other.key!r} and {file.key!r} would be the same file "
                    f"of channel {channel['ChannelName']}."
                )
            _copy(s3, file, target)
    except (ClientError, BotoCoreError, OSError) as error:
        raise ChannelError(
            f"ClientError: Data download failed:Failed to download data from {address}: {error}"
        ) from None
    if not copied:
        raise no_objects(channel)


def check_objects(s3: Any, source: Mapping[str, str], role: str) -> None:
    """Check that a role sees at least one object at the address of an S3DataSource.

    Args:
        s3: A client that acts as the role.
        source: The S3DataSource.
        role: The ARN of the role.

    Raises:
        ApiError: It sees none. The text is that of CreateTrainingJob and CreateTransformJob in
            public transcripts.
    """
    address = source["S3Uri"]
    bucket, prefix = s3_address.split(address)
    why = ""
    try:
        if s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)["KeyCount"]:
            return
    except ClientError as error:
        why = f" Error message from S3: {error.response['Error']['Message']}"
    except BotoCoreError as error:
        why = f" Error message from S3: {error}"
    raise invalid(
        f'No S3 objects found under S3 URL "{address}" given in input data source. Please ensure '
        f"that the bucket exists in the selected region ({s3.meta.region_name}), that objects "
        f'exist under that S3 prefix, and that the role "{role}" has "s3:ListBucket" permissions '
        f'on bucket "{bucket}".{why}'
    )


def list_files(s3: Any, source: Mapping[str, str]) -> Iterator[File]:
    """Yield the objects of an S3DataSource.

    Raises:
        ChannelError: A manifest is malformed.
    """
    return _LISTS[source["S3DataType"]](s3, source["S3Uri"])


def no_objects(channel: Mapping[str, Any]) -> ChannelError:
    """Return the error of a channel without objects."""
    return ChannelError(
        f'ClientError: No S3 objects found under S3 URL "'
        f'{channel["DataSource"]["S3DataSource"]["S3Uri"]}" given in input data source for channel '
        f"{channel['ChannelName']}."
    )


def _copy(s3: Any, file: File, target: Path) -> None:
    if ".." in PurePosixPath(file.path).parts:
        raise ChannelError(f"ClientError: Invalid S3 key {file.key!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(file.bucket, file.key, str(target))


def _list_prefix(s3: Any, address: str) -> Iterator[File]:
    """Yield all objects with a prefix, except those that stand for folders."""
    bucket, prefix = s3_address.split(address)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for entry in (entry for page in pages for entry in page.get("Contents", [])):
        key = entry["Key"]
        if not key.endswith("/"):
            path = key.removeprefix(prefix).lstrip("/")
            yield File(bucket, key, path or PurePosixPath(key).name)


def _list_manifest(s3: Any, address: str) -> Iterator[File]:
    """Yield the objects that a manifest names: a prefix, and the ends of keys."""
    bucket, key = s3_address.split(address)
    prefix, suffixes = _parse_manifest(
        address, s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    )
    for suffix in suffixes:
        bucket, key = s3_address.split(prefix + suffix)
        yield File(bucket, key, suffix.lstrip("/") or PurePosixPath(key).name)


def _parse_manifest(address: str, content: bytes) -> tuple[str, list[str]]:
    try:
        match json.loads(content):
            case [{"prefix": str(prefix)}, *suffixes] if s3_address.is_valid(prefix) and all(
                isinstance(suffix, str) for suffix in suffixes
            ):
                "".join(suffixes).encode()  # no key has half of a surrogate pair
                return prefix, suffixes
    except (ValueError, RecursionError):
        pass
    raise ChannelError(
        f'ClientError: Manifest file {address} must be [{{"prefix": "s3://BUCKET/PREFIX/"}}, '
        '"SUFFIX", ...].'
    )


_FOLLOWED = {"S3DataType", "S3Uri", "S3DataDistributionType"}  # members of an S3DataSource
_LISTS = {"S3Prefix": _list_prefix, "ManifestFile": _list_manifest}
