"""Read Matrix Market files: a matrix of documents x words.

Either lines of document, word and count follow the header, or all numbers of the matrix, zeros
included.

Source: Boisvert, Pozo, Remington: "The Matrix Market exchange formats", NISTIR 5935 (1996).
"""

import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.entries import check_shape, whole_counts
from data_prep.formats.format import Format
from data_prep.formats.lines import LineNumbers, decode, parse_count, quote
from data_prep.formats.matrix import Matrix
from data_prep.formats.read_options import DEFAULTS, ReadOptions
from data_prep.formats.triples import (
    MAX_HEADER_LINE,
    TOTALS,
    Header,
    Triples,
    header_number,
    mirror,
)

_FIELDS = {
    "integer": 3,
    "unsigned-integer": 3,
    "real": 3,
    "double": 3,
    "complex": 4,
    "pattern": 2,
}
# Symmetric and Hermitian matrices are the same here, since imaginary parts must be 0. A skew matrix
# has negative numbers, which are no counts.
_SYMMETRIES = ("general", "symmetric", "hermitian")
_BANNER = re.compile(rb"%%?MatrixMarket\s", re.IGNORECASE)


def open_matrix_market(
    path: Path, name: str, vocabulary_size: int, options: ReadOptions = DEFAULTS
) -> Triples | Matrix:
    """Open a file; errors call it `name`.

    Raises:
        InputError: The matrix is of another kind, or of another shape than the vocabulary needs.
    """
    with path.open("rb") as stream:
        header, is_array = _read_matrix_header(stream, name)
        if is_array:
            return _read_array(path, name, header, vocabulary_size, options)
        return Triples.open_after(header, stream, path, name, vocabulary_size, options)


def _read_matrix_header(stream: BinaryIO, name: str) -> tuple[Header, bool]:
    """Return the header, and whether all numbers of the matrix follow instead of entries."""
    line = 1
    stream.seek(lines.text_start(stream))
    banner = decode(stream.readline(MAX_HEADER_LINE), f"{name}:1").lower().split()
    if len(banner) != 5 or banner[0] not in ("%%matrixmarket", "%matrixmarket"):
        raise InputError(f"{name}:1: the line must be %%MatrixMarket and four words")
    _, subject, layout, field, symmetry = banner
    if subject != "matrix" or layout not in ("coordinate", "array"):
        raise InputError(
            f"{name}:1: {quote(' '.join(banner[1:]))} must begin with matrix coordinate or "
            "matrix array"
        )
    is_known = field in _FIELDS and symmetry in _SYMMETRIES
    if not is_known or (layout, field) == ("array", "pattern"):
        raise InputError(
            f"{name}:1: {quote(f'{field} {symmetry}')} must be one of {', '.join(_FIELDS)}, and "
            f"one of {', '.join(_SYMMETRIES)}; scipy.io.mmwrite writes such a file"
        )
    while (text := stream.readline(lines.MAX_LINE_BYTES)).startswith(b"%") or text.isspace():
        line += 1
    is_general = symmetry == "general"
    labels = TOTALS if layout == "coordinate" else TOTALS[:2]
    sizes = [decode(size, f"{name}:{line + 1}") for size in text.split()]
    if len(sizes) != len(labels):
        raise InputError(
            f"{name}:{line + 1}:1: {quote(' '.join(sizes))} must be of the form {', '.join(labels)}"
        )
    documents, words, *entries = (
        header_number(size, label, f"{name}:{line + 1}")
        for size, label in zip(sizes, labels, strict=True)
    )
    if symmetry != "general" and documents != words:
        raise InputError(
            f"{name}:{line + 1}: a {symmetry} matrix of {documents} x {words} is not square"
        )
    stored = documents * words if is_general else documents * (documents + 1) // 2
    header = Header(
        documents,
        words,
        entries[0] if entries else stored,
        _FIELDS[field],
        stream.tell(),
        not is_general,
    )
    return header, layout == "array"


def _read_array(
    path: Path, name: str, header: Header, vocabulary_size: int, options: ReadOptions
) -> Matrix:
    """Read all numbers of a matrix into memory, which the size of the file bounds.

    SciPy is not used: its reader (SciPy 1.17) crashes the process if numbers follow a header of no
    documents, or if too many follow the header of a skew-symmetric matrix.
    """
    check_shape(name, header.documents, header.words, vocabulary_size)
    size = path.stat().st_size
    parts = 2 if header.columns > 3 else 1  # real and imaginary
    promised = parts * header.entries
    if size - header.size + 1 < 2 * promised:  # a character and a blank each
        raise InputError(f"{name}: the file ends before the {promised} numbers it promises")
    numbers = [
        _parse_numbers(path, name, offset, text)
        for offset, text in lines.read_blocks(path, header.size, size, name)
    ]
    counts: NDArray[Any] = np.concatenate((*numbers, np.zeros(0)))
    if counts.size != promised:
        raise InputError(
            f"{name}: there are {counts.size} numbers, but the header promises {promised}"
        )
    if parts > 1:
        counts = counts.view(np.complex128)
    if header.is_mirrored:  # the lower half, column by column
        ids, documents = np.triu_indices(header.words)
    else:
        ids, documents = np.divmod(np.arange(counts.size), header.documents)
    entries = whole_counts(documents, ids, counts, name)
    if header.is_mirrored:
        entries = mirror(entries)
    return Matrix.from_entries(entries, name, header.documents, vocabulary_size, options.limit)


def _parse_numbers(path: Path, name: str, offset: int, text: bytes) -> NDArray[np.float64]:
    try:
        if b"_" in text:  # Python allows it inside numbers
            raise ValueError
        return np.array(text.split(), np.float64)
    except ValueError:
        first = LineNumbers(path).at(offset)
        for number, line in enumerate(text.split(b"\n"), first):
            for field in line.split():  # before it is text, which has other blanks
                parse_count(decode(field, f"{name}:{number}"), f"{name}:{number}")
        raise


FORMAT = Format(
    name="mtx",
    description="Matrix Market, documents x words",
    matches=lambda head: _BANNER.match(head.content) is not None,
    is_signed=True,
    open=open_matrix_market,
)
