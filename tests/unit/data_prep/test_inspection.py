from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from data_prep.formats.read_options import ReadOptions
from data_prep.inspection import CorpusOverview, inspect
from data_prep.plot import plot


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., CorpusOverview]:
    """Inspect a corpus of the words a to d."""
    (tmp_path / "vocab.txt").write_text("a\nb\nc\nd\n", encoding="utf-8")

    def look(content: bytes, document: int | None = None, **options: Any) -> CorpusOverview:
        (tmp_path / "corpus.txt").write_bytes(content)
        files = tmp_path / "corpus.txt", tmp_path / "vocab.txt"
        return inspect(*files, ReadOptions(**options), document)

    return look


def test_a_corpus_is_summed_up_in_some_lines(look: Callable[..., CorpusOverview]) -> None:
    overview = look(b"1:2,3:1\n\n3:5\n1:1,2:1,3:998\n", 4)
    assert list(overview.lines()) == [
        "documents    4 (1 without words)",
        "vocabulary   4 words (1 do not occur)",
        "non-zeros    6",
        "tokens       1,008",
        "length       mean 252.0; quartiles 0, 0, 3, 5, 1,000",
        "short        1 of fewer than 3, 3 of fewer than 10, 3 of fewer than 20 words",
        "most often   c 1,004, a 3, b 1",
        "over 10%     c 99.6% (of all tokens)",
        "document 4: c 998, a 1, b 1",
    ]


def test_documents_are_short_by_all_occurrences_of_their_words(
    look: Callable[..., CorpusOverview],
) -> None:
    """Nine times the same word are nine words; ten are not fewer than ten."""
    overview = look(b"\n1:2\n1:3\n1:9\n1:5,2:5\n1:19\n2:20\n")
    assert [overview.shorter(words) for words in (3, 10, 20)] == [2, 4, 6]


def test_a_word_with_a_tenth_of_all_tokens_is_not_yet_too_frequent(
    look: Callable[..., CorpusOverview],
) -> None:
    overview = look(b"1:10,2:11,3:79\n")
    assert overview.frequent() == {"c": 0.79, "b": 0.11}
    assert look(b"1:1\n").frequent() == {"a": 1}
    without_words = look(b"emu\n", format="text")
    assert without_words.frequent() == {}
    assert "over 10%     no word (of all tokens)" in list(without_words.lines())


def test_json_says_the_same(look: Callable[..., CorpusOverview]) -> None:
    assert look(b"1:2,3:1\n\n3:5\n1:1,2:1,3:998\n", 4).as_json() == {
        "documents": 4,
        "empty_documents": 1,
        "documents_shorter_than": {"3": 1, "10": 3, "20": 3},
        "vocabulary": 4,
        "unused_words": 1,
        "nonzeros": 6,
        "tokens": 1008,
        "length": {"mean": 252, "quartiles": [0, 0, 3, 5, 1000]},
        "most_often": {"c": 1004, "a": 3, "b": 1},
        "over_a_tenth_of_tokens": {"c": 1004 / 1008},
        "document": {"number": 4, "words": {"c": 998, "a": 1, "b": 1}},
    }


def test_a_document_without_words_can_be_shown(look: Callable[..., CorpusOverview]) -> None:
    assert list(look(b"1:1\n\n1:1\n", 2).lines())[-1] == "document 2: no words"


def test_a_document_that_is_not_there_is_refused(look: Callable[..., CorpusOverview]) -> None:
    with pytest.raises(InputError, match="there is no document 3"):
        look(b"1:1\n1:1\n", 3)


def test_a_corpus_without_documents_is_refused(look: Callable[..., CorpusOverview]) -> None:
    with pytest.raises(InputError, match=r"corpus\.txt: there is no document$"):
        look(b"", format="text")


def test_triples_in_any_order_are_sorted_first(look: Callable[..., CorpusOverview]) -> None:
    overview = look(b"2\n4\n3\n2 1 1\n1 1 1\n2 2 4\n", 2)
    assert (overview.nonzeros, overview.word_counts.tolist()) == (3, [2, 4, 0, 0])
    assert overview.shown.tolist() == [1, 4, 0, 0]


def test_a_file_that_was_cut_off_is_refused(look: Callable[..., CorpusOverview]) -> None:
    with pytest.raises(InputError, match="there are 1 entries, but the header says 2"):
        look(b"1\n4\n2\n1 1 1\n")


def test_the_cells_of_the_heat_map_add_up_to_all_words(look: Callable[..., CorpusOverview]) -> None:
    overview = look(b"1:2,3:1\n" * 1000)
    assert overview.cells.shape == (200, 4)
    assert overview.cells.sum(axis=0).tolist() == [2000, 0, 1000, 0]
    assert (overview.cells.sum(axis=1) == 15).all()


def test_the_plot_is_a_picture(look: Callable[..., CorpusOverview], tmp_path: Path) -> None:
    plot(look(b"1:2,3:1\n2:1\n"), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
