"""Put the files of a prepared corpus into a folder, so that a folder with a manifest is whole."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from data_prep.errors import InputError
from data_prep.files import write_synced
from data_prep.golden import GOLDEN, write_golden
from data_prep.left_out import LEFT_OUT, write_left_out
from data_prep.manifest import MANIFEST, Manifest, Part, Source, Split, Vocabulary
from data_prep.shards import PARTS, Encoded

VOCABULARY = "vocab.txt"


def complete(
    staged: Path,
    encoded: Encoded,
    *,
    name: str,
    source: Source,
    split: Split,
    words: Sequence[str],
    min_words: int,
    files: Callable[[Part], Iterable[Path]],
) -> Manifest:
    """Write all files of a prepared corpus except for its documents; return their manifest.

    Args:
        staged: The folder to write to.
        encoded: The documents, which are written.
        name: The name of the corpus in errors.
        source: Where it came from.
        split: How it was divided.
        words: The vocabulary.
        min_words: Number of words that a document must have, or it was left out.
        files: Returns the files of a part, on this machine.

    Raises:
        InputError: There is no document to train on.
    """
    train, test = encoded.train, encoded.test
    empty = int(encoded.left_out.sum()) - encoded.short
    if not train.documents:
        too_short = f", {encoded.short} have fewer than {min_words} words" if encoded.short else ""
        raise InputError(
            f"{name}: no document is left to train on: of {encoded.left_out.size}, {empty} have no "
            f"words of the vocabulary{too_short} and {test.documents} are held out"
        )
    return Manifest(
        format=Manifest.FORMAT,
        location=None,
        source=source,
        split=split,
        vocabulary=_write_vocabulary(words, staged / VOCABULARY),
        train=train,
        test=test if test.documents else None,
        golden=write_golden(files(test if test.documents else train), len(words), staged / GOLDEN),
        min_words=min_words,
        empty_documents=empty,
        short_documents=encoded.short,
        left_out=write_left_out(encoded.left_out, staged / LEFT_OUT),
    )


def _write_vocabulary(words: Sequence[str], path: Path) -> Vocabulary:
    content = "".join(f"{word}\n" for word in words).encode()
    return Vocabulary(path.name, len(words), *write_synced(path, content))


def publish(manifest: Manifest, staged: Path, out: Path) -> None:
    """Move the files into place; at no moment does a manifest stand beside files of another run.

    Args:
        manifest: The manifest to write.
        staged: A folder inside `out` with the files that the manifest has beside it.
        out: The folder for the corpus; the files of an earlier one in it are deleted.
    """
    manifest.write(staged)
    (out / MANIFEST).unlink(missing_ok=True)
    written = {out / file.file for file in manifest.files}
    for old in (out / LEFT_OUT, *(file for part in PARTS for file in _files_of(out, part))):
        if old not in written:
            old.unlink(missing_ok=True)
    for file in manifest.files:
        (out / file.file).parent.mkdir(exist_ok=True)
        (staged / file.file).replace(out / file.file)
    for part in PARTS:
        with suppress(OSError):  # it has files, or is none
            (out / part).rmdir()
    (staged / MANIFEST).replace(out / MANIFEST)


def _files_of(folder: Path, part: str) -> list[Path]:
    """Return the files of a part that an earlier corpus may have left."""
    return [folder / f"{part}.recordio", *(folder / part).glob("part-*.recordio")]


def summary(manifest: Manifest) -> str:
    """Return what was prepared, on one line."""
    parts = manifest.parts.values()
    documents = " + ".join(f"{part.documents:,}" for part in parts)
    dropped = f"{manifest.empty_documents:,} without words"
    if manifest.min_words > 1:
        dropped += f" and {manifest.short_documents:,} of fewer than {manifest.min_words:,} words"
    return (
        f"{documents} documents ({dropped} dropped), "
        f"{manifest.vocabulary.size:,} words, "
        f"{sum(part.nonzeros for part in parts):,} non-zeros, "
        f"{sum(part.tokens for part in parts):,} tokens, "
        f"{sum(part.bytes for part in parts):,} bytes"
    )
