"""The data of the channels: uploaded as file assets for the start function to copy, or in place.

The template does not grow with the number of files: of several, it names a list, itself an asset.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from aws_cdk import AssetHashType
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.training_job.request import AnyChannel, Store, StoredChannel


class Staged(NamedTuple):
    """The data of a channel.

    Attributes:
        properties: What the start function is told: where it finds a file and the key of the copy,
            or where it finds the list and the folder of the copies, or of what is in place.
        sources: ARNs of assets that the function reads.
        targets: The ARN of the copies; None if the data is used in place.
        in_place: The address of the folder that is used in place.
    """

    properties: Mapping[str, str]
    sources: list[str]
    targets: str | None
    in_place: str | None = None


def stage(scope: Construct, store: Store, name: str, channel: AnyChannel) -> Staged:
    """Upload the files of a channel, or the list of those that are in place.

    Args:
        scope: The scope of the assets.
        store: Where the copies go.
        name: The channel's name.
        channel: The channel.
    """
    id = f"{name.capitalize()}Data"
    if isinstance(channel, StoredChannel):
        return _refer_to(Construct(scope, id), channel)
    if len(channel.files) == 1:
        ((file, digest),) = channel.files.items()
        asset = _upload_file(scope, id, file, digest)
        # Not by the file's name: the digest is that of the content alone, and the same content
        # under two names in one folder would be read twice.
        key = store.data_folder(channel) + name + file.suffix
        properties = {
            "SourceBucket": asset.s3_bucket_name,
            "SourceKey": asset.s3_object_key,
            "Key": key,
        }
        source = asset.bucket.arn_for_objects(asset.s3_object_key)
        return Staged(properties, [source], store.bucket.arn_for_objects(key))
    group = Construct(scope, id)
    keys = [
        (_upload_file(group, str(number), file, digest).s3_object_key, file.name)
        for number, (file, digest) in enumerate(channel.files.items())
    ]
    listing = _upload_list(group, keys)
    properties = {
        "SourceBucket": listing.s3_bucket_name,
        "SourceList": listing.s3_object_key,
        "Folder": store.data_folder(channel),
    }
    # A policy has room for some fifty names.
    names = sorted({f"*{PurePosixPath(key).suffix}" for key, _ in keys})
    return Staged(
        properties,
        [listing.bucket.arn_for_objects(each) for each in (listing.s3_object_key, *names)],
        store.bucket.arn_for_objects(store.data_folder(channel) + "*"),
    )


def _refer_to(scope: Construct, channel: StoredChannel) -> Staged:
    start = len(channel.address) - len(channel.folder) - 1
    listing = _upload_list(
        scope, [(file.name[start:], file.bytes, file.sha256) for file in channel.files]
    )
    properties = {
        "SourceBucket": listing.s3_bucket_name,
        "SourceList": listing.s3_object_key,
        "InPlace": channel.address,
    }
    source = listing.bucket.arn_for_objects(listing.s3_object_key)
    return Staged(properties, [source], None, channel.folder)


def _upload_list(scope: Construct, files: Sequence[tuple[str | int, ...]]) -> assets.Asset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "files.json"
        path.write_text(json.dumps(files), encoding="utf-8")
        return assets.Asset(scope, "List", path=str(path))


def _upload_file(scope: Construct, id: str, file: Path, digest: str) -> assets.Asset:
    # With the known digest, the CDK need not read the file again to make one.
    return assets.Asset(
        scope, id, path=str(file), asset_hash=digest, asset_hash_type=AssetHashType.CUSTOM
    )
