"""A corpus as `python -m data_prep convert` leaves it: a folder with words and documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.left_out import training_numbers
from data_prep.manifest import Manifest, ManifestError
from data_prep.recordio import RecordIOError, read_matrix
from topics.lda.blocks import CountsError, check_counts
from topics.model import top_words


class PreparedError(ValueError):
    """There is no prepared corpus in a folder, or it is not whole."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A corpus in memory.

    Attributes:
        words: The V words.
        train: (D, V) word counts of the documents to train on; at least one.
        test: Those of the documents held out; None if there are none.
        numbers: (D,) the number, from 1, that each document of `train` has in the corpus that was
            converted.
    """

    words: Sequence[str]
    train: sparse.csr_array
    test: sparse.csr_array | None
    numbers: NDArray[np.int64]


def load(folder: Path) -> Prepared:
    """Read a folder.

    Raises:
        PreparedError: There is no manifest, or a file is not what it says.
        VocabularyError: The vocabulary can't be read.
    """
    try:
        manifest = Manifest.load(folder)
        numbers = training_numbers(folder, manifest)
    except ManifestError as error:
        raise PreparedError(f"{error}; `python -m data_prep convert` writes one") from None
    size = manifest.vocabulary.size
    return Prepared(
        top_words.load(folder / manifest.vocabulary.file, size),
        _read(folder / manifest.train.file, size),
        _read(folder / manifest.test.file, size) if manifest.test else None,
        numbers,
    )


def _read(file: Path, size: int) -> sparse.csr_array:
    try:
        with file.open("rb") as stream:
            counts = read_matrix(stream, size)
        check_counts(counts)
    except (RecordIOError, CountsError) as error:
        raise PreparedError(f"{file}: {error}") from None
    return counts
