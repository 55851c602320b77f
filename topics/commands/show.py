"""`topics show`: alpha and the most probable words."""

import argparse
from pathlib import Path
from typing import Any

from cli.arguments import Commands, whole_from
from topics.commands.common_arguments import add_json, add_model
from topics.commands.outputs import print_json
from topics.model import archive, top_words


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "show",
        help="print alpha and the top words of each topic",
        description="Print alpha and the most probable words of each topic.",
    )
    add_model(command)
    command.add_argument(
        "--vocab",
        type=Path,
        metavar="FILE",
        help="vocab.txt, a word a line; without it, words are shown as ids",
    )
    command.add_argument(
        "--words",
        type=whole_from(1),
        default=10,
        metavar="N",
        help="number of words of each topic (default: %(default)s)",
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a line a topic, or JSON."""
    model = archive.load(options.model)
    words = top_words.read_words(options.vocab, model)
    topics = [
        {
            "topic": topic,
            "alpha": float(model.alpha[topic]),
            "words": [
                {"word": words[id_], "probability": float(model.beta[topic, id_])} for id_ in ids
            ],
        }
        for topic, ids in enumerate(top_words.top_ids(model, options.words).tolist())
    ]
    if options.json:
        print_json({"topics": topics})
    else:
        for topic in topics:
            print(_topic_line(topic))


def _topic_line(topic: dict[str, Any]) -> str:
    words = "  ".join(f"{entry['word']} {entry['probability']:.4f}" for entry in topic["words"])
    return f"topic {topic['topic']:3d}  alpha {topic['alpha']:.4f}  {words}"
