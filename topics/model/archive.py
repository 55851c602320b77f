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

    The archive is not trusted: nothing is written to disk, only one member is read, and memory is
    bounded whatever the archive claims.

    Args:
        address: Path of a `model.tar.gz`, or `s3://BUCKET/KEY` of one.

    Raises:
        ArtifactError: The archive is missing, or has no valid model.
    """
    if address.startswith(_S3_SCHEME):
        return decode(_read_s3_member(address), address)
    return decode(read_member(Path(address)), address)


def read_member(path: Path) -> bytes | bytearray:
    """Return the model file of an archive, unparsed; memory is bounded as in `load`.

    Raises:
        ArtifactError: The archive is missing, or has no model file.
    """
    try:
        with path.open("rb") as archive:
            return tar_member.read_member(archive, str(path))
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror or error}") from None


def _read_s3_member(address: str) -> bytes | bytearray:
    # Imported here: importing boto3 takes longer than loading a model, and files don't need it.
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
    """Write `model.tar.gz`; equal models give equal bytes.

    Raises:
        OSError: The file can't be written.
    """
    content = encode(model)
    member = tarfile.TarInfo(MEMBER)
    member.size = len(content)
    member.mode = 0o644
    with (
        replacing(path) as raw,
        # The gzip header has no file name and no time; the defaults of TarInfo are fixed too.
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        archive.addfile(member, io.BytesIO(content))
