"""A model as SageMaker's LDA stores it: `model.tar.gz`, in a file or in S3."""

import gzip
import io
import tarfile
from pathlib import Path

from data_prep.files import replacing
from topics.model import tar_member
from topics.model.ndarray import decode, encode
from topics.model.tar_member import MEMBER
from topics.model.topic_model import ArtifactError, Model

__all__ = ["MEMBER", "ArtifactError", "Model", "decode", "encode", "load", "read_member", "save"]

_S3_SCHEME = "s3://"


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
            return tar_member.read_member(archive, str(path))
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
        body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        return tar_member.read_member(body, address)
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
