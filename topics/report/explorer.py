"""The data of the explorer: the part of a page that can be asked.

Its size is bounded, whatever the model and the vocabulary: it has the largest topics, a few
documents of each, and of the words only those that can show up: the most relevant of a topic for
any lambda, the telling ones of a document, and those that moved between two models. All together
these are less than 100,000.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cli.printable import printable
from topics.quality.distances import jensen_shannon, principal_coordinates
from topics.quality.matching import Comparison, Move
from topics.quality.relevance import (
    RELEVANCE,
    ever_most_relevant,
    topic_given_word,
    word_probabilities,
)
from topics.report.sample import Sample

MAX_TOPICS = 150  # of a model
SHOWN = 30  # words of a topic
# Of a topic for all lambdas. Real models have 50 to 90. Only a model that was made for it has more,
# and its least probable ones are left out.
_RELEVANT = 250
_MOVED = 10  # words of a pair of topics that gained, and that lost
_DOCUMENTS = 10  # of a topic
_MIXTURE = 8  # topics of a document
_LEAST_SHARE = 0.01  # of a topic in a document
_LETTERS = 100  # of a word
_TITLE_LETTERS = 200
_PARTS = 10_000  # shares are whole numbers of these parts; the page shows thousandths
_DIGITS = 6  # of coordinates and shares
_FAST = 1  # level of compression

# Escaped in JSON, so that nothing in it can end the script element that it stands in.
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}

Json = dict[str, Any]


class _Best(NamedTuple):
    """A document of a topic: its row in the sample, and the ids of its telling words."""

    row: int
    words: list[int]


class _Model(NamedTuple):
    """A model as the explorer shows it.

    Attributes:
        letter: What its topics are called by on a page of two models.
        sample: The model and its documents.
        topics: The numbers of the topics that are shown, the largest first.
        relevant: The words of each topic that are among the most relevant for some lambda.
        documents: The documents of each topic.
    """

    letter: str
    sample: Sample
    topics: list[int]
    relevant: list[NDArray[np.int64]]
    documents: list[list[_Best]]


def explorer_data(
    samples: Sequence[Sample],
    comparison: Comparison | None = None,
    titles: Sequence[str] | None = None,
) -> str:
    """Return the data as JSON that may stand in a script element.

    Args:
        samples: Of one model, or of two with the same words.
        comparison: Of the two models.
        titles: Of all documents of the source corpus, in order.
    """
    letters = "AB" if comparison else [""]
    models = [_look(letter, sample) for letter, sample in zip(letters, samples, strict=True)]
    words = samples[0].words
    moved = _ids_of_moved(comparison, words)
    ids = _all_words(models, moved)
    place = {id_: at for at, id_ in enumerate(ids.tolist())}
    shown = [
        _arrays(model, ids, place) | {"topics": _topics(model, place, titles)} for model in models
    ]
    _put_on_map(models, [topic for model in shown for topic in model["topics"]])
    data = {
        "shown": SHOWN,
        "lambda": RELEVANCE,
        "words": [_text(words[id_], _LETTERS) for id_ in ids.tolist()],
        "models": shown,
        "pairs": _pairs(models, comparison, {word: place[id_] for word, id_ in moved.items()}),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPED)


def _look(letter: str, sample: Sample) -> _Model:
    topics = sample.order[:MAX_TOPICS].tolist()
    beta = sample.model.beta
    relevant = ever_most_relevant(beta, sample.shares, SHOWN)
    documents = [
        [
            _Best(row, sample.telling_words(topic, row))
            for row in sample.best_documents(topic, _DOCUMENTS)
        ]
        for topic in topics
    ]
    kept = [_most_probable(relevant[topic], beta[topic]) for topic in topics]
    return _Model(letter, sample, topics, kept, documents)


def _most_probable(ids: NDArray[np.int64], topic: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return as many of a topic's words as the page may have, ascending."""
    return np.sort(ids[np.argsort(-topic[ids], kind="stable")[:_RELEVANT]])


def _ids_of_moved(comparison: Comparison | None, words: Sequence[str]) -> dict[str, int]:
    pairs = comparison.pairs if comparison else []
    moved = {move.word for pair in pairs for move in (*pair.up[:_MOVED], *pair.down[:_MOVED])}
    return {word: id_ for id_, word in enumerate(words) if word in moved} if moved else {}


