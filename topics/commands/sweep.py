"""`topics sweep`: recommend a number of topics."""

import argparse
import math
import sys

from cli.arguments import PICTURES, Commands, picture, whole_from
from topics.commands.common_arguments import add_documents, add_json, positive, read_chosen
from topics.commands.outputs import print_json
from topics.commands.quality_columns import MEASURES
from topics.quality.num_topics import (
    PARTS,
    Mean,
    Recommendation,
    Trial,
    frequencies,
    gain,
    recommend,
    split,
    sweep,
)
from topics.report.pictures import save_sweep

_SPLITS = 3
_CELL = 16  # characters of a measure


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "sweep",
        help="recommend a number of topics",
        description="Fit models on this machine for each number of topics, on several splits of"
        " the training documents, and recommend a number: the smallest one whose held-out log"
        " likelihood per word is within one standard error of the best. Prints for each number the"
        " log likelihood and the coherence of the topics (NPMI and UMass), each as the mean over"
        " the splits with its standard error, and the seconds that a fit took. For all measures,"
        " larger is better. Held-out documents of a prepared corpus are not used.",
    )
    command.add_argument(
        "--num-topics", type=_numbers, required=True, metavar="N,N,...", help="such as 5,10,20,40"
    )
    add_documents(command, uses="the training documents")
    command.add_argument(
        "--splits",
        type=whole_from(2, PARTS),
        default=_SPLITS,
        metavar="N",
        help="number of fits of each number of topics, 2 to 10. Each holds out another random tenth"
        " of the documents. More take longer and measure the spread better (default: %(default)s)",
    )
    command.add_argument(
        "--alpha0",
        type=positive,
        default=1.0,
        metavar="A",
        help="sum of the prior (default: %(default)s)",
    )
    add_json(command)
    command.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help=f"draw it into a file that ends in {', '.join(PICTURES)}",
    )
    command.set_defaults(run=run)


def _numbers(text: str) -> list[int]:
    return sorted({whole_from(1)(part) for part in text.split(",")})


def run(options: argparse.Namespace) -> int:
    """Print a row for each number once it is known, and the recommendation; 1 if there is none."""
    splits = split(read_chosen(options), options.splits)
    if sys.stderr.isatty():
        numbers = ", ".join(map(str, options.num_topics))
        print(f"fitting {numbers} topics on {options.splits} splits each ...", file=sys.stderr)
    words = frequencies(splits)
    trials = []
    if not options.json:
        heads = "".join(f"  {MEASURES[name]:>{_CELL}}" for name in MEASURES)
        print(f"topics{heads}  seconds   (mean ±standard error over {options.splits} splits)")
    for trial in sweep(splits, options.num_topics, options.alpha0):
        trials.append(trial)
        if trial.warning:
            print(f"topics: {trial.num_topics} topics: {trial.warning}", file=sys.stderr)
        if not options.json:
            print(_row(trial), flush=True)
    found = recommend(trials)
    if options.json:
        print_json(_as_json(trials, options.splits, words, found))
    else:
        print(f"words   {_cell(words)}  (word frequencies alone)")
        if found:
            print(f"recommended: {found.num_topics}: {found.reason}")
    if options.plot:
        save_sweep(options.plot, trials, words.value, found)
        print(f"-> {options.plot}", file=sys.stderr)
    if not found:
        print("topics: no number of topics could be measured", file=sys.stderr)
    return 0 if found else 1


def _row(trial: Trial) -> str:
    if trial.problem is not None:
        return f"{trial.num_topics:6d}  no model: {trial.problem}"
    cells = "".join(f"  {_cell(trial.mean(name))}" for name in MEASURES)
    return f"{trial.num_topics:6d}{cells}  {trial.seconds:7.2f}"


def _cell(mean: Mean) -> str:
    text = "-" if math.isnan(mean.value) else f"{mean.value:.4f} ±{mean.error:.4f}"
    return f"{text:>{_CELL}}"


def _as_json(
    trials: list[Trial], splits: int, words: Mean, found: Recommendation | None
) -> dict[str, object]:
    tried = [trial for trial in trials if trial.problem is None]
    best = max(tried, key=lambda trial: trial.mean("log_likelihood").value, default=None)
    return {
        "splits": splits,
        "word_frequencies": {"log_likelihood": words.value},
        "trials": [_trial_as_json(trial, best) for trial in trials],
        "recommendation": found and found._asdict(),
    }


def _trial_as_json(trial: Trial, best: Trial | None) -> dict[str, object]:
    if best is None or trial.problem is not None:
        return {"num_topics": trial.num_topics, "problem": trial.problem}
    means = {name: trial.mean(name) for name in MEASURES}
    behind = gain(best, trial)
    return {
        "num_topics": trial.num_topics,
        "seconds": trial.seconds,
        **{name: _known(mean.value) for name, mean in means.items()},
        "standard_error": {name: _known(mean.error) for name, mean in means.items()},
        "behind_best": {"log_likelihood": behind.value, "standard_error": behind.error},
        "warning": trial.warning,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
