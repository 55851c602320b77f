"""Compute everything that a report shows about a model."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.documents import TrainTest
from topics.model.top_words import top_ids
from topics.model.topic_model import Model
from topics.quality.measures import Quality, baseline, measure
from topics.quality.relevance import most_relevant
from topics.report.sample import Sample, take_sample

Array = NDArray[np.float64]

WORDS = 10  # of a topic
_DOCUMENTS = 3  # of a topic

LARGE = 1 / 3  # of all words; a topic with more gets a warning
# It must also have this many times its equal share: of two or three topics, one always has more
# than a third.
_TIMES_EQUAL = 4 / 3
# A topic with this cosine to a larger one repeats it. In models of Daily Kos, New York Times and
# 20 Newsgroups counts (30 or 40 topics), no two topics are above 0.71. In models with 11 to 13
# topics of documents drawn from ten, topics that share a drawn one are at 0.78 to 0.98. With 20
# topics of 20 Newsgroups, two topics of the words in message headers are at 0.76.
REPEATED = 0.75
# A word with a larger share of all words is left out of similarity, since a word that all topics
# have makes all of them similar. In a small vocabulary, a word may need a larger share.
COMMON = 0.1
_TIMES_COMMON = 10  # times the share that each word has if all have the same


class Word(NamedTuple):
    """A word of a topic, and its probability there."""

    word: str
    probability: float


class Document(NamedTuple):
    """A document that is mostly about a topic.

    Attributes:
        number: Its number in its corpus, from 1.
        share: Share of the topic in its mixture.
        words: Its words that point most strongly to the topic.
    """

    number: int
    share: float
    words: list[str]


class Topic(NamedTuple):
    """A topic.

    Attributes:
        number: Its row in beta.
        size: Its share of all words.
        alpha, npmi, umass: As in `Model` and `Quality`.
        words: The most probable ones.
        telling: The words that set it apart, the most relevant first.
        documents: The documents with the largest shares of it.
        large: Whether its share of all words is too large.
        repeats: The larger topic that it repeats; None if there is none.
    """

    number: int
    size: float
    alpha: float
    npmi: float
    umass: float
    words: list[Word]
    telling: list[str]
    documents: list[Document]
    large: bool
    repeats: int | None

    @property
    def incoherent(self) -> bool:
        """Whether its words occur together more rarely than by chance."""
        return self.npmi < 0

    @property
    def suspect(self) -> bool:
        """Whether there is any warning about it."""
        return self.large or self.repeats is not None or self.incoherent


@dataclass(frozen=True, eq=False)
class Overview:
    """A model, and its results on a corpus.

    Attributes:
        source: Where the model comes from.
        model: The model.
        train, test: Numbers of training and held-out documents.
        sample: The mixtures of the training documents, or of some if there are many.
        quality: The measures.
        frequencies: The held-out log likelihood of the word frequencies.
        topics: All topics, the largest first.
        similarity: (K, K) cosines of the word probabilities of each two topics, by number.
        common: Words that are left out of `similarity`.
    """

    source: str
    model: Model
    train: int
    test: int
    sample: Sample
    quality: Quality
    frequencies: float | None
    topics: list[Topic]
    similarity: Array
    common: list[str]

    @property
    def sampled(self) -> int:
        """Number of training documents whose mixtures were inferred."""
        return len(self.sample.numbers)


def summarize(model: Model, source: str, corpus: TrainTest) -> Overview:
    """Compute all that a report shows.

    Raises:
        InputError: The vocabularies of model and corpus differ in size.
    """
    quality = measure(model, corpus)
    sample = take_sample(model, corpus)
    sizes, order = sample.shares, sample.order
    telling = most_relevant(model.beta, sizes, WORDS)
    common = _common(corpus.train)
    similarity = _cosines(model.beta[:, ~common])
    repeats = _repeats(similarity, order)
    large = max(LARGE, _TIMES_EQUAL / len(sizes))
    ids = top_ids(model, WORDS)
    topics = [
        Topic(
            topic,
            float(sizes[topic]),
            float(model.alpha[topic]),
            float(quality.npmi[topic]),
            float(quality.umass[topic]),
            [Word(corpus.words[id_], float(model.beta[topic, id_])) for id_ in ids[topic]],
            [corpus.words[id_] for id_ in telling[topic]],
            _documents(sample, topic),
            bool(sizes[topic] > large),
            repeats.get(topic),
        )
        for topic in order.tolist()
    ]
    return Overview(
        source,
        model,
        corpus.train.shape[0],
        0 if corpus.test is None else corpus.test.shape[0],
        sample,
        quality,
        baseline(corpus),
        topics,
        similarity,
        [corpus.words[id_] for id_ in np.flatnonzero(common).tolist()],
    )


def _common(counts: sparse.csr_array) -> NDArray[np.bool_]:
    """Return (V,) which words are too common to compare topics by."""
    totals = counts.sum(axis=0, dtype=np.float64)
    common: NDArray[np.bool_] = totals > totals.sum() * max(COMMON, _TIMES_COMMON / len(totals))
    return common


def _cosines(rows: Array) -> Array:
    """Return the cosine of each two rows; 0 if one of them is a row of zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1)
    cosines: Array = np.minimum(unit @ unit.T, 1)
    np.fill_diagonal(cosines, 1)
    return cosines


def _repeats(similarity: Array, order: NDArray[np.int64]) -> dict[int, int]:
    """Return the topics that repeat larger ones, each with the most similar larger one.

    Args:
        similarity: (K, K) cosines.
        order: (K,) the topics, the largest first.
    """
    found = {}
    for place, topic in enumerate(order.tolist()):
        larger = order[:place]
        if place and similarity[topic, larger].max() >= REPEATED:
            found[topic] = int(larger[similarity[topic, larger].argmax()])
    return found


def _documents(sample: Sample, topic: int) -> list[Document]:
    """Return the documents with the largest shares of a topic."""
    return [
        Document(
            int(sample.numbers[row]),
            float(sample.mixtures[row, topic]),
            [sample.words[id_] for id_ in sample.telling_words(topic, row)],
        )
        for row in sample.best_documents(topic, _DOCUMENTS)
    ]
