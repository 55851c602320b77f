"""The request to SageMaker, its checks, and the fingerprint of what determines the model."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from aws_cdk import Duration, Token
from aws_cdk import aws_s3 as s3

# Time for the start of a job and for its end, beside the run time of its container.
MARGIN = Duration.minutes(20)
LONGEST_WAIT = Duration.hours(12)
NAME = re.compile(r"(?!.{42})[a-zA-Z0-9](-*[a-zA-Z0-9])*")  # a job's name has 22 characters more
# Tags are also stored as S3 metadata, which allows fewer characters.
TAG_KEY = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,39}")
TAG_VALUE = re.compile(r"[\w.:/=+@ -]{0,128}", re.ASCII)
OWN_TAGS = re.compile(
    "fingerprint|image|stack-id|awaited-by|job|metrics|data-.*",
    re.IGNORECASE,  # like metadata
)
METADATA_BYTES = 2048  # S3's limit of keys and values together
LATER_BYTES = 600  # the part of it that the job's name and its metrics need
REQUEST_BYTES = 3000  # a function's environment has 4096; the rest is for the wait handle
REFERENCE_BYTES = 100  # the usual size of a name or ARN that is known only at deployment
UNKNOWN_BYTES = 256  # the largest size of a value that is known only at deployment


class TrainingJobError(ValueError):
    """A property of the job is not allowed; the message says what was found and what is allowed."""


@dataclass(frozen=True)
class Channel:
    """An input channel.

    Attributes:
        files: The prepared files, each with the SHA-256 of its content as 64 hexadecimal digits.
        sha256: Digest of all: that of the file, or for several one of their contents and names.
        content_type: The MIME type of the files.

    Raises:
        TrainingJobError: There is no file, or two have the same name, also in different folders.
    """

    files: Mapping[Path, str]
    sha256: str
    content_type: str

    def __post_init__(self) -> None:
        names = sorted(file.name for file in self.files)
        twice = [name for name, after in pairwise(names) if name == after]
        if not names or twice:
            found = f"two files {twice[0]!r}" if twice else "no file"
            raise TrainingJobError(f"a channel has {found}; names must differ in all folders")


class StoredFile(NamedTuple):
    """A file in S3: its name below the channel's folder, its size, its SHA-256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class StoredChannel:
    """An input channel whose files are in S3 already, and are used in place.

    Attributes:
        folder: The S3 address of a folder, without a slash at its end; literal, since it gets into
            policies.
        files: The files in it. A job reads the whole folder that they are in, or the one file.
        sha256: Digest of all, as for `Channel`.
        content_type: The MIME type of the files.

    Raises:
        TrainingJobError: There is no file, or they are in several folders.
    """

    folder: str
    files: Sequence[StoredFile]
    sha256: str
    content_type: str

    def __post_init__(self) -> None:
        places = {file.name.rpartition("/")[0] for file in self.files}
        if len(places) != 1 or (len(self.files) > 1 and "" in places):
            raise TrainingJobError(
                f"a channel in {self.folder} has {len(self.files)} files in {len(places)} folders; "
                "several files must be in one folder of their own"
            )

    @property
    def address(self) -> str:
        """What a job reads: all objects whose addresses begin so."""
        place, _, name = self.files[0].name.rpartition("/")
        return f"{self.folder}/{place}/" if place else f"{self.folder}/{name}"


AnyChannel: TypeAlias = Channel | StoredChannel


def checked_channels(channels: Mapping[str, AnyChannel]) -> Mapping[str, AnyChannel]:
    """Return `channels` if each has data of its own: a folder belongs to a digest.

    Raises:
        TrainingJobError: Two have the same data.
    """
    names: dict[str, str] = {}
    for name, channel in channels.items():
        if (other := names.setdefault(channel.sha256, name)) != name:
            raise TrainingJobError(
                f"the channels {other!r} and {name!r} have the same data: give each its own"
            )
    return channels


@dataclass(frozen=True)
class Store:
    """The folder of data and models: a prefix in a bucket, without slashes at its ends."""

    bucket: s3.IBucket
    prefix: str

    def data_folder(self, channel: Channel) -> str:
        """Return the key below which a channel's files are, with the slash at its end."""
        return f"{self.prefix}/data/{channel.sha256}/"

    def model_key(self, fingerprint: str) -> str:
        """Return the key of a published model."""
        return f"{self.prefix}/models/{fingerprint}/model.tar.gz"

    def address(self, key: str) -> str:
        """Return the S3 address of a key below the prefix."""
        return self.bucket.s3_url_for_object(f"{self.prefix}/{key}")

    def arn(self, keys: str) -> str:
        """Return the ARN of objects below the prefix."""
        return self.bucket.arn_for_objects(f"{self.prefix}/{keys}")


