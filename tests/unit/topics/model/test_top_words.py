from pathlib import Path

import numpy as np
import pytest

from topics.model.archive import Model
from topics.model.top_words import VocabularyError, load, top_ids


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vocab.txt"


def test_the_word_of_id_0_is_the_first_line(file: Path) -> None:
    file.write_text("naïve\nzebra\n", encoding="utf-8")
    assert load(file, 2) == ["naïve", "zebra"]


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
    with pytest.raises(VocabularyError) as caught:
        load(file, 2)
    assert problem in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(VocabularyError, match="No such file"):
        load(file, 2)


def test_ids_are_words_that_are_not_made_before_they_are_asked_for() -> None:
    ids = load(None, 1 << 40)
    assert (len(ids), ids[7], ids[-1], ids[2:4]) == (1 << 40, "7", str((1 << 40) - 1), ["2", "3"])


@pytest.mark.parametrize("number", [1, 3, 50, 51])
def test_the_most_probable_words_are_those_of_a_stable_sort(number: int) -> None:
    """Of equal ones the first; many are equal here."""
    beta = np.random.default_rng(0).integers(1, 6, (7, 50)).astype(np.float64)
    expected = np.argsort(-beta, axis=1, kind="stable")[:, :number]
    assert top_ids(Model(np.ones(7), beta), number).tolist() == expected.tolist()
