"""Two models side by side, as data and as a command."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.prepared_corpus import write_corpus
from topics.__main__ import main
from topics.model.archive import Model, save
from topics.quality.likelihood import EvaluationError
from topics.quality.matching import compare

WORDS = ["ape", "bear", "cat", "dog"]


def model(*rows: list[float]) -> Model:
    return Model(np.full(len(rows), 1 / len(rows)), np.array(rows))


A = model([0.7, 0.3, 0, 0], [0, 0, 0.5, 0.5])
B = model([0, 0.1, 0.5, 0.4], [0.6, 0.3, 0.1, 0], [0, 0.9, 0, 0.1])


def test_a_model_is_the_same_as_itself() -> None:
    found = compare(A, A, WORDS, 3)
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 0), (1, 1)]
    assert [pair.cosine for pair in found.pairs] == pytest.approx([1, 1])
    assert not any(pair.up or pair.down for pair in found.pairs)
    assert (found.only_first, found.only_second) == ([], [])


def test_topics_are_matched_whatever_their_order_and_the_rest_is_left_over() -> None:
    found = compare(A, B, WORDS, 3)
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 1), (1, 0)]
    assert (found.only_first, found.only_second) == ([], [2])
    back = compare(B, A, WORDS, 3)
    assert [(pair.first, pair.second) for pair in back.pairs] == [(0, 1), (1, 0)]
    assert (back.only_first, back.only_second) == ([2], [])


def test_what_moved_is_listed_with_the_largest_move_first() -> None:
    first, second = compare(A, B, WORDS, 3).pairs
    assert [word for word, _ in first.up] == ["cat"]
    assert [word for word, _ in first.down] == ["ape"]
    assert first.down[0].change == pytest.approx(-0.1)
    assert [word for word, _ in second.up] == ["bear"]
    assert [word for word, _ in second.down] == ["dog"]
    far = compare(model([0.4, 0.3, 0.2, 0.1]), model([0.1, 0.2, 0.3, 0.4]), WORDS, 1).pairs[0]
    assert ([word for word, _ in far.up], [word for word, _ in far.down]) == (["dog"], ["ape"])


def test_models_of_different_vocabularies_are_refused() -> None:
    with pytest.raises(EvaluationError, match="over 4 words can't be matched with topics over 2"):
        compare(A, model([0.5, 0.5]), WORDS, 3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "build/prepared", WORDS)
    save(A, Path("a.tar.gz"))
    save(B, Path("b.tar.gz"))
    return tmp_path


def test_the_command_prints_quality_pairs_and_what_is_left(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "a.tar.gz", "b.tar.gz", "--words", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model  topics  log likelihood     NPMI    UMass"
    assert lines[1].startswith("A           2         -1.")
    assert lines[2].startswith("B           3         -1.")
    assert lines[3:5] == ["A: a.tar.gz", "B: b.tar.gz"]
    assert "    0     1  0.9874  +cat  -ape" in lines
    assert "    1     0  0.9820  +bear  -dog" in lines
    assert lines[-1] == "only in B: topic 2: bear, dog"


def test_a_pair_that_was_left_over_is_marked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(model([0, 0, 1, 0], [0, 0, 0.5, 0.5]), Path("other.tar.gz"))
    assert main(["compare", "a.tar.gz", "other.tar.gz"]) == 0
    marked = [line for line in capsys.readouterr().out.splitlines() if "little in common" in line]
    assert [line.split()[:3] for line in marked] == [["0", "0", "0.0000"]]


def test_json_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "a.tar.gz", "b.tar.gz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["topics"] for each in found["models"]] == [2, 3]
    assert found["models"][0].keys() == {"model", "topics", "log_likelihood", "npmi", "umass"}
    assert found["pairs"][0]["first"] == 0
    assert found["pairs"][0]["second"] == 1
    assert found["pairs"][0]["up"] == [{"word": "cat", "change": pytest.approx(0.1)}]
    assert (found["only_a"], found["only_b"]) == ([], [2])


def test_a_page_is_written_as_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(model([0, 0, 1, 0], [0, 0, 0.5, 0.5]), Path("<b>.tar.gz"))
    assert main(["compare", "a.tar.gz", "<b>.tar.gz", "--html", "page.html"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;.tar.gz" in page
    assert "<b>.tar.gz" not in page
    assert page.count('class="unlike"') == 1
    assert "Only in" not in page
    assert main(["compare", "a.tar.gz", "b.tar.gz", "--html", "page.html"]) == 0
    assert "<h2>Only in B</h2>" in Path("page.html").read_text(encoding="utf-8")
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.tar.gz", "none.tar.gz"], "none.tar.gz: No such file or directory"),
        (
            ["a.tar.gz", "b.tar.gz", "--prepared", "none"],
            "none: there is no manifest.json; `python",
        ),
        (["a.tar.gz", "small.tar.gz"], "the corpus has 4 words, the model 2: was"),
        (["small.tar.gz", "small.tar.gz"], "the corpus has 4 words, the model 2: was"),
        (["large.tar.gz", "other.tar.gz"], "the corpus has 4 words, the model 5: was"),
        (
            ["large.tar.gz", "other.tar.gz", "--prepared", "whole"],
            "the corpus has 4 words, the model 5: was",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(model([0.5, 0.5]), Path("small.tar.gz"))
    save(model([0.1, 0.1, 0.1, 0.1, 0.6]), Path("large.tar.gz"))
    save(model([0.6, 0.1, 0.1, 0.1, 0.1]), Path("other.tar.gz"))
    write_corpus(Path("whole"), WORDS, test_fraction=0)
    assert main(["compare", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
