from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError
from topics.model.top_words import read_words, top_ids
from topics.model.topic_model import Model

TWO_WORDS = Model(np.ones(1), np.full((1, 2), 0.5))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vocab.txt"


def test_the_word_of_id_0_is_the_first_line(file: Path) -> None:
    file.write_text("naïve\nzebra\n", encoding="utf-8")
    assert read_words(file, TWO_WORDS) == ["naïve", "zebra"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"one\n", "has 1 words, the model 2"),
        (b"one\ntwo\nthree\n", "has 3 words, the model 2"),
        (b"one\n\xff\n", "UTF-8"),
        (b"one\n\x1b[31mred\n", "2: the word '\\x1b[31mred' contains a control character"),
        (b"", "is empty"),
    ],
)
def test_a_vocabulary_that_is_not_the_models_is_refused(
    file: Path, content: bytes, problem: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_words(file, TWO_WORDS)
    assert problem in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_words(file, TWO_WORDS)


def test_without_a_vocabulary_words_are_called_by_their_ids() -> None:
    assert list(read_words(None, TWO_WORDS)) == ["0", "1"]


@pytest.mark.parametrize("number", [1, 3, 50, 51])
def test_the_most_probable_words_are_those_of_a_stable_sort(number: int) -> None:
    """Of equal ones the first; many are equal here."""
    beta = np.random.default_rng(0).integers(1, 6, (7, 50)).astype(np.float64)
    expected = np.argsort(-beta, axis=1, kind="stable")[:, :number]
    assert top_ids(Model(np.ones(7), beta), number).tolist() == expected.tolist()
