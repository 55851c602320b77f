"""Quality against the number of topics."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.unit.prepared_corpus import write_corpus
from topics import prepared
from topics.__main__ import main
from topics.quality import Quality
from topics.sweep import Trial, best, sweep


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "corpus"
    write_corpus(folder, [f"word{number}" for number in range(20)], documents=400)
    return folder


def quality(log_likelihood: float | None, *coherence: float) -> Quality:
    return Quality(log_likelihood, np.array(coherence), -np.array(coherence))


def test_every_number_has_its_trial_and_one_too_many_says_so(corpus: Path) -> None:
    two, many = sweep(prepared.load(corpus), [2, 15], alpha0=0.5)
    assert two.problem is None
    assert two.quality is not None
    assert len(two.quality.npmi) == 2
    assert many.quality is None
    assert many.problem is not None
    assert many.problem.startswith("15 topics asked for, but the data supports ")


def test_the_best_is_told_for_each_measure() -> None:
    trials = [
        Trial(5, quality(-7.5, 0.1, 0.2), 0.1, None),
        Trial(10, quality(-7.2, 0.2, 0.4), 0.1, None),
        Trial(20, quality(-7.3, 0.1, 0.1), 0.1, None),
        Trial(400, None, 0.1, "too many"),
    ]
    assert best(trials) == {"log_likelihood": 10, "npmi": 10, "umass": 20}
    assert best([Trial(5, quality(None, 0.1), 0.1, None)]) == {"npmi": 5, "umass": 5}
    assert best([Trial(5, quality(None, np.nan), 0.1, None)]) == {}
    assert best([Trial(400, None, 0.1, "too many")]) == {}


def test_the_command_prints_a_row_a_number(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "--num-topics", "15,2,1", "--corpus", str(corpus)]) == 0
    head, one, two, many, words, *answer = capsys.readouterr().out.splitlines()
    assert head == "topics  log likelihood     NPMI    UMass  seconds"
    assert (one.split()[0], two.split()[0]) == ("1", "2")
    assert {len(one), len(two)} == {len(head)}
    assert many.startswith("    15  15 topics asked for, but the data supports ")
    assert float(two.split()[1]) > float(words.split()[1])
    assert answer[0] == "log likelihood is best with 2 topics"
    assert len(answer) == 3


def test_json_and_a_picture_say_the_same(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "sweep.svg"
    arguments = ["--corpus", str(corpus), "--json", "--plot", str(plot)]
    assert main(["sweep", "--num-topics", "1,2,15", *arguments]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert [trial["num_topics"] for trial in found["trials"]] == [1, 2, 15]
    assert found["trials"][0].keys() == {
        "num_topics",
        "seconds",
        "log_likelihood",
        "npmi",
        "umass",
    }
    assert found["trials"][2].keys() == {"num_topics", "seconds", "problem"}
    assert found["best"]["log_likelihood"] == 2
    assert found["word_frequencies"]["log_likelihood"] < 0
    assert printed.err == f"-> {plot}\n"
    picture = plot.read_text(encoding="utf-8")
    for text in ("held-out log likelihood per word", "coherence, NPMI", "word frequencies alone"):
        assert text in picture


def test_without_held_out_documents_coherence_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_corpus(tmp_path / "corpus", [f"w{n}w" for n in range(20)], documents=300, test_fraction=0)
    plot = tmp_path / "sweep.png"
    command = ["sweep", "--num-topics", "1,2", "--corpus", str(tmp_path / "corpus")]
    assert main([*command, "--plot", str(plot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:2] == ["2", "-"]
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-topics", "5,x"], "'x' must be a whole number from 1 on"),
        (["--num-topics", ""], "'' must be a whole number from 1 on"),
        (["--num-topics", "5,0"], "'0' must be a whole number from 1 on"),
        (["--num-topics", "5", "--plot", "x.jpg"], "'x.jpg' must end in .png, .svg, .pdf"),
        ([], "the following arguments are required: --num-topics"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["sweep", *arguments])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
