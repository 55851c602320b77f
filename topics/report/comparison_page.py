"""The page of two models side by side."""

from collections.abc import Sequence
from pathlib import Path

from topics.quality.matching import ALIKE, Comparison
from topics.quality.measures import Quality
from topics.report.explorer import MAX_TOPICS, explorer_data
from topics.report.rendering import write_page
from topics.report.sample import Sample


def write_comparison(
    file: Path,
    names: tuple[str, str],
    comparison: Comparison,
    qualities: list[Quality],
    tops: list[list[list[str]]],
    samples: Sequence[Sample],
    titles: Sequence[str] | None = None,
) -> None:
    """Write the page.

    Args:
        file: The file to write.
        names: Where each model comes from.
        comparison: Of the two models.
        qualities: Of each model.
        tops: The most probable words of each topic, for each model.
        samples: The mixtures of the training documents, for each model.
        titles: Of all documents of the source corpus, in order.
    """
    only = (comparison.only_first, comparison.only_second)
    models = [
        {"letter": letter, "name": name, "means": quality.means(), "tops": top, "only": alone}
        for letter, name, quality, top, alone in zip(
            "AB", names, qualities, tops, only, strict=True
        )
    ]
    write_page(
        file,
        "comparison.html",
        title="Two topic models",
        models=models,
        comparison=comparison,
        alike=ALIKE,
        crowded=any(len(top) > MAX_TOPICS for top in tops),
        most_topics=MAX_TOPICS,
        explorer=explorer_data(samples, comparison, titles),
    )
