"""`topics sweep`: quality against the number of topics."""

import argparse
import json
import sys

from data_prep.arguments import PICTURES, Commands, picture, whole_from
from topics import prepared
from topics.commands.inputs import add_corpus, add_json, positive
from topics.commands.tables import HEAD, MEASURES, cells, number
from topics.quality import baseline
from topics.report.pictures import save_sweep
from topics.sweep import Trial, best, sweep


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "sweep",
        help="measure quality against the number of topics",
        description="Fit a model on this machine for each number of topics and print how good each"
        " is: the held-out log likelihood per word, the coherence of the topics (NPMI and UMass)"
        " and the seconds that the fit took. Of all measures larger is better. A number of topics"
        " that the data does not support says so in its row.",
    )
    command.add_argument(
        "--num-topics", type=_numbers, required=True, metavar="N,N,...", help="such as 5,10,20,40"
    )
    add_corpus(command)
    command.add_argument(
        "--alpha0",
        type=positive,
        default=1.0,
        metavar="A",
        help="sum of the prior (default: %(default)s)",
    )
    add_json(command)
    command.add_argument(
        "--plot", type=picture, metavar="FILE", help=f"draw it; ends in {', '.join(PICTURES)}"
    )
    command.set_defaults(run=run)


def _numbers(text: str) -> list[int]:
    return sorted({whole_from(1)(part) for part in text.split(",")})


def run(options: argparse.Namespace) -> None:
    """Print a row a number, as it is known."""
    corpus = prepared.load(options.corpus)
    frequencies = baseline(corpus)
    trials = []
    if not options.json:
        print(f"topics  {HEAD}  seconds")
    for trial in sweep(corpus, options.num_topics, options.alpha0):
        trials.append(trial)
        if not options.json:
            print(_row(trial), flush=True)
    if options.json:
        print(json.dumps(_as_json(trials, frequencies), indent=2))
    else:
        print(f"words   {number(frequencies):>14}  (word frequencies alone)")
        for name, topics in best(trials).items():
            print(f"{MEASURES[name]} is best with {topics} topics")
    if options.plot:
        save_sweep(options.plot, trials, frequencies)
        print(f"-> {options.plot}", file=sys.stderr)


def _row(trial: Trial) -> str:
    if trial.quality is None:
        return f"{trial.num_topics:6d}  {trial.problem}"
    return f"{trial.num_topics:6d}  {cells(trial.quality)}  {trial.seconds:7.2f}"


def _as_json(trials: list[Trial], frequencies: float | None) -> dict[str, object]:
    return {
        "word_frequencies": {"log_likelihood": frequencies},
        "trials": [_trial_as_json(trial) for trial in trials],
        "best": best(trials),
    }


def _trial_as_json(trial: Trial) -> dict[str, object]:
    found: dict[str, object] = {"num_topics": trial.num_topics, "seconds": round(trial.seconds, 3)}
    if trial.quality is None:
        return found | {"problem": trial.problem}
    return found | trial.quality.means()
