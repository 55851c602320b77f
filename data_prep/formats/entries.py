"""Turn entries - document, word, count - into documents."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import Entries, OutOfOrderError, Span
from data_prep.counts import MAX_COUNT, Counts, CountsError
from data_prep.errors import InputError
from data_prep.formats.digits import MAX_DIGITS

MAX_DOCUMENTS = 10**MAX_DIGITS - 1

_NONE = np.zeros((3, 0), np.int32)


def check_shape(name: str, documents: int, words: int, vocabulary_size: int) -> None:
    """Check that a matrix of documents x words is not too large, and fits the vocabulary.

    Raises:
        InputError: It has too many documents, or more or fewer words than the vocabulary.
    """
    if documents > MAX_DOCUMENTS:
        raise InputError(
            f"{name}: there are {documents} documents; at most {MAX_DOCUMENTS} are allowed"
        )
    if words != vocabulary_size:
        transposed = "; are its rows words? Rows must be documents: transpose it"
        raise InputError(
            f"{name}: there are {words} words, but {vocabulary_size} in the vocabulary"
            f"{transposed if documents == vocabulary_size else ''}"
        )


def whole_counts(
    documents: NDArray[Any], ids: NDArray[Any], counts: NDArray[Any], name: str
) -> Entries:
    """Return entries from counts of any type; counts of 0 are left out.

    Raises:
        InputError: A count is not a whole number from 0 to `MAX_COUNT`.
    """
    if counts.dtype.kind not in "iufbc":
        raise InputError(f"{name}: the counts are of the type {counts.dtype}; they must be numbers")
    real = counts.real
    if real.dtype == np.float16:  # it has no number as large as MAX_COUNT
        real = counts = counts.astype(np.float32)
    with np.errstate(invalid="ignore"):  # of infinity
        good = (real >= 0) & (real <= MAX_COUNT) & (real % 1 == 0) & (counts == real)
    if not good.all():
        at = np.flatnonzero(~good)[0]
        raise InputError(
            f"{name}: document {documents[at] + 1}, word id {ids[at] + 1}: "
            f"count {counts[at]} must be a whole number from 0 to {MAX_COUNT}"
        )
    there = real > 0
    return np.stack([each[there].astype(np.int32) for each in (documents, ids, real)])


def group(
    blocks: Iterable[Entries], span: Span, documents: int, vocabulary_size: int, name: str
) -> Iterator[Counts]:
    """Yield the documents of a span from its entries; later documents are left out.

    Raises:
        InputError: As `counts_of`.
        OutOfOrderError: The entries of a document are not next to each other, or belong to another
            span.
    """
    rest = _NONE
    for block in blocks:
        entries = np.concatenate((rest, block), axis=1)
        numbers = entries[0]
        if numbers[0] < span.first or (np.diff(numbers) < 0).any():
            raise OutOfOrderError
        if numbers[-1] >= span.after:
            if span.after < documents:
                raise OutOfOrderError
            rest = entries[:, : np.searchsorted(numbers, documents)]
            break
        # The last document may go on in the next block.
        end = np.searchsorted(numbers, numbers[-1])
        if end:
            yield counts_of(entries[:, :end], vocabulary_size, name)
            rest = entries[:, end:]
        else:
            rest = counts_of(entries, vocabulary_size, name).to_entries()
    if rest.size:
        yield counts_of(rest, vocabulary_size, name)


def counts_of(entries: Entries, vocabulary_size: int, name: str) -> Counts:
    """Return entries, ordered by document, as counts.

    Raises:
        InputError: The counts of a word in a document add up to too much.
    """
    try:
        return Counts.from_entries(entries, vocabulary_size)
    except CountsError as error:
        raise InputError(f"{name}: {error}") from None
