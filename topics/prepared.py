"""A corpus as `python -m data_prep convert` leaves it: a folder with words and documents."""

from dataclasses import dataclass
from pathlib import Path

from scipy import sparse

from data_prep.manifest import Manifest, ManifestError
from data_prep.recordio import RecordIOError, read_matrix
from topics import vocabulary


class PreparedError(ValueError):
    """There is no prepared corpus in a folder, or it is not whole."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A corpus in memory.

    Attributes:
        words: The V words.
        train: (D, V) word counts of the documents to train on; at least one.
        test: Those of the documents held out; None if there are none.
    """

    words: list[str]
    train: sparse.csr_array
    test: sparse.csr_array | None


def load(folder: Path) -> Prepared:
    """Read a folder.

    Raises:
        PreparedError: There is no manifest, or a file is not what it says.
        VocabularyError: The vocabulary can't be read.
    """
    try:
        manifest = Manifest.load(folder)
    except ManifestError as error:
        raise PreparedError(f"{error}; `python -m data_prep convert` writes one") from None
    size = manifest.vocabulary.size
    return Prepared(
        vocabulary.load(folder / manifest.vocabulary.file, size),
        _read(folder / manifest.train.file, size),
        _read(folder / manifest.test.file, size) if manifest.test else None,
    )


def _read(file: Path, size: int) -> sparse.csr_array:
    try:
        with file.open("rb") as stream:
            return read_matrix(stream, size)
    except RecordIOError as error:
        raise PreparedError(f"{file}: {error}") from None
