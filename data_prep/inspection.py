"""Find out what is in a corpus."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cli.progress import Progress
from data_prep.corpus import Corpus, Tally, check_promise
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.formats.any_format import open_corpus
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.sorting import with_documents_in_order

SHORT = (3, 10, 20)  # words; a topic model learns little from documents with fewer
FREQUENT = 0.1  # share of all tokens; a word with more hides the others
_TOP_WORDS = 20
_MAX_CELLS = 200  # of the heat map, in each direction


class CorpusOverview:
    """What is in a corpus.

    Args:
        words: The vocabulary.
        documents: Number of documents, including those without words.
        document: Number of the document to show, from 1; None for none.

    Attributes:
        nonzeros: Number of different words of each document, added up.
        lengths: How many documents have a length, by that length in words.
        word_counts: (vocabulary,) how often each word occurs.
        cells: (rows, columns) counts of some neighbouring words in some neighbouring documents.
        shown: (vocabulary,) word counts of the document to show.
    """

    def __init__(self, words: Sequence[str], documents: int, document: int | None = None) -> None:
        self.words = words
        self.documents = documents
        self.document = document
        self.nonzeros = 0
        self.lengths: Counter[int] = Counter({0: documents})
        self.word_counts = np.zeros(len(words))
        self.cells = np.zeros((min(documents, _MAX_CELLS), min(len(words), _MAX_CELLS)))
        self.shown = np.zeros(len(words))

    def add(self, counts: Counts) -> None:
        """Add some documents."""
        lengths = counts.tokens()
        self.lengths.update(lengths.astype(np.int64).tolist())
        self.lengths[0] -= lengths.size
        self.nonzeros += counts.data.size
        self.word_counts += np.bincount(counts.indices, counts.data, len(self.words))
        documents = np.repeat(counts.documents, counts.lengths())
        rows, columns = self.cells.shape
        cells = (documents * rows // self.documents) * columns
        cells += counts.indices.astype(np.int64) * columns // len(self.words)
        added = np.bincount(cells, counts.data, self.cells.size)
        self.cells += added.reshape(self.cells.shape)
        if self.document is not None:
            here = documents == self.document - 1
            self.shown[counts.indices[here]] = counts.data[here]

    @property
    def tokens(self) -> int:
        """The number of words in all documents, repeated words included."""
        return int(self.word_counts.sum())

    @property
    def unused(self) -> int:
        """The number of words that do not occur."""
        return len(self.words) - int(np.count_nonzero(self.word_counts))

    def shorter(self, words: int) -> int:
        """Return how many documents have fewer words, including those without words."""
        return sum(times for length, times in self.lengths.items() if length < words)

    def frequent(self) -> dict[str, float]:
        """Return the words with more than `FREQUENT` of all tokens, and their shares."""
        shares = self.word_counts / max(1, self.tokens)
        ids = np.argsort(-shares, kind="stable")[: np.count_nonzero(shares > FREQUENT)]
        return {self.words[id_]: float(shares[id_]) for id_ in ids}

    def lines(self) -> Iterator[str]:
        """Yield lines of text for people."""
        mean = self.tokens / self.documents
        quartiles = ", ".join(f"{length:,}" for length in self._quartiles())
        short = ", ".join(f"{self.shorter(words):,} of fewer than {words}" for words in SHORT)
        frequent = ", ".join(f"{word} {share:.1%}" for word, share in self.frequent().items())
        yield f"documents    {self.documents:,} ({self.lengths[0]:,} without words)"
        yield f"vocabulary   {len(self.words):,} words ({self.unused:,} do not occur)"
        yield f"non-zeros    {self.nonzeros:,}"
        yield f"tokens       {self.tokens:,}"
        yield f"length       mean {mean:,.1f}; quartiles {quartiles}"
        yield f"short        {short} words"
        yield f"most often   {self._top(self.word_counts, _TOP_WORDS)}"
        yield f"over {FREQUENT:.0%}     {frequent or 'no word'} (of all tokens)"
        if self.document is not None:
            shown = self._top(self.shown, len(self.words))
            yield f"document {self.document}: {shown or 'no words'}"

    def as_json(self) -> dict[str, object]:
        """Return the same as JSON for programs."""
        found = {
            "documents": self.documents,
            "empty_documents": self.lengths[0],
            "documents_shorter_than": {str(words): self.shorter(words) for words in SHORT},
            "vocabulary": len(self.words),
            "unused_words": self.unused,
            "nonzeros": self.nonzeros,
            "tokens": self.tokens,
            "length": {"mean": self.tokens / self.documents, "quartiles": self._quartiles()},
            "most_often": dict(self._counts(self.word_counts, _TOP_WORDS)),
            "over_a_tenth_of_tokens": self.frequent(),
        }
        if self.document is not None:
            shown = dict(self._counts(self.shown, len(self.words)))
            found["document"] = {"number": self.document, "words": shown}
        return found

    def _quartiles(self) -> list[int]:
        return [self.quantile(share) for share in (0, 0.25, 0.5, 0.75, 1)]

    def quantile(self, share: float) -> int:
        """Return the length that this share of the documents does not exceed."""
        lengths = sorted(self.lengths)
        reached = np.cumsum([self.lengths[length] for length in lengths])
        return lengths[np.searchsorted(reached, max(1, share * self.documents))]

    def _top(self, counts: NDArray[np.float64], limit: int) -> str:
        return ", ".join(f"{word} {count:,}" for word, count in self._counts(counts, limit))

    def _counts(self, counts: NDArray[np.float64], limit: int) -> Iterator[tuple[str, int]]:
        """Yield the words that occur, most frequent first."""
        for id_ in np.argsort(-counts, kind="stable")[: min(limit, np.count_nonzero(counts))]:
            yield self.words[id_], int(counts[id_])


def inspect(
    corpus: Path,
    vocabulary: Path | None,
    options: ReadOptions,
    document: int | None = None,
    report: Callable[[InputError], None] = lambda _: None,
) -> CorpusOverview:
    """Read a corpus from start to end, and return what is in it.

    Args:
        corpus: As for `convert`.
        vocabulary: As for `convert`.
        options: How to read the corpus.
        document: Number of a document to show, from 1.
        report: Called for each bad line that was left out.

    Raises:
        InputError: The corpus or the vocabulary can't be used, or the document is missing.
    """
    with open_corpus(corpus, vocabulary, options) as (words, opened):
        if not opened.documents:
            raise InputError(f"{opened.name}: there is no document")
        if document is not None and document > opened.documents:
            raise InputError(f"{opened.name}: there is no document {document}")
        overview, tally = with_documents_in_order(
            opened,
            lambda ordered: _read(
                ordered, CorpusOverview(words, opened.documents, document), Tally(options.skip_bad)
            ),
            options.skip_bad,
        )
    for error in tally.bad:
        report(error)
    return overview


def _read(corpus: Corpus, overview: CorpusOverview, tally: Tally) -> tuple[CorpusOverview, Tally]:
    with Progress("reading", corpus.documents) as progress:
        for span in corpus.spans:
            for counts in corpus.read(span, tally):
                overview.add(counts)
                progress.advance(counts.shape[0])
    check_promise(corpus, tally)
    return overview, tally
