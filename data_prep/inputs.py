"""The files of a corpus, in a folder or in S3, which any process of a cluster can open."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from data_prep.errors import InputError
from data_prep.formats.any_format import File
from data_prep.formats.plain_file import plain_file
from data_prep.s3 import S3Folder


class Input(NamedTuple):
    """A file of a corpus.

    Attributes:
        place: The folder; or the file, if the corpus is a single one.
        name: The file's name in the folder; empty if it is the corpus.
        bytes: Its size.
        version: Differs if its content was changed.
    """

    place: Path | S3Folder
    name: str
    bytes: int
    version: str

    @contextmanager
    def open(self) -> Iterator[File]:
        """Yield the file; one in S3 is copied to this machine for as long."""
        if isinstance(self.place, Path):
            yield File(
                self.place / self.name,
                str(self.place / self.name),
                self.place if self.name else None,
            )
            return
        with tempfile.TemporaryDirectory(prefix="data_prep-") as folder:
            path = Path(folder, "input")
            self.place.download(self.name, path)
            yield File(path, f"{self.place}/{self.name}")

    @contextmanager
    def open_plain(self) -> Iterator[File]:
        """Yield the plain content of the file, which is unpacked for as long."""
        with self.open() as file, plain_file(file.target(), file.name) as path:
            yield File(path, file.name)


def list_inputs(corpus: Path | S3Folder) -> list[Input]:
    """Return all files of a folder, or a single file.

    Raises:
        InputError: There is none.
        OSError: A file or S3 can't be asked at present.
    """
    if isinstance(corpus, S3Folder):
        found = [Input(corpus, *file) for file in corpus.list()]
    elif corpus.is_dir():
        files = (file for file in corpus.rglob("*") if file.is_file())
        found = [_local(corpus, file.relative_to(corpus).as_posix()) for file in files]
    else:
        found = [_local(corpus, "")] if corpus.exists() else []
    if not found:
        raise InputError(f"{corpus}: there is no file")
    return found


def _local(place: Path, name: str) -> Input:
    state = (place / name).stat()
    return Input(place, name, state.st_size, str(state.st_mtime_ns))


@contextmanager
def unchanged(inputs: list[Input], corpus: Path | S3Folder) -> Iterator[None]:
    """Check at the end that no file was changed; a change explains any other error."""
    try:
        yield
    except InputError:
        if set(inputs) <= set(list_inputs(corpus)):
            raise
    if not set(inputs) <= set(list_inputs(corpus)):
        raise InputError(f"{corpus}: a file was changed while it was read; start again") from None
