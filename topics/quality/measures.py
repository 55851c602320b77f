"""The measures of a model that `report`, `compare` and `sweep` share."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_prep.documents import TrainTest
from topics.model.top_words import check_words, top_ids
from topics.model.topic_model import Model
from topics.quality.coherence import npmi, umass
from topics.quality.likelihood import LEAST_WORDS, per_word_log_likelihood, unigram

COHERENCE_WORDS = 10  # of a topic


class Quality(NamedTuple):
    """Measures of a model; for each measure, larger is better.

    Attributes:
        log_likelihood: Per word of the held-out documents; None if none of them has `LEAST_WORDS`.
        npmi, umass: (K,) coherence of each topic in the training documents.
    """

    log_likelihood: float | None
    npmi: NDArray[np.float64]
    umass: NDArray[np.float64]

    def means(self) -> dict[str, float | None]:
        """Return one number for each measure, the mean over topics; None if there is none."""
        return {
            "log_likelihood": self.log_likelihood,
            "npmi": _mean(self.npmi),
            "umass": _mean(self.umass),
        }


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def measure(model: Model, corpus: TrainTest) -> Quality:
    """Measure a model.

    Raises:
        InputError: The vocabularies of model and corpus differ in size.
    """
    check_words(corpus.train.shape[1], model)
    ids = top_ids(model, COHERENCE_WORDS)
    return Quality(
        _log_likelihood(model, corpus), npmi(ids, corpus.train), umass(ids, corpus.train)
    )


def baseline(corpus: TrainTest) -> float | None:
    """Return the held-out log likelihood of the word frequencies; None as in `Quality`."""
    return _log_likelihood(unigram(corpus.train), corpus)


def _log_likelihood(model: Model, corpus: TrainTest) -> float | None:
    if corpus.test is None or corpus.test.sum(axis=1).max(initial=0) < LEAST_WORDS:
        return None
    return per_word_log_likelihood(model, corpus.test)