def _all_words(models: Sequence[_Model], moved: dict[str, int]) -> NDArray[np.int64]:
    """Return the ids of all words that can show up, ascending."""
    ids = set(moved.values())
    for model in models:
        ids.update(*(each.tolist() for each in model.relevant))
        ids.update(*(best.words for topic in model.documents for best in topic))
    return np.array(sorted(ids), np.int64)


def _put_on_map(models: Sequence[_Model], topics: Sequence[Json]) -> None:
    """Give the topics of all models their places on one map."""
    beta = np.concatenate([model.sample.model.beta[model.topics] for model in models])
    distances = jensen_shannon(beta)
    points = principal_coordinates(distances).tolist()
    for topic, (x, y), nearest in zip(topics, points, _nearest(distances), strict=True):
        topic |= {"x": round(x, _DIGITS), "y": round(y, _DIGITS), "nearest": nearest}


def _nearest(distances: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Return the topic nearest to each, and its distance; (-1, 0) if there is no other."""
    if len(distances) == 1:
        return [(-1, 0)]
    others = distances + np.diag(np.full(len(distances), np.inf))
    at = others.argmin(axis=1)
    return [
        (topic, round(distance, _DIGITS))
        for topic, distance in zip(at.tolist(), others.min(axis=1).tolist(), strict=True)
    ]


def _arrays(model: _Model, ids: NDArray[np.int64], place: dict[int, int]) -> Json:
    """Return what is not of a single topic."""
    sample = model.sample
    beta, shares = sample.model.beta, sample.shares
    given = topic_given_word(beta[:, ids], shares)[model.topics]
    return {
        "letter": model.letter,
        "tokens": round(sample.tokens),
        "probabilities": _pack(word_probabilities(beta[:, ids], shares).astype("<f8")),
        "given": _pack(np.rint(given.T * _PARTS).astype("<u2")),
        "ids": _pack(
            np.array([place[id_] for each in model.relevant for id_ in each.tolist()], "<u4")
        ),
        "phi": _pack(
            np.concatenate(
                [
                    beta[topic, each]
                    for topic, each in zip(model.topics, model.relevant, strict=True)
                ]
            ).astype("<f8")
        ),
    }


def _topics(model: _Model, place: dict[int, int], titles: Sequence[str] | None) -> list[Json]:
    stops = accumulate(len(each) for each in model.relevant)
    return [
        {
            "number": topic,
            "share": round(float(model.sample.shares[topic]), _DIGITS),
            "stop": stop,
            "documents": [_document(model, best, place, titles) for best in documents],
        }
        for topic, stop, documents in zip(model.topics, stops, model.documents, strict=True)
    ]


def _document(
    model: _Model, best: _Best, place: dict[int, int], titles: Sequence[str] | None
) -> Json:
    number = int(model.sample.numbers[best.row])
    shares = model.sample.mixtures[best.row, model.topics]
    order = np.argsort(-shares, kind="stable")[:_MIXTURE]
    return {
        "number": number,
        "title": _text(titles[number - 1], _TITLE_LETTERS) if titles else "",
        "mixture": [
            (topic, round(float(shares[topic]), 4))
            for topic in order.tolist()
            if shares[topic] >= _LEAST_SHARE
        ],
        "words": [place[id_] for id_ in best.words],
    }


def _pairs(
    models: Sequence[_Model], comparison: Comparison | None, place: dict[str, int]
) -> list[Json]:
    """Return the pairs of topics that are both shown."""
    if comparison is None:
        return []
    at = [{topic: at for at, topic in enumerate(model.topics)} for model in models]

    def moves(given: list[Move]) -> list[tuple[int, float]]:
        return [(place[move.word], round(move.change, _DIGITS)) for move in given[:_MOVED]]

    return [
        {
            "topics": [at[0][pair.first], at[1][pair.second]],
            "cosine": round(pair.cosine, _DIGITS),
            "up": moves(pair.up),
            "down": moves(pair.down),
        }
        for pair in comparison.pairs
        if pair.first in at[0] and pair.second in at[1]
    ]


def _text(text: str, letters: int) -> str:
    """Return a text that the page can show: without control characters, and not too long."""
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= letters else f"{shown[:letters]}…"


def _pack(numbers: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(numbers.tobytes(), _FAST)).decode()
