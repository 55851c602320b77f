"""The page of one model."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from topics.quality.relevance import RELEVANCE
from topics.report import charts
from topics.report.explorer import MAX_TOPICS, explorer_data
from topics.report.overview import COMMON, REPEATED, Overview, Topic
from topics.report.rendering import MINUS, decimal, percent, write_page

_CLOSE_PAIRS = 5

_CAPTIONS = {
    "alpha": "How much of each topic a document is expected to have before its words are seen."
    " The numbers of the topics are in the order of alpha.",
    "sizes": "The share of all words that each topic accounts for.",
    "beta": "The probability of each word (across) in each topic (down); where several words share"
    " a cell, the largest. Shades grow with the square root. A clean stair means topics that"
    " share few words.",
    "similarity": "The cosine of each two topics' word probabilities. Strong fields beside the"
    " diagonal are topics that say nearly the same.",
}


class _Shown(NamedTuple):
    """A chart on the page; `left_out` are words that are left out of it."""

    title: str
    chart: charts.Chart
    alt: str
    caption: str
    left_out: Sequence[str]


def write_report(file: Path, overview: Overview, titles: Sequence[str] | None = None) -> None:
    """Write the page.

    Args:
        file: The file to write.
        overview: What it shows.
        titles: Of all documents of the source corpus, in order.
    """
    topics = len(overview.topics)
    heading = f"{topics} topic{'s' if topics > 1 else ''} of {overview.train:,} documents"
    by_number = {topic.number: topic for topic in overview.topics}
    write_page(
        file,
        "model.html",
        title=f"Topic report: {heading}",
        heading=heading,
        overview=overview,
        topics=overview.topics,
        figures=_key_figures(overview),
        suspect=sum(topic.suspect for topic in overview.topics),
        warnings=_warnings,
        pictures=[_show(title, draw(overview), overview) for title, draw in charts.CHARTS.items()],
        width=charts.WIDTH,
        height=charts.HEIGHT,
        left=charts.LEFT,
        top=charts.TOP,
        bottom=charts.BOTTOM,
        close_pairs=[
            (by_number[first], by_number[second], cosine)
            for first, second, cosine in _close_pairs(overview)
        ],
        explorer=explorer_data([overview.sample], titles=titles),
        crowded=topics > MAX_TOPICS,
        most_topics=MAX_TOPICS,
        titles=titles,
        common=COMMON,
        relevance=RELEVANCE,
        repeated=REPEATED,
    )


def _key_figures(overview: Overview) -> list[tuple[str, str, str]]:
    """Return the label, the value and a note of each."""
    means = overview.quality.means()
    log_likelihood = means["log_likelihood"]
    gain = "no held-out document has two words" if overview.test else "no documents are held out"
    if log_likelihood is not None and overview.frequencies is not None:
        gain = f"frequencies alone: {decimal(overview.frequencies, 3)}"
    return [
        ("Log likelihood per word", decimal(log_likelihood, 3), gain),
        ("Coherence, NPMI", decimal(means["npmi"], 3), f"mean, {MINUS}1 to 1"),
        ("Coherence, UMass", decimal(means["umass"], 2), "mean, at best 0"),
        ("Vocabulary", f"{overview.model.beta.shape[1]:,}", "words"),
        ("Held out", f"{overview.test:,}", "documents"),
    ]


def _warnings(topic: Topic) -> str:
    """Say what is wrong with a topic; nothing if nothing is."""
    told = []
    if topic.large:
        told.append(f"holds {percent(topic.size)} of all words")
    if topic.repeats is not None:
        told.append(f"repeats topic {topic.repeats}")
    if topic.incoherent:
        told.append("its words are rarely in the same documents (negative NPMI)")
    return "; ".join(told)


def _show(title: str, chart: charts.Chart, overview: Overview) -> _Shown:
    left_out = overview.common if chart.name == "similarity" else []
    return _Shown(title, chart, _describe(chart.name, overview), _CAPTIONS[chart.name], left_out)


def _describe(name: str, overview: Overview) -> str:
    """Say in words what a picture shows."""
    topics = overview.topics
    if name == "alpha":
        return (
            f"Line: alpha falls from {decimal(overview.model.alpha[0], 3)} for topic 0 to"
            f" {decimal(overview.model.alpha[-1], 3)} for topic {len(topics) - 1}."
        )
    if name == "sizes":
        return (
            f"Bars: the largest topic is {topics[0].number} with {percent(topics[0].size)} of all"
            f" words, the smallest is {topics[-1].number} with {percent(topics[-1].size)}."
        )
    if name == "beta":
        words = overview.model.beta.shape[1]
        return f"Heat map: probabilities of {words:,} words in {len(topics)} topics."
    pairs = _close_pairs(overview)
    if not pairs:
        return "Heat map: there is one topic."
    first, second, cosine = pairs[0]
    return (
        f"Heat map: the topics most alike are {first} and {second}, with a cosine of"
        f" {decimal(cosine, 2)}."
    )


def _close_pairs(overview: Overview) -> list[tuple[int, int, float]]:
    """Return the pairs of topics that are most alike."""
    first, second = np.triu_indices(len(overview.topics), 1)
    cosines = overview.similarity[first, second]
    order = np.argsort(-cosines, kind="stable")[:_CLOSE_PAIRS]
    return [(int(first[at]), int(second[at]), float(cosines[at])) for at in order]