def fingerprint(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of what determines a model, in hexadecimal."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def wait_timeout(max_runtime: Duration) -> Duration:
    """Return how long a deployment waits for a job.

    Raises:
        TrainingJobError: CloudFormation can't wait so long.
    """
    timeout = max_runtime.plus(MARGIN)
    if timeout.to_seconds() > LONGEST_WAIT.to_seconds():
        raise TrainingJobError(
            f"max_runtime is {max_runtime.to_minutes()} minutes; a deployment can wait for "
            f"{LONGEST_WAIT.to_minutes()} minutes, of which {MARGIN.to_minutes()} are for "
            "starting and ending the job"
        )
    return timeout


def checked_name(name: str) -> str:
    """Return `name` if the names of jobs can begin with it.

    Raises:
        TrainingJobError: SageMaker allows no such names.
    """
    if not NAME.fullmatch(name):
        raise TrainingJobError(
            f"name is {name!r}; allowed are up to 41 letters, digits and hyphens, a letter or "
            "digit first and last"
        )
    return name


def checked_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return `tags` if they can be tags of the job and metadata of its model.

    Raises:
        TrainingJobError: A key or a value can't be both.
    """
    for key, value in tags.items():
        if not TAG_KEY.fullmatch(key):
            raise TrainingJobError(
                f"environment_tags has the key {key!r}; allowed are up to 40 letters, digits and "
                "hyphens, a letter first"
            )
        if OWN_TAGS.fullmatch(key):
            raise TrainingJobError(
                f"environment_tags has the key {key!r}, which the construct itself sets: rename it"
            )
        if not TAG_VALUE.fullmatch(value):
            raise TrainingJobError(
                f"environment_tags has {value!r} for {key!r}; allowed are up to 128 ASCII letters, "
                "digits, spaces and _.:/=+@-"
            )
    return tags


def checked_lineage(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return all tags of a job if they fit into the metadata of its model.

    Raises:
        TrainingJobError: They are too long together.
    """
    size = LATER_BYTES + sum(
        len(key) + (UNKNOWN_BYTES if Token.is_unresolved(value) else len(value))
        for key, value in tags.items()
    )
    if size > METADATA_BYTES:
        raise TrainingJobError(
            f"environment_tags and channels make {size} bytes of a model's metadata, job and "
            f"metrics included; S3 allows {METADATA_BYTES}: give fewer or shorter tags"
        )
    return tags


def check_request(text: str | Mapping[str, Any]) -> None:
    """Check that a CreateTrainingJob request fits in the environment of a function.

    Args:
        text: The request's JSON, as it is in the template.

    Raises:
        TrainingJobError: The request is too long.
    """
    parts = [text] if isinstance(text, str) else text["Fn::Join"][1]
    size = sum(len(part) if isinstance(part, str) else REFERENCE_BYTES for part in parts)
    if size > REQUEST_BYTES:
        raise TrainingJobError(
            f"the request for the training job has some {size} bytes; a function's environment has "
            f"room for {REQUEST_BYTES}: give fewer or shorter environment_tags, or fewer subnets"
        )


def input_data(store: Store, channels: Mapping[str, AnyChannel]) -> list[dict[str, Any]]:
    """Return the InputDataConfig: for each channel where its files are."""
    return [
        {
            "ChannelName": name,
            "ContentType": channel.content_type,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": (
                        channel.address
                        if isinstance(channel, StoredChannel)
                        # With the slash: without it, the prefix also matches longer names.
                        else store.bucket.s3_url_for_object(store.data_folder(channel))
                    ),
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }
        for name, channel in channels.items()
    ]


def stopping(max_runtime: Duration, *, spot: bool) -> dict[str, Any]:
    """Return when SageMaker stops a job; for a spot job this includes the wait for capacity."""
    seconds = max_runtime.to_seconds()
    if not spot:
        return {"StoppingCondition": {"MaxRuntimeInSeconds": seconds}}
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds, "MaxWaitTimeInSeconds": seconds},
    }
