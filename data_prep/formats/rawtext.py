"""Count the words of raw text, with scikit-learn's `CountVectorizer`.

The counts of all documents are held in memory; the texts are not.
"""

import warnings
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import Span, Tally
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.formats.matrix import Matrix
from data_prep.formats.read_options import ENGLISH, ReadOptions
from data_prep.formats.spelling import same_spelling, word_pattern
from data_prep.vocabulary import read_vocabulary


class Counted(NamedTuple):
    """The counts of texts.

    Attributes:
        words: The words, in the order of their ids.
        counts: The texts that have words.
        documents: The number of texts.
    """

    words: Sequence[str]
    counts: Counts
    documents: int

    def frequencies(self) -> NDArray[np.int64]:
        """Return (2, words): how many texts have each word, and how often it occurs."""
        ids, size = self.counts.indices, len(self.words)
        totals = np.bincount(ids, self.counts.data, size).astype(np.int64)
        return np.stack((np.bincount(ids, minlength=size), totals))


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
    counted = count_words(documents, name, words, options)
    if words is None:
        chosen = choose_words(
            counted.words, counted.frequencies(), counted.documents, name, options
        )
        if len(chosen) < len(counted.words):
            counted = with_words(counted, chosen)
    spans = [Span(0, counted.counts.data.size, 0, counted.documents)]
    return counted.words, Matrix(name, counted.counts, spans, tally)


def count_words(
    documents: Iterable[str], name: str, words: Sequence[str] | None, options: ReadOptions
) -> Counted:
    """Count all words of texts that are in a vocabulary or, without one, are no stop words.

    Args:
        documents: The texts.
        name: The name that errors use.
        words: The vocabulary; None for the words that occur, which are sorted then.
        options: The stop words.

    Raises:
        InputError: A text can't be read.
    """
    try:
        from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
            CountVectorizer,  # here: it takes a second
        )
    except ImportError:
        raise InputError(f"{name}: raw text needs scikit-learn: pip install scikit-learn") from None
    vectorizer = CountVectorizer(
        preprocessor=same_spelling,
        token_pattern=word_pattern(),
        stop_words=_stop_words(options.stop_words),
        vocabulary=None if words is None else _spellings(words),
    )
    number = count()
    numbered = zip(documents, number, strict=False)
    try:
        with warnings.catch_warnings():
            # About words of a vocabulary or stop words that can't occur, such as single letters.
            warnings.simplefilter("ignore", UserWarning)
            matrix = vectorizer.fit_transform(text for text, _ in numbered)
    except InputError:
        raise
    except ValueError:  # there is no word
        none = np.zeros(0, np.int64)
        return Counted([], Counts.from_rows(none, none, none, none, 0), next(number))
    lengths = np.diff(matrix.indptr)
    filled = np.flatnonzero(lengths)
    counts = Counts.from_rows(filled, lengths[filled], matrix.indices, matrix.data, matrix.shape[1])
    found = vectorizer.get_feature_names_out().tolist() if words is None else words
    return Counted(found, counts, matrix.shape[0])


def document_bounds(documents: int, options: ReadOptions) -> tuple[float, float]:
    """Return in how many of so many documents a word of the vocabulary is at least, and at most."""
    least, most = (
        each if isinstance(each, int) else each * documents
        for each in (options.min_df, options.max_df)
    )
    return least, most


def choose_words(
    words: Sequence[str],
    frequencies: NDArray[np.int64],
    documents: int,
    name: str,
    options: ReadOptions,
) -> list[str]:
    """Choose the vocabulary from words that occur.

    Args:
        words: The words, sorted; those outside of `document_bounds` may be missing.
        frequencies: As of `Counted`.
        documents: The number of texts.
        name: The name that errors use.
        options: Which words to keep.

    Raises:
        InputError: No word is kept.
    """
    least, most = document_bounds(documents, options)
    kept = np.flatnonzero((frequencies[0] >= least) & (frequencies[0] <= most))
    if not kept.size:
        raise InputError(
            f"{name}: there is no word that is no stop word and is in at least {least} and at most "
            f"{most} of {documents} documents"
        )
    if options.max_words is not None:
        kept = kept[_most_frequent(frequencies[1, kept], options.max_words)]
    return [words[id_] for id_ in kept.tolist()]


def with_words(counted: Counted, words: Sequence[str]) -> Counted:
    """Return the counts of some words alone, with new ids."""
    ids = dict(zip(words, range(len(words)), strict=True))
    new = np.fromiter((ids.get(word, -1) for word in counted.words), np.int32, len(counted.words))
    return Counted(words, counted.counts.with_ids(new, len(words)), counted.documents)


def _most_frequent(totals: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Return the ids of the most frequent words, ascending; of equal ones, the first.

    `CountVectorizer(max_features=...)` sorts by an algorithm that depends on the processor, so the
    same text would give other words there, and train another model.
    """
    return np.sort(np.argsort(-totals, kind="stable")[:number])


def _stop_words(chosen: str | Sequence[str] | None) -> str | list[str] | None:
    if chosen is None or chosen == ENGLISH:
        return chosen
    words = read_vocabulary(Path(chosen)) if isinstance(chosen, str) else chosen
    return list(map(same_spelling, words))


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
