"""Folders in S3: list, read and write the files in them.

boto3 takes the caller's credentials and Region. It is imported where it is used, since most corpora
are on the disk.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from data_prep.errors import InputError
from data_prep.manifest import LOCATION

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MAX_OBJECT = 5 << 30  # bytes that one PutObject takes
_THREADS = 32
_UNUSABLE = ("403", "404", "400", "301")  # statuses that speak of what the caller named


class StoredFile(NamedTuple):
    """A file in a folder: its name below the folder, its size, and a tag of its content."""

    name: str
    bytes: int
    tag: str


@dataclass(frozen=True)
class S3Folder:
    """A folder in S3: all objects whose keys begin with `prefix` and a slash.

    All methods raise an InputError if the folder or a file in it can't be used, and an OSError if
    S3 can't be asked at present. Both name the address.
    """

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, address: str) -> Self:
        """Read an address: `s3://BUCKET/PREFIX`, with or without a slash at its end.

        Raises:
            InputError: It is no such address.
        """
        found = LOCATION.fullmatch(address.removesuffix("/"))
        if found is None:
            raise InputError(
                f"{address!r} must be s3://BUCKET/FOLDER, of letters, digits and /!_.'()=+@,-"
            )
        return cls(found["bucket"], found["prefix"])

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def list(self) -> list[StoredFile]:
        """Return all files below the folder, sorted by name; markers of folders are no files."""
        with _errors_of(str(self)):
            pages = (
                _client()
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self.bucket, Prefix=f"{self.prefix}/")
            )
            return sorted(
                StoredFile(
                    entry["Key"].removeprefix(f"{self.prefix}/"), entry["Size"], entry["ETag"]
                )
                for page in pages
                for entry in page.get("Contents", [])
                if not entry["Key"].endswith("/")
            )

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        with _errors_of(self._address(name)):
            page = _client().list_objects_v2(Bucket=self.bucket, Prefix=self._key(name), MaxKeys=1)
            return [entry["Key"] for entry in page.get("Contents", [])] == [self._key(name)]

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a file of at most `most` bytes."""
        with _errors_of(self._address(name)):
            answer = _client().get_object(Bucket=self.bucket, Key=self._key(name))
            if answer["ContentLength"] > most:
                raise InputError(
                    f"{self._address(name)}: has {answer['ContentLength']:,} bytes; at most "
                    f"{most:,} are read"
                )
            return answer["Body"].read()

    def download(self, name: str, path: Path) -> None:
        """Copy a file of any size to the disk."""
        with _errors_of(self._address(name)):
            _client().download_file(self.bucket, self._key(name), str(path))

    def upload(self, path: Path, name: str, sha256: str) -> None:
        """Write a file from the disk; S3 checks its digest, and keeps it as the checksum.

        Args:
            path: The file on the disk.
            name: Its name in the folder.
            sha256: The digest of its content, in hexadecimal.
        """
        size = path.stat().st_size
        if size > _MAX_OBJECT:
            raise InputError(f"{path}: has {size:,} bytes; one file in S3 has {_MAX_OBJECT:,}")
        with _errors_of(self._address(name)), path.open("rb") as stream:
            # Not in parts: S3 would keep a digest of the parts' digests.
            _client().put_object(
                Bucket=self.bucket,
                Key=self._key(name),
                Body=stream,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
            )

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def _address(self, name: str) -> str:
        return f"{self}/{name}"


@cache
def _client() -> "S3Client":
    """Return the one client of all threads: making one takes longer than a request."""
    import boto3
    from botocore.config import Config

    from cli.region import callers_region

    return boto3.client(
        "s3", region_name=callers_region(), config=Config(max_pool_connections=_THREADS)
    )


@contextmanager
def _errors_of(address: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
        kind = InputError if status in _UNUSABLE else OSError
        raise kind(f"{address}: {error}") from None
    except (BotoCoreError, Boto3Error) as error:
        raise OSError(f"{address}: {error}") from None
