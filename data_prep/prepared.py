"""Put the files of a prepared corpus into a folder, so that a folder with a manifest is whole."""

from contextlib import suppress
from pathlib import Path

from data_prep.left_out import LEFT_OUT
from data_prep.manifest import MANIFEST, Manifest
from data_prep.shards import PARTS


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
