"""A recommended number of topics, from models of several splits."""

import json
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from scipy import sparse

from cli.progress import Progress
from data_prep.documents import TrainTest, read_train_test
from tests.support.prepared_corpus import write_corpus
from topics.__main__ import main
from topics.lda import moments, spectral
from topics.model.topic_model import Model
from topics.quality import num_topics as num_topics_module
from topics.quality.likelihood import EvaluationError
from topics.quality.num_topics import Trial, gain, recommend, split, sweep

TOO_MANY = 15
REASON = "15 topics asked for, <b>but</b> there are $2$ directions"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "corpus"
    write_corpus(folder, [f"word{number}" for number in range(20)], documents=400)
    return folder


@pytest.fixture
def no_model_of_15(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fit refuse 15 topics."""

    def fit(counts: Any, number: int, **options: Any) -> Model:
        if number == TOO_MANY:
            raise moments.SpectralError(REASON)
        return spectral.fit(counts, number, **options)

    monkeypatch.setattr(num_topics_module, "fit", fit)


def counted(rows: list[list[int]]) -> TrainTest:
    """A corpus without test documents."""
    counts = sparse.csr_array(np.array(rows, np.float32))
    return TrainTest(["a", "b"], counts, None, np.arange(1, len(rows) + 1))


# --- splits


def test_splits_hold_out_a_tenth_each_and_no_document_twice(corpus: Path) -> None:
    read = read_train_test(corpus)
    splits = split(read, 3)
    assert splits.held_out.sum(axis=1).tolist() == [30, 30, 30]
    assert splits.held_out.sum(axis=0).max() == 1
    for chosen, each in zip(splits.held_out, splits, strict=True):
        assert each.test is not None
        assert (each.test != read.train[chosen]).nnz == 0
        assert (each.train != read.train[~chosen]).nnz == 0
        assert each.numbers.tolist() == read.numbers[~chosen].tolist()


def test_a_document_of_one_word_is_never_held_out() -> None:
    """It has no word to predict: a split of nothing else could not be measured."""
    held_out = split(counted([[1, 0]] * 50 + [[1, 1], [0, 2]]), 2).held_out
    assert held_out[:, :50].sum() == 0
    assert held_out.sum(axis=1).tolist() == [1, 1]


def test_fewer_documents_than_splits_are_refused() -> None:
    with pytest.raises(EvaluationError, match=r"3 splits need 3 documents of 2 words .* has 2$"):
        split(counted([[1, 0]] * 50 + [[1, 1], [0, 2]]), 3)


# --- trials


def test_a_trial_has_a_value_of_each_measure_for_each_split(corpus: Path) -> None:
    (two,) = sweep(split(read_train_test(corpus), 4), [2], alpha0=0.5)
    assert {name: values.shape for name, values in two.measures.items()} == {
        "log_likelihood": (4,),
        "npmi": (4,),
        "umass": (4,),
    }
    assert two.problem is None
    values = two.measures["npmi"]
    assert two.mean("npmi") == pytest.approx((values.mean(), np.std(values, ddof=1) / 2))


def test_a_sweep_does_not_look_at_the_test_documents(corpus: Path) -> None:
    """Else they could not judge the model that is made in the end."""
    read = read_train_test(corpus)
    without = TrainTest(read.words, read.train, None, read.numbers)
    (one,), (other,) = (list(sweep(split(each, 2), [2], alpha0=1)) for each in (read, without))
    assert one.measures["log_likelihood"].tolist() == other.measures["log_likelihood"].tolist()


@pytest.mark.parametrize(
    ("error", "problem"),
    [(moments.SpectralError("too many"), "too many"), (MemoryError(), "not enough memory")],
)
def test_a_number_without_a_model_says_why_and_the_next_one_is_tried(
    corpus: Path, error: Exception, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(counts: Any, number: int, **options: Any) -> Model:
        if number == 1:
            raise error
        return spectral.fit(counts, number, **options)

    monkeypatch.setattr(num_topics_module, "fit", fit)
    one, two = sweep(split(read_train_test(corpus), 2), [1, 2], alpha0=1)
    assert (one.problem, one.measures) == (problem, {})
    assert two.problem is None


def test_the_progress_bar_is_gone_before_a_row_is_printed(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    class Bar(Progress):
        def __enter__(self) -> Self:
            shown.append("a bar")
            return super().__enter__()

        def __exit__(self, *error: object) -> None:
            shown.clear()

    monkeypatch.setattr(num_topics_module, "Progress", Bar)
    for _ in sweep(split(read_train_test(corpus), 2), [1, 2], alpha0=1):
        assert shown == []


# --- the recommendation


def trial(number: int, *log_likelihoods: float) -> Trial:
    return Trial(number, {"log_likelihood": np.array(log_likelihoods)}, 0.1, None, None)


def no_model(number: int) -> Trial:
    return Trial(number, {}, None, "too many", None)


def test_the_smallest_number_within_one_standard_error_of_the_best_is_recommended() -> None:
    found = recommend(
        [
            trial(40, -7.19, -7.27, -7.41),
            trial(20, -7.2, -7.28, -7.4),
            trial(10, -7.5, -7.6, -7.7),
            trial(80, -7.3, -7.4, -7.5),
        ]
    )
    assert found is not None
    assert found.num_topics == 20
    assert found.reason == (
        "held-out likelihood still rises to 40, by less than the spread (0.0033 ±0.0067 on the"
        " same splits)"
    )


def test_a_gain_on_every_split_counts_however_much_the_splits_differ() -> None:
    """The documents of a split are hard or easy for all numbers alike."""
    small, large = trial(10, -7.0, -7.5, -8.0), trial(20, -6.98, -7.49, -7.97)
    assert gain(large, small).error < 0.01 < large.mean("log_likelihood").error
    found = recommend([small, large, trial(40, -7.1, -7.6, -8.1)])
    assert found is not None
    assert found.num_topics == 20
    assert found.reason == (
        "held-out likelihood is highest here, and rises from 10 by more than the spread"
        " (0.0200 ±0.0058 on the same splits)"
    )


def test_where_the_best_is_the_largest_number_more_may_be_better() -> None:
    found = recommend([trial(10, -7.5, -7.6), trial(20, -7.2, -7.3)])
    assert found is not None
    assert found.num_topics == 20
    assert found.reason.endswith("; more than 20 may be better still")
    found = recommend([trial(10, -7.5, -7.6), trial(20, -7.2, -7.3), no_model(40)])
    assert found is not None
    assert found.reason.endswith("; no larger number has a model")


def test_where_the_smallest_number_is_recommended_fewer_may_do() -> None:
    found = recommend([trial(10, -7.2, -7.3), trial(20, -7.4, -7.5)])
    assert found == (10, "held-out likelihood is highest here; fewer than 10 may do as well")
    found = recommend([no_model(5), trial(10, -7.2, -7.3), trial(20, -7.4, -7.5)])
    assert found == (10, "held-out likelihood is highest here")
    found = recommend([trial(1, -7.2, -7.3), trial(20, -7.4, -7.5)])
    assert found == (1, "held-out likelihood is highest here")


def test_numbers_without_a_model_are_not_recommended() -> None:
    assert recommend([no_model(5), no_model(10)]) is None
    found = recommend([no_model(5), trial(10, -7.2, -7.3)])
    assert found == (10, "the only number that has a model")


# --- the command


def test_the_command_prints_a_row_a_number_and_one_recommendation(
    corpus: Path, no_model_of_15: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "--num-topics", "15,2,1", "--prepared", str(corpus)]) == 0
    head, one, two, many, words, *answer = capsys.readouterr().out.splitlines()
    assert head.endswith("seconds   (mean ±standard error over 3 splits)")
    assert (one.split()[0], two.split()[0]) == ("1", "2")
    assert {len(one), len(two)} == {len(head.partition("   (")[0])}
    assert many == f"    15  no model: {REASON}"
    assert float(two.split()[1]) > float(words.split()[1])
    assert len(answer) == 1
    assert answer[0].startswith("recommended: 2: held-out likelihood is highest here, and rises")


def test_json_and_a_picture_say_the_same(
    corpus: Path, no_model_of_15: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "sweep.svg"
    arguments = ["--prepared", str(corpus), "--json", "--plot", str(plot)]
    assert main(["sweep", "--num-topics", "1,2,15", *arguments]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["splits"] == 3
    one, two, many = found["trials"]
    assert one.keys() == {
        "num_topics",
        "seconds",
        "log_likelihood",
        "npmi",
        "umass",
        "standard_error",
        "behind_best",
        "warning",
    }
    assert one["standard_error"].keys() == {"log_likelihood", "npmi", "umass"}
    assert one["behind_best"]["log_likelihood"] == pytest.approx(
        two["log_likelihood"] - one["log_likelihood"]
    )
    assert two["behind_best"]["log_likelihood"] == 0
    assert many == {"num_topics": 15, "problem": REASON}
    assert found["recommendation"]["num_topics"] == 2
    assert found["word_frequencies"]["log_likelihood"] < 0
    assert printed.err == f"-> {plot}\n"
    picture = plot.read_text(encoding="utf-8")
    for text in (
        "held-out log likelihood per word",
        "coherence, NPMI",
        "word frequencies alone",
        "recommended (dotted): 2: held-out likelihood is highest here",
        "15: no model: 15 topics asked for, &lt;b&gt;but&lt;/b&gt; there are $2$ directions",
    ):
        assert text in picture
    assert picture.count(">15</text>") == 4  # the label of its tick, in each panel


def test_a_cross_in_each_panel_stands_for_a_number_without_a_model(
    corpus: Path,
    no_model_of_15: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from matplotlib.axes import Axes

    drawn: list[tuple[str, list[int]]] = []
    original = Axes.plot

    def plot(axes: Axes, x: list[int], *values: Any, **options: Any) -> Any:
        drawn.append((options["marker"], x))
        return original(axes, x, *values, **options)

    monkeypatch.setattr(Axes, "plot", plot)
    command = ["sweep", "--num-topics", "1,2,15", "--prepared", str(corpus)]
    assert main([*command, "--plot", str(tmp_path / "sweep.png")]) == 0
    assert [x for marker, x in drawn if marker == "x"] == [[15]] * 4


def test_nothing_measured_is_a_failure_and_has_its_picture(
    corpus: Path, no_model_of_15: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["sweep", "--num-topics", "15", "--prepared", str(corpus), "--plot"]
    assert main([*command, str(tmp_path / "sweep.png")]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1] == f"    15  no model: {REASON}"
    assert "recommended" not in printed.out
    assert printed.err.endswith("topics: no number of topics could be measured\n")
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert main([*command[:-1], "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["recommendation"] is None


def test_what_a_fit_warns_of_is_told_once_for_the_number(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fit(counts: Any, number: int, **options: Any) -> Model:
        if number == 2:
            warnings.warn("only 1 shows clearly", stacklevel=2)
        return spectral.fit(counts, number, **options)

    monkeypatch.setattr(num_topics_module, "fit", fit)
    assert main(["sweep", "--num-topics", "1,2", "--prepared", str(corpus), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "topics: 2 topics: only 1 shows clearly\n"
    told = [trial["warning"] for trial in json.loads(printed.out)["trials"]]
    assert told == [None, "only 1 shows clearly"]


def test_a_corpus_without_test_documents_can_be_swept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_corpus(tmp_path / "corpus", [f"w{n}w" for n in range(20)], documents=300, test_fraction=0)
    plot = tmp_path / "sweep.png"
    command = ["sweep", "--num-topics", "1,2", "--prepared", str(tmp_path / "corpus")]
    assert main([*command, "--splits", "10", "--plot", str(plot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("recommended: 2: ")
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_too_few_documents_are_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_corpus(tmp_path / "corpus", ["ape", "bear"], documents=2, test_fraction=0)
    assert main(["sweep", "--num-topics", "1", "--prepared", str(tmp_path / "corpus")]) == 2
    assert capsys.readouterr() == (
        "",
        "topics: 3 splits need 3 documents of 2 words or more to train on; the corpus has 2\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-topics", "5,x"], "'x' must be a whole number from 1 on"),
        (["--num-topics", ""], "'' must be a whole number from 1 on"),
        (["--num-topics", "5,0"], "'0' must be a whole number from 1 on"),
        (["--num-topics", "5", "--plot", "x.jpg"], "'x.jpg' must end in .png, .svg, .pdf"),
        (["--num-topics", "5", "--splits", "1"], "'1' must be a whole number from 2 to 10"),
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
