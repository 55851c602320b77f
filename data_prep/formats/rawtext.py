"""Count the words of raw text, with scikit-learn's `CountVectorizer`.

The counts of all documents are held in memory; the texts are not.
"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import Tally
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.formats.matrix import Matrix
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.spelling import same_spelling, word_pattern
from data_prep.vocabulary import read_vocabulary

if TYPE_CHECKING:
    from scipy import sparse


def count_texts(
    documents: Iterable[str],
    name: str,
    words: Sequence[str] | None,
    options: ReadOptions,
    tally: Tally,
) -> tuple[Sequence[str], Matrix]:
    """Count the words of texts.

    Args:
        documents: The texts.
        name: The name that errors use.
        words: The vocabulary; None to use the words that occur.
        options: Which words to count.
        tally: The bad lines that the reader of the texts finds.

    Returns:
        The vocabulary, and the counts.

    Raises:
        InputError: A text can't be read, or there are no words to count.
    """
    matrix, found = _count_words(documents, name, words, options)
    lengths = np.diff(matrix.indptr)
    filled = np.flatnonzero(lengths)
    counts = Counts.from_rows(filled, lengths[filled], matrix.indices, matrix.data, matrix.shape[1])
    return words or found, Matrix(name, counts, matrix.shape[0], tally)


def _count_words(
    documents: Iterable[str], name: str, words: Sequence[str] | None, options: ReadOptions
) -> tuple["sparse.csr_matrix", list[str]]:
    try:
        from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
            CountVectorizer,  # here: it takes a second
        )
    except ImportError:
        raise InputError(f"{name}: raw text needs scikit-learn: pip install scikit-learn") from None
    vectorizer = CountVectorizer(
        preprocessor=lambda text: same_spelling(text.lower()),
        token_pattern=word_pattern(),
        stop_words=_stop_words(options.stop_words),
        min_df=options.min_df,
        max_df=options.max_df,
        vocabulary=None if words is None else _spellings(words),
    )
    try:
        with warnings.catch_warnings():
            # About words of a vocabulary or stop words that can't occur in lower-case text.
            warnings.simplefilter("ignore", UserWarning)
            matrix = vectorizer.fit_transform(documents)
    except InputError:
        raise
    except ValueError as error:  # there are no words, or none in enough documents
        raise InputError(f"{name}: {str(error).rstrip('.')}") from None
    found = vectorizer.get_feature_names_out()
    if options.max_words is not None and options.max_words < len(found):
        kept = _most_frequent(np.asarray(matrix.sum(axis=0)).ravel(), options.max_words)
        matrix, found = matrix[:, kept], found[kept]
    return matrix, found.tolist()


def _most_frequent(totals: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Return the ids of the most frequent words, ascending; of equal ones, the first.

    `CountVectorizer(max_features=...)` sorts by an algorithm that depends on the processor, so the
    same text would give other words there, and train another model.
    """
    return np.sort(np.argsort(-totals, kind="stable")[:number])


def _stop_words(chosen: str | None) -> str | list[str] | None:
    if chosen in (None, "english"):
        return chosen
    return list(map(same_spelling, read_vocabulary(Path(chosen))))


def _spellings(words: Sequence[str]) -> list[str]:
    """Return the spelling to look for, for each word of a vocabulary; no two become equal."""
    taken = {word for word in words if same_spelling(word) == word}
    spellings = []
    for word in words:
        spelling = same_spelling(word)
        if spelling in taken:
            spelling = word
        taken.add(spelling)
        spellings.append(spelling)
    return spellings
