"""Prepared corpora in S3: put one there, and fetch what a deployment needs to use it in place."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cli.progress import Progress
from data_prep.errors import InputError
from data_prep.files import staging
from data_prep.manifest import MANIFEST, File, Manifest
from data_prep.prepared import publish
from data_prep.s3 import S3Folder

_MAX_MANIFEST_BYTES = 1 << 28  # a million files
_MAX_FETCHED_BYTES = 1 << 30
_AT_ONCE = 8  # files


def refuse_used(folder: S3Folder) -> None:
    """Check that no corpus is in a folder yet: a deployment may be using it in place.

    Raises:
        InputError: There is one, or the folder can't be used.
        OSError: S3 can't be asked at present.
    """
    if folder.has(MANIFEST):
        raise InputError(f"{folder}: a prepared corpus is here already; name another folder")


def put(prepared: Path, target: S3Folder) -> None:
    """Copy a prepared corpus into S3: its files, and the manifest last.

    Args:
        prepared: A folder that `convert` wrote, with all its files.
        target: A folder in S3 without a prepared corpus.

    Raises:
        InputError: There is a corpus already, or the folder can't be used.
        OSError: S3 can't be asked at present.
    """
    refuse_used(target)
    put_files(prepared, Manifest.load(prepared).files, target)


def put_files(folder: Path, files: Sequence[File], target: S3Folder) -> None:
    """Copy some files of a prepared corpus into S3, and the manifest last.

    Args:
        folder: Has the files and the manifest.
        files: The entries of the files.
        target: The folder in S3.

    Raises:
        InputError: The folder in S3 can't be used.
        OSError: S3 can't be asked at present.
    """

    def upload(file: File) -> None:
        target.upload(folder / file.file, file.file, file.sha256)

    with (
        Progress(f"writing to {target}", len(files)) as progress,
        ThreadPoolExecutor(_AT_ONCE) as threads,
    ):
        for _ in threads.map(upload, files):
            progress.advance(1)
    path = folder / MANIFEST
    target.upload(path, MANIFEST, hashlib.sha256(path.read_bytes()).hexdigest())


def fetch(source: S3Folder, out: Path) -> Manifest:
    """Fetch a prepared corpus except for its documents, which stay in S3.

    What is fetched is whole or not there, as after `convert`. The digests of the documents are
    checked when they are deployed; here only their names and sizes are.

    Args:
        source: A folder in S3 with a prepared corpus.
        out: The folder to write to; created if it is missing.

    Returns:
        The manifest that was written, with `source` as its location.

    Raises:
        InputError: There is no whole corpus in `source`.
        OSError: A file can't be written, or S3 can't be asked at present.
    """
    if not source.has(MANIFEST):
        raise InputError(
            f"{source}: there is no {MANIFEST}; `python -m data_prep convert --out {source}` "
            "writes a prepared corpus"
        )
    text = source.read(MANIFEST, _MAX_MANIFEST_BYTES)
    stored = Manifest.parse(text, f"{source}/{MANIFEST}")
    if stored.location is not None:
        raise InputError(
            f"{source}: its documents are in {stored.location}; fetch that corpus instead"
        )
    _check_sizes(stored, source)
    manifest = replace(stored, location=str(source))
    with staging(out) as staged:
        for file in manifest.files:
            _fetch_file(source, file, staged)
        publish(manifest, staged, out)
    return manifest


def _check_sizes(manifest: Manifest, source: S3Folder) -> None:
    found = {file.name: file.bytes for file in source.list()}
    for file in manifest.files:
        if found.get(file.file) != file.bytes:
            has = f"has {found[file.file]:,} bytes" if file.file in found else "is missing"
            raise InputError(f"{source}/{file.file}: {has}, the manifest says {file.bytes:,} bytes")


def _fetch_file(source: S3Folder, file: File, folder: Path) -> None:
    content = source.read(file.file, _MAX_FETCHED_BYTES)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise InputError(f"{source}/{file.file}: its content is not what the manifest says")
    path = folder / file.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
