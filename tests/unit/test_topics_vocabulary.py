from pathlib import Path

import pytest

from topics.vocabulary import VocabularyError, load


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
