"""The manifest of a prepared corpus: its files, its source, and how it was split.

It is the last file written into a folder, so a folder with a manifest is whole. This module needs
the standard library alone, since the CDK app reads manifests too.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Self, TypeAlias, get_args, get_origin, get_type_hints

from data_prep.errors import InputError
from data_prep.files import replacing

MANIFEST = "manifest.json"
# Locations get into IAM policies, where * and ? and $ have meanings of their own.
LOCATION = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])"
    r"/(?P<prefix>(?!\.\.?(/|$))[\w!.'()=+@,-]+(/(?!\.\.?(/|$))[\w!.'()=+@,-]+)*)",
    re.ASCII,
)


class ManifestError(InputError):
    """A folder has no manifest, or one that can't be used."""


@dataclass(frozen=True)
class Source:
    """Where the corpus came from.

    Attributes:
        corpus: File name of the corpus.
        vocabulary: File name of its vocabulary.
        limit: Number of documents that were read; None for the whole corpus.
    """

    corpus: str
    vocabulary: str
    limit: int | None


@dataclass(frozen=True)
class Split:
    """How documents were divided.

    Attributes:
        test_fraction: Share of the documents for testing, at least 0 and below 1.
        seed: Seed of the random choice; None when the test documents are the last ones.
    """

    test_fraction: float
    seed: int | None


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary file: UTF-8, one word a line, the line's number from 0 is the word's id."""

    file: str
    size: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Shard:
    """A file of RecordIO-protobuf documents."""

    file: str
    documents: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """The documents to train on or to test with, in one or more files.

    Attributes:
        documents: Number of documents.
        nonzeros: Number of their counts.
        tokens: Sum of their counts.
        bytes: Size of all files.
        sha256: The digest of the file; of several files, that of what `sha256sum` prints of them,
            a line `<digest>  <file>` each.
        files: The files, in the order of the documents.
    """

    documents: int
    nonzeros: int
    tokens: int
    bytes: int
    sha256: str
    files: tuple[Shard, ...]

    @classmethod
    def of(cls, files: Sequence[Shard], nonzeros: int, tokens: int) -> Self:
        """Build from the entries of files."""
        listing = "".join(f"{file.sha256}  {file.file}\n" for file in files)
        return cls(
            sum(file.documents for file in files),
            nonzeros,
            tokens,
            sum(file.bytes for file in files),
            files[0].sha256 if len(files) == 1 else hashlib.sha256(listing.encode()).hexdigest(),
            tuple(files),
        )


@dataclass(frozen=True)
class Golden:
    """A file of a few documents that are sent to a new endpoint; `golden.py` has the layout."""

    file: str
    documents: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class LeftOut:
    """A file that lists documents by their number in the source; `left_out.py` has the layout."""

    file: str
    documents: int
    bytes: int
    sha256: str


File: TypeAlias = Vocabulary | Shard | Golden | LeftOut


@dataclass(frozen=True)
class Manifest:
    """A prepared corpus.

    Attributes:
        format: Version of this layout.
        location: The folder in S3 with the files of `train` and `test`; None if they are beside
            the manifest.
        source: Where it came from.
        split: How it was divided.
        vocabulary: The words.
        train: The documents to train on, at least one.
        test: The held-out documents; None if there are none.
        golden: Some of the held-out documents, or some training documents if there are none.
        min_words: Number of words that a document must have, or it is left out.
        empty_documents: Documents without words, which are left out too.
        short_documents: Documents with words, but fewer than `min_words`.
        left_out: The list of these documents; None if there are none.
    """

    FORMAT: ClassVar[int] = 4

    format: int
    location: str | None
    source: Source
    split: Split
    vocabulary: Vocabulary
    train: Part
    test: Part | None
    golden: Golden
    min_words: int
    empty_documents: int
    short_documents: int
    left_out: LeftOut | None

    @property
    def parts(self) -> Mapping[str, Part]:
        """The documents to `train` on, and those to `test` with, if there are any."""
        return {"train": self.train} | ({} if self.test is None else {"test": self.test})

    @property
    def shards(self) -> list[Shard]:
        """The files of `train` and `test`."""
        return [shard for part in self.parts.values() for shard in part.files]

    @property
    def others(self) -> list[File]:
        """The entry of each file that has no documents to train on or to test with."""
        return [self.vocabulary, self.golden, *([] if self.left_out is None else [self.left_out])]

    @property
    def files(self) -> list[File]:
        """The entry of each file beside the manifest."""
        return self.others if self.location else [*self.others, *self.shards]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the manifest of a folder, and check that the files beside it are there.

        Raises:
            ManifestError: The manifest is missing or of another format, or one of its files is
                missing or has another size.
        """
        path = folder / MANIFEST
        try:
            manifest = cls.parse(path.read_bytes(), str(path))
        except FileNotFoundError:
            raise ManifestError(f"{folder}: there is no {MANIFEST}") from None
        except OSError as error:
            raise ManifestError(f"{path}: can't be read: {error}") from None
        for file in manifest.files:
            _check_size(folder, file)
        return manifest

    @classmethod
    def parse(cls, text: bytes, name: str) -> Self:
        """Read the content of a manifest, which errors call `name`; its files are not looked at.

        Raises:
            ManifestError: It is no manifest of this format.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"{name}: can't be read: {error}") from None
        if isinstance(content, dict) and content.get("format") != cls.FORMAT:
            raise ManifestError(
                f"{name}: format is {content.get('format')!r}, must be {cls.FORMAT}"
            )
        try:
            manifest: Self = _parse(cls, content, "the manifest")
            _check(manifest)
        except ManifestError as error:
            raise ManifestError(f"{name}: {error}") from None
        return manifest

    def damaged(self, folder: Path) -> list[str]:
        """Return the names of the files whose digests differ from the manifest's, sorted.

        This reads every file; `load` does not.
        """
        return sorted(p.file for p in self.files if _digest(folder / p.file) != p.sha256)

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder; after an interruption it is whole or not there."""
        with replacing(folder / MANIFEST) as stream:
            stream.write(self.to_json().encode())

    def to_json(self) -> str:
        """Return the text of the file: equal manifests give equal bytes."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def _parse(kind: Any, value: Any, where: str) -> Any:
    """Return a JSON value as the type of an annotation; nothing is converted."""
    if NoneType in get_args(kind):
        return None if value is None else _parse(get_args(kind)[0], value, where)
    if is_dataclass(kind):
        return _parse_object(kind, value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ManifestError(f"{where} is {value!r}, must be a list")
        return tuple(_parse(get_args(kind)[0], each, where) for each in value)
    if kind is str:
        if not isinstance(value, str):
            raise ManifestError(f"{where} is {value!r}, must be a text")
    elif type(value) not in (int, kind) or not 0 <= value < float("inf"):
        raise ManifestError(f"{where} is {value!r}, must be {_NUMBERS[kind]} from 0 on")
    return value


_NUMBERS = {int: "a whole number", float: "a number"}


def _parse_object(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ManifestError(f"{where} is {value!r}, must be an object")
    names = {field.name for field in fields(kind)}
    if value.keys() != names:
        odd = min(value.keys() ^ names)
        problem = "is unknown" if odd in value else "is missing"
        raise ManifestError(f"{where}: {odd!r} {problem}")
    types = get_type_hints(kind)
    return kind(**{name: _parse(types[name], value[name], name) for name in value})


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _check(manifest: Manifest) -> None:
    """Check what a manifest says of its files; the files themselves are not looked at."""
    if manifest.location is not None and not LOCATION.fullmatch(manifest.location):
        raise ManifestError(
            f"location is {manifest.location!r}, must be null or s3://BUCKET/FOLDER, of letters, "
            "digits and /!_.'()=+@,-"
        )
    files = [*manifest.others, *manifest.shards]
    for file in files:
        if not _FILE.fullmatch(file.file):
            raise ManifestError(f"file {file.file!r} must be a name, or a folder and a name")
        if not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise ManifestError(f"{file.sha256!r} is not a SHA-256 digest")
    for name, part in manifest.parts.items():
        if not part.documents:
            raise ManifestError(f"{name}: there are no documents")
        if part != Part.of(part.files, part.nonzeros, part.tokens):
            raise ManifestError(f"{name}: documents, bytes and sha256 are not those of its files")
    names = [file.file for file in files]
    if len(set(names)) < len(names):
        raise ManifestError("a file is listed twice")


_FILE = re.compile(r"(?!\.)[^/\0]+(/(?!\.)[^/\0]+)?")


def _check_size(folder: Path, file: File) -> None:
    try:
        size = (folder / file.file).stat().st_size
    except OSError as error:
        raise ManifestError(f"{folder / file.file}: {error.strerror}") from None
    if size != file.bytes:
        raise ManifestError(
            f"{folder / file.file}: has {size} bytes, the manifest says {file.bytes}"
        )
