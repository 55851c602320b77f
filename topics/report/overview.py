"""What a report says about a model: computed here, shown elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from topics.artifact import Model
from topics.inference import infer
from topics.prepared import Prepared
from topics.quality import Quality, baseline, measure
from topics.vocabulary import top_ids

Array = NDArray[np.float64]

MAX_DOCUMENTS = 20_000  # whose mixtures are inferred: some seconds' worth
WORDS = 10  # of a topic
_DOCUMENTS = 3  # of a topic
_DOCUMENT_WORDS = 6
_NAME_WORDS = 3
_RELEVANCE = 0.6  # weight of a word's probability, against what sets it apart


class Word(NamedTuple):
    """A word of a topic, and its probability there."""

    word: str
    probability: float


class Document(NamedTuple):
    """A document that is mostly about a topic.

    Attributes:
        number: Its place in the training file, from 1.
        share: Of the topic in its mixture.
        words: Those of its words that speak most for the topic.
    """

    number: int
    share: float
    words: list[str]


class Topic(NamedTuple):
    """A topic.

    Attributes:
        number: Its row in beta.
        name: The words that set it apart.
        size: Its share of all words.
        alpha, npmi, umass: As in `Model` and `Quality`.
        words: The most probable ones.
        documents: Those with the largest shares of it.
    """

    number: int
    name: list[str]
    size: float
    alpha: float
    npmi: float
    umass: float
    words: list[Word]
    documents: list[Document]


@dataclass(frozen=True, eq=False)
class Overview:
    """A model and what a corpus says about it.

    Attributes:
        source: Where the model comes from.
        model: The model.
        train, test: Numbers of documents.
        sampled: Of how many training documents sizes and documents were taken.
        quality: The measures.
        frequencies: The held-out log likelihood of the word frequencies alone.
        topics: Each topic.
        similarity: (K, K) cosine of each two topics' word probabilities.
    """

    source: str
    model: Model
    train: int
    test: int
    sampled: int
    quality: Quality
    frequencies: float | None
    topics: list[Topic]
    similarity: Array


def look_at(model: Model, source: str, corpus: Prepared) -> Overview:
    """Compute all that a report shows.

    Raises:
        InferenceError: The vocabularies of model and corpus differ in size.
    """
    quality = measure(model, corpus)
    numbers = _sample(corpus.train.shape[0])
    counts = sparse.csr_array(corpus.train[numbers])
    mixtures = infer(model, counts)
    lengths = counts.sum(axis=1, dtype=np.float64)
    sizes = lengths @ mixtures / lengths.sum()
    telling = _log_lift(model, sizes)
    relevance = _RELEVANCE * np.log(np.maximum(model.beta, 1e-12)) + (1 - _RELEVANCE) * telling
    ids = top_ids(model, WORDS)
    topics = [
        Topic(
            topic,
            [
                corpus.words[id_]
                for id_ in np.argsort(-relevance[topic], kind="stable")[:_NAME_WORDS]
            ],
            float(sizes[topic]),
            float(model.alpha[topic]),
            float(quality.npmi[topic]),
            float(quality.umass[topic]),
            [Word(corpus.words[id_], float(model.beta[topic, id_])) for id_ in ids[topic]],
            _documents(mixtures[:, topic], telling[topic], counts, numbers, corpus.words),
        )
        for topic in range(len(model.alpha))
    ]
    unit = model.beta / np.linalg.norm(model.beta, axis=1, keepdims=True)
    return Overview(
        source,
        model,
        corpus.train.shape[0],
        0 if corpus.test is None else corpus.test.shape[0],
        len(numbers),
        quality,
        baseline(corpus),
        topics,
        np.minimum(unit @ unit.T, 1),
    )


def _sample(documents: int) -> NDArray[np.int64]:
    """Return the numbers of some documents, evenly spread; of all if they are not too many."""
    return np.unique(np.linspace(0, documents - 1, min(documents, MAX_DOCUMENTS)).astype(np.int64))


def _log_lift(model: Model, sizes: Array) -> Array:
    """Return (K, V) how much more probable a word is in a topic than in all, as a logarithm.

    Source: Sievert, Shirley: "LDAvis: A method for visualizing and interpreting topics", ACL
    workshop on interactive language learning, visualization, and interfaces, 2014.
    """
    lift: Array = np.log(np.maximum(model.beta, 1e-12) / np.maximum(sizes @ model.beta, 1e-12))
    return lift


def _documents(
    shares: Array,
    telling: Array,
    counts: sparse.csr_array,
    numbers: NDArray[np.int64],
    words: Sequence[str],
) -> list[Document]:
    """Return the documents with the largest shares of a topic."""
    found = []
    for row in np.argsort(-shares, kind="stable")[:_DOCUMENTS].tolist():
        entries = slice(counts.indptr[row], counts.indptr[row + 1])
        ids = counts.indices[entries]
        weights = counts.data[entries] * telling[ids]
        best = ids[np.argsort(-weights, kind="stable")[:_DOCUMENT_WORDS]]
        found.append(
            Document(int(numbers[row]) + 1, float(shares[row]), [words[id_] for id_ in best])
        )
    return found
