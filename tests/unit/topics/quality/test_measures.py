"""All measures of a model at once."""

import numpy as np
import pytest
from scipy import sparse

from data_prep.documents import TrainTest
from topics.model.topic_model import Model
from topics.quality.measures import baseline, measure

WORDS = ("star", "game")
MODEL = Model(np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.2, 0.8]]))
TRAIN = sparse.csr_array(np.array([[2, 1], [0, 3]], np.float32))


@pytest.mark.parametrize("counts", [np.zeros((0, 2)), [[0, 0]], [[0, 1], [1, 0]]])
def test_held_out_documents_without_two_words_have_no_log_likelihood(counts: object) -> None:
    test = sparse.csr_array(np.array(counts, np.float32))
    corpus = TrainTest(WORDS, TRAIN, test, np.array([1, 2]))
    assert measure(MODEL, corpus).log_likelihood is None
    assert baseline(corpus) is None


def test_one_document_of_two_words_is_enough_for_a_log_likelihood() -> None:
    test = sparse.csr_array(np.array([[0, 1], [1, 1]], np.float32))
    measured = measure(MODEL, TrainTest(WORDS, TRAIN, test, np.array([1, 2]))).log_likelihood
    assert measured is not None
    assert measured < 0
