"""Documents of the source that a prepared corpus leaves out.

The file is text: the numbers of these documents in the source, from 1, ascending, one a line.
Together with the split they give the number in the source of every prepared document.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.files import write_synced
from data_prep.manifest import MANIFEST, LeftOut, Manifest, ManifestError
from data_prep.split import held_out

LEFT_OUT = "left_out.txt"


def write_left_out(left_out: NDArray[np.bool_], path: Path) -> LeftOut | None:
    """Write which documents are left out.

    Args:
        left_out: (documents,) of the source.
        path: The file to write.

    Returns:
        The file's entry in the manifest; None, and no file, if no document is left out.
    """
    if not left_out.any():
        return None
    numbers = (np.flatnonzero(left_out) + 1).tolist()
    content = "".join(f"{number}\n" for number in numbers).encode()
    return LeftOut(path.name, len(numbers), *write_synced(path, content))


def training_numbers(folder: Path, manifest: Manifest) -> NDArray[np.int64]:
    """Return the number in the source, from 1, of each document to train on.

    Args:
        folder: A prepared corpus.
        manifest: The manifest in it.

    Raises:
        ManifestError: The file of left-out documents does not match the manifest, or the manifest
            contradicts itself.
    """
    dropped = manifest.empty_documents + manifest.short_documents
    training = ~held_out(
        sum(part.documents for part in manifest.parts.values()) + dropped,
        manifest.split.test_fraction,
        manifest.split.seed,
    )
    if manifest.left_out:
        path = folder / manifest.left_out.file
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest.left_out.sha256:
            raise ManifestError(
                f"{path}: the file does not match the manifest; convert the corpus again"
            )
        try:
            training[np.array(content.split(), np.int64) - 1] = False
        except (ValueError, IndexError):
            raise ManifestError(f"{path}: must list numbers of documents, one a line") from None
    numbers = np.flatnonzero(training) + 1
    if len(numbers) != manifest.train.documents:
        raise ManifestError(
            f"{folder / MANIFEST}: split and documents left out give {len(numbers)} documents to"
            f" train on, but train has {manifest.train.documents}; convert the corpus again"
        )
    return numbers
