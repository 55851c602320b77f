"""The manifest of a prepared corpus: its files, its source, and how it was split.

It is the last file written into a folder, so a folder with a manifest is whole. This module needs
the standard library alone, since the CDK app reads manifests too.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Self, get_args, get_type_hints

from data_prep.errors import InputError
from data_prep.files import replacing

MANIFEST = "manifest.json"


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
class Part:
    """A file of RecordIO-protobuf documents; `tokens` is the sum of their counts."""

    file: str
    documents: int
    nonzeros: int
    tokens: int
    bytes: int
    sha256: str


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


@dataclass(frozen=True)
class Manifest:
    """A prepared corpus.

    Attributes:
        format: Version of this layout.
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

    FORMAT: ClassVar[int] = 3

    format: int
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
    def files(self) -> list["Vocabulary | Part | Golden | LeftOut"]:
        """The entry of each file beside the manifest."""
        parts = (self.vocabulary, self.train, self.test, self.golden, self.left_out)
        return [part for part in parts if part]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the manifest of a folder, and check that its files are there.

        Raises:
            ManifestError: The manifest is missing or of another format, or one of its files is
                missing or has another size.
        """
        path = folder / MANIFEST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ManifestError(f"{folder}: there is no {MANIFEST}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise ManifestError(f"{path}: can't be read: {error}") from None
        if isinstance(content, dict) and content.get("format") != cls.FORMAT:
            raise ManifestError(
                f"{path}: format is {content.get('format')!r}, must be {cls.FORMAT}"
            )
        try:
            manifest: Self = _parse(cls, content, "the manifest")
        except ManifestError as error:
            raise ManifestError(f"{path}: {error}") from None
        if not manifest.train.documents:
            raise ManifestError(f"{path}: train: there are no documents to train on")
        for part in manifest.files:
            _check_file(folder, part)
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


def _check_file(folder: Path, part: Vocabulary | Part | Golden | LeftOut) -> None:
    if Path(part.file).name != part.file:
        raise ManifestError(f"{folder / MANIFEST}: file {part.file!r} is not a plain file name")
    if not re.fullmatch("[0-9a-f]{64}", part.sha256):
        raise ManifestError(f"{folder / MANIFEST}: {part.sha256!r} is not a SHA-256 digest")
    try:
        size = (folder / part.file).stat().st_size
    except OSError as error:
        raise ManifestError(f"{folder / part.file}: {error.strerror}") from None
    if size != part.bytes:
        raise ManifestError(
            f"{folder / part.file}: has {size} bytes, the manifest says {part.bytes}"
        )
