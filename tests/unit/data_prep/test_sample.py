from pathlib import Path

import numpy as np
import pytest

from data_prep.convert import convert
from data_prep.corpus import Tally
from data_prep.formats.pairs import Pairs
from data_prep.sample import MAX_TOPICS, MIN_VOCABULARY, write_sample
from data_prep.vocabulary import read_vocabulary
from tests.support.readers import read_all


def test_a_sample_is_a_corpus_that_converts(tmp_path: Path) -> None:
    write_sample(tmp_path, documents=50, vocabulary_size=300, topics=3)
    manifest = convert(tmp_path / "corpus.txt", tmp_path / "vocab.txt", tmp_path / "out")
    assert manifest.test is not None
    assert (manifest.train.documents, manifest.test.documents) == (47, 3)
    assert manifest.vocabulary.size == 300
    assert manifest.empty_documents == 0


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    for folder, seed in (("one", 1), ("two", 1), ("other", 2)):
        write_sample(tmp_path / folder, documents=20, seed=seed)
    for file in ("corpus.txt", "vocab.txt", "planted.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    corpora = {(tmp_path / folder / "corpus.txt").read_bytes() for folder in ("one", "other")}
    assert len(corpora) == 2


def test_the_planted_model_has_a_row_of_probabilities_a_topic(tmp_path: Path) -> None:
    write_sample(tmp_path, documents=1, vocabulary_size=200, topics=4)
    with np.load(tmp_path / "planted.npz") as planted:
        assert planted["alpha"].tolist() == [0.25] * 4
        assert planted["beta"].shape == (4, 200)
        assert (planted["beta"] > 0).all()
        np.testing.assert_allclose(planted["beta"].sum(axis=1), 1)


@pytest.mark.parametrize(
    ("topics", "vocabulary_size"), [(1, 5000), (MAX_TOPICS, MIN_VOCABULARY), (7, 1001)]
)
def test_the_vocabulary_has_as_many_different_words_as_asked_for(
    tmp_path: Path, topics: int, vocabulary_size: int
) -> None:
    write_sample(tmp_path, documents=1, topics=topics, vocabulary_size=vocabulary_size)
    words = read_vocabulary(tmp_path / "vocab.txt")
    assert len(words) == vocabulary_size
    assert words == sorted(words)


def test_a_topic_is_about_its_theme(tmp_path: Path) -> None:
    write_sample(tmp_path, documents=1)
    words = np.array(read_vocabulary(tmp_path / "vocab.txt"))
    with np.load(tmp_path / "planted.npz") as planted:
        top = [set(words[np.argsort(row)[-10:]]) for row in planted["beta"]]
    assert len({"game", "team", "coach", "league"} & top[0]) >= 3
    assert len({"oven", "butter", "recipe", "sugar"} & top[1]) >= 3


def test_word_frequencies_are_those_of_the_model(tmp_path: Path) -> None:
    write_sample(tmp_path, documents=2000, vocabulary_size=MIN_VOCABULARY, topics=2)
    corpus = Pairs.open(tmp_path / "corpus.txt", "sample", MIN_VOCABULARY)
    drawn = np.zeros(MIN_VOCABULARY)
    for block in read_all(corpus, Tally()):
        drawn += np.bincount(block.indices, block.data, MIN_VOCABULARY)
    with np.load(tmp_path / "planted.npz") as planted:
        expected = planted["beta"].mean(axis=0)
    assert np.abs(drawn / drawn.sum() - expected).sum() < 0.05
