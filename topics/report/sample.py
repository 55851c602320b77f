"""A model on documents of a corpus: their topic mixtures, and what each topic accounts for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.documents import TrainTest
from topics.lda.mixtures import infer
from topics.model.topic_model import Model
from topics.quality.relevance import log_lift, topic_shares

Array = NDArray[np.float64]

MAX_DOCUMENTS = 20_000  # whose mixtures are inferred, which takes some seconds
_DOCUMENT_WORDS = 6


@dataclass(frozen=True, eq=False)
class Sample:
    """A model, and its mixtures of documents that are evenly spread over a corpus.

    Attributes:
        model: The model.
        words: The V words.
        tokens: Tokens of the whole corpus.
        numbers: (D,) the number of each document in its corpus, from 1.
        counts: (D, V) word counts.
        mixtures: (D, K) topic mixtures.
    """

    model: Model
    words: Sequence[str]
    tokens: float
    numbers: NDArray[np.int64]
    counts: sparse.csr_array
    mixtures: Array

    @cached_property
    def shares(self) -> Array:
        """(K,) the share of all tokens that each topic accounts for."""
        return topic_shares(self.mixtures, self.counts.sum(axis=1, dtype=np.float64))

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """(K,) the topics, the largest first."""
        return np.argsort(-self.shares, kind="stable")

    @cached_property
    def _lift(self) -> Array:
        return log_lift(self.model.beta, self.shares)

    def best_documents(self, topic: int, number: int) -> list[int]:
        """Return the rows of the documents with the largest shares of a topic."""
        rows: list[int] = np.argsort(-self.mixtures[:, topic], kind="stable")[:number].tolist()
        return rows

    def telling_words(self, topic: int, row: int) -> list[int]:
        """Return the ids of a document's words that point most strongly to a topic."""
        entries = slice(self.counts.indptr[row], self.counts.indptr[row + 1])
        ids = self.counts.indices[entries]
        weights = self.counts.data[entries] * self._lift[topic, ids]
        best: list[int] = ids[np.argsort(-weights, kind="stable")[:_DOCUMENT_WORDS]].tolist()
        return best


def take_sample(model: Model, corpus: TrainTest) -> Sample:
    """Infer the mixtures of all training documents, or of some if there are many.

    Raises:
        InputError: The vocabularies of model and corpus differ in size.
    """
    rows = _spread(corpus.train.shape[0])
    counts = sparse.csr_array(corpus.train[rows])
    tokens = float(corpus.train.sum(dtype=np.float64))
    return Sample(model, corpus.words, tokens, corpus.numbers[rows], counts, infer(model, counts))


def _spread(documents: int) -> NDArray[np.int64]:
    """Return the rows of evenly spread documents; all rows if they are not too many."""
    return np.unique(np.linspace(0, documents - 1, min(documents, MAX_DOCUMENTS)).astype(np.int64))
