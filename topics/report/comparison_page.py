"""The page of two models side by side."""

from pathlib import Path

from data_prep.files import replacing
from topics.quality.matching import ALIKE, Comparison, Move, Pair
from topics.quality.measures import Quality
from topics.report.markup import Html, page, tag
from topics.report.numbers import decimal


def write_comparison(
    file: Path,
    names: tuple[str, str],
    comparison: Comparison,
    qualities: list[Quality],
    tops: list[list[list[str]]],
) -> None:
    """Write the page.

    Args:
        file: To write to.
        names: Where the models come from.
        comparison: Of the two.
        qualities: Of each.
        tops: Of each, the most probable words of each topic.
    """
    content = page(
        "Two topic models",
        tag(
            "header",
            tag("p", "Comparison", class_="eyebrow"),
            tag("h1", "Two models side by side"),
            _quality_table(names, qualities),
        ),
        tag("section", tag("h2", "Topics of both"), _pair_table(comparison, tops)),
        *_left_over("A", comparison.only_first, tops[0]),
        *_left_over("B", comparison.only_second, tops[1]),
    )
    with replacing(file) as stream:
        stream.write(content.encode())


def _quality_table(names: tuple[str, str], qualities: list[Quality]) -> Html:
    heads = ("Topics", "Log likelihood", "NPMI", "UMass")
    rows = []
    for letter, name, quality in zip("AB", names, qualities, strict=True):
        means = quality.means()
        cells = [
            str(len(quality.npmi)),
            decimal(means["log_likelihood"], 3),
            decimal(means["npmi"], 3),
            decimal(means["umass"], 2),
        ]
        rows.append(
            tag(
                "tr",
                tag("th", letter, scope="row"),
                tag("td", name, class_="words source"),
                *(
                    tag("td", tag("span", cell), data_label=head, class_="number")
                    for head, cell in zip(heads, cells, strict=True)
                ),
            )
        )
    head = tag(
        "tr",
        *(tag("th", each, scope="col") for each in ("", "Model")),
        *(tag("th", each, scope="col", class_="number") for each in heads),
    )
    caption = tag(
        "caption",
        "Log likelihood is that of each held-out word; NPMI and UMass are coherence, the mean of"
        " the topics. Larger is better.",
    )
    return tag("table", caption, tag("thead", head), tag("tbody", *rows), class_="topics")


def _pair_table(comparison: Comparison, tops: list[list[list[str]]]) -> Html:
    head = ("A", "B", "Words in B", "Cosine", "Gained", "Lost")
    return tag(
        "table",
        tag(
            "caption",
            "Each topic of A with the one of B that makes all pairs together most alike, and the"
            " words whose probability moved most, in percentage points. A cosine below"
            f" {ALIKE} is marked: such a pair is what was left over.",
        ),
        tag("thead", tag("tr", *(tag("th", each, scope="col") for each in head))),
        tag("tbody", *(_pair_row(pair, tops[1][pair.second]) for pair in comparison.pairs)),
        class_="pairs",
    )


def _pair_row(pair: Pair, words: list[str]) -> Html:
    cells = [
        tag("th", str(pair.first), scope="row", data_label="A"),
        tag("td", str(pair.second), data_label="B"),
        tag("td", ", ".join(words), class_="words"),
        tag("td", decimal(pair.cosine, 3), class_="number", data_label="Cosine"),
        tag("td", _moves(pair.up), class_="words", data_label="Gained"),
        tag("td", _moves(pair.down), class_="words", data_label="Lost"),
    ]
    return tag("tr", *cells, class_="" if pair.cosine >= ALIKE else "unlike")


def _moves(moves: list[Move]) -> str:
    return ", ".join(f"{move.word}\N{NO-BREAK SPACE}{_change(move.change)}" for move in moves)


def _change(change: float) -> str:
    return ("+" if change > 0 else "") + decimal(100 * change, 2)


def _left_over(letter: str, topics: list[int], tops: list[list[str]]) -> list[Html]:
    if not topics:
        return []
    rows = [tag("li", tag("b", str(topic)), f" {', '.join(tops[topic])}") for topic in topics]
    return [tag("section", tag("h2", f"Only in {letter}"), tag("ul", *rows, class_="documents"))]
