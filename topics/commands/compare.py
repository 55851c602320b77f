"""`topics compare`: compare two models."""

import argparse
from pathlib import Path

from cli.arguments import Commands, whole_from
from data_prep.errors import InputError
from topics.commands.common_arguments import (
    add_documents,
    add_json,
    add_titles,
    chosen_titles,
    read_chosen,
)
from topics.commands.outputs import print_json
from topics.commands.quality_columns import HEAD, cells
from topics.model import archive
from topics.model.top_words import top_words
from topics.quality.matching import ALIKE, Comparison, Move, compare
from topics.quality.measures import Quality, measure
from topics.report.comparison_page import write_comparison
from topics.report.sample import take_sample

_WAYS = ("up", "down")


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "compare",
        help="compare two models",
        description="Match the topics of two models of the same vocabulary. Prints how similar"
        " each pair of topics is, which words gained and lost probability from A to B, which topics"
        " have no partner, and how good both models are on some documents.",
    )
    for name in ("A", "B"):
        command.add_argument(
            name.lower(), metavar=name, help="model.tar.gz: a file, or s3://BUCKET/KEY"
        )
    add_documents(command, uses="the training and the held-out documents", test=True)
    command.add_argument(
        "--words",
        type=whole_from(1),
        default=5,
        metavar="N",
        help="words to print that gained, and words that lost, of each pair (default: %(default)s)",
    )
    add_json(command)
    command.add_argument("--html", type=Path, metavar="FILE", help="write a page too")
    add_titles(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a comparison."""
    if options.titles and not options.html:
        raise InputError("--titles is for the page: give --html FILE too")
    models = archive.load(options.a), archive.load(options.b)
    corpus = read_chosen(options)
    titles = chosen_titles(options, corpus)
    qualities = [measure(model, corpus) for model in models]
    found = compare(*models, corpus.words, options.words)
    tops = [top_words(model, corpus.words, options.words) for model in models]
    if options.html:
        samples = [take_sample(model, corpus) for model in models]
        names = options.a, options.b
        write_comparison(options.html, names, found, qualities, tops, samples, titles)
    if options.json:
        print_json(_as_json(options, found, qualities))
    else:
        print("\n".join(_lines(options, found, qualities, tops)))


def _as_json(
    options: argparse.Namespace, found: Comparison, qualities: list[Quality]
) -> dict[str, object]:
    return {
        "models": [
            {"model": name, "topics": len(quality.npmi), **quality.means()}
            for name, quality in zip((options.a, options.b), qualities, strict=True)
        ],
        "pairs": [
            pair._asdict() | {way: [m._asdict() for m in getattr(pair, way)] for way in _WAYS}
            for pair in found.pairs
        ],
        "only_a": found.only_first,
        "only_b": found.only_second,
    }


def _lines(
    options: argparse.Namespace,
    found: Comparison,
    qualities: list[Quality],
    tops: list[list[list[str]]],
) -> list[str]:
    lines = [f"model  topics  {HEAD}"]
    for letter, quality in zip("AB", qualities, strict=True):
        lines.append(f"{letter:5}  {len(quality.npmi):6d}  {cells(quality)}")
    lines += [
        f"A: {options.a}",
        f"B: {options.b}",
        "",
        "    A     B  cosine  what moved from A to B",
    ]
    for pair in found.pairs:
        moved = "  ".join(filter(None, [_moves("+", pair.up), _moves("-", pair.down)]))
        little = "" if pair.cosine >= ALIKE else "  (little in common)"
        lines.append(
            f"{pair.first:5d} {pair.second:5d}  {pair.cosine:6.4f}  {moved or 'nothing'}{little}"
        )
    for letter, alone, top in (("A", found.only_first, tops[0]), ("B", found.only_second, tops[1])):
        lines += [f"only in {letter}: topic {topic}: {', '.join(top[topic])}" for topic in alone]
    return lines


def _moves(sign: str, moves: list[Move]) -> str:
    return " ".join(f"{sign}{move.word}" for move in moves)
