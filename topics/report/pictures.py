"""Pictures in files, drawn with Matplotlib."""

import io
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.files import replacing
from topics.quality.num_topics import Recommendation, Trial
from topics.report.charts import FEW_TOPICS, stair
from topics.report.overview import WORDS, Overview

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import FigureBase

_INK, _MUTED, _RULE, _ACCENT = "#1d1c1a", "#67635b", "#ddd8cc", "#1f5f8b"  # as on a light page

_SIZE = (3.6, 2.4)  # inches, of one of the four pictures of a model
_DOTS_PER_INCH = 200
_WORD_COLUMNS = 4
_SWEEP_PANELS = {
    "held-out log likelihood per word": "log_likelihood",
    "coherence, NPMI": "npmi",
    "coherence, UMass": "umass",
    "seconds to fit": "",
}
_FEW_NUMBERS = 8  # up to this number, labels fit beside each other
_NOTE_LETTERS = 125  # in a line
_LONG_WORD = 16  # letters; longer words are cut
_STYLE = {
    "font.family": "sans-serif",
    # Matplotlib measures text with the first font it has; a browser shows the first it has.
    "font.sans-serif": ["Segoe UI", "Roboto", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "topics",  # equal pictures have equal bytes
}

Draw = Callable[..., None]
"""Draws its data on a figure."""


def save_report(file: Path, overview: Overview) -> None:
    """Write the pictures of a report, and the words of each topic, into one file.

    The ending of the file gives the format.
    """
    width, height = _SIZE
    words = _words_height(overview)
    size = (max(2 * width, 2.2 * _WORD_COLUMNS), 2 * height + words)
    content = _render(file.suffix.removeprefix("."), size, _draw_report, overview)
    with replacing(file) as stream:
        stream.write(content)


def words_in_boxes(overview: Overview) -> list[str]:
    """Return the words of a report with a letter that the font lacks, which is drawn as a box.

    A picture in SVG has no boxes, since text stays text there.
    """
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties, findfont, get_font

    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        letters = get_font(findfont(FontProperties())).get_charmap()
    words = dict.fromkeys(word.word for topic in overview.topics for word in topic.words)
    return [word for word in words if not letters.keys() >= set(map(ord, word))]


def _words_height(overview: Overview) -> float:
    """Return the height of the words of all topics, in inches."""
    return 1.9 * -(-len(overview.topics) // _WORD_COLUMNS) + 0.5


def _draw_report(figure: "FigureBase", overview: Overview) -> None:
    ratios = (2 * _SIZE[1], _words_height(overview))
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios).ravel()
    parts = (*above.subfigures(2, 2).ravel(), below)
    for part, (title, draw) in zip(parts, _PICTURES.items(), strict=True):
        draw(part, overview)
        part.suptitle(title, fontsize=10, x=0.02, ha="left")


def save_sweep(
    file: Path, trials: list[Trial], frequencies: float, found: Recommendation | None
) -> None:
    """Write a picture of quality against the number of topics.

    The ending of the file gives the format.
    """
    content = _render(
        file.suffix.removeprefix("."), (7.2, 4.8), _draw_sweep, trials, frequencies, found
    )
    with replacing(file) as stream:
        stream.write(content)


def _render(
    format_: str,
    size: tuple[float, float],
    draw: Draw,
    *data: Any,
) -> bytes:
    import matplotlib as mpl  # here: the import takes half a second
    from matplotlib.figure import Figure

    colours = {
        "text.color": _INK,
        "axes.labelcolor": _MUTED,
        "axes.edgecolor": _RULE,
        "xtick.color": _RULE,
        "ytick.color": _RULE,
        "xtick.labelcolor": _MUTED,
        "ytick.labelcolor": _MUTED,
        "grid.color": _RULE,
    }
    content = io.BytesIO()
    with mpl.rc_context(_STYLE | colours), warnings.catch_warnings():  # type: ignore[arg-type]
        # `words_in_boxes` tells of them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=size, layout="constrained", dpi=_DOTS_PER_INCH)
        draw(figure, *data)
        figure.savefig(
            content,
            format=format_,
            facecolor="none" if format_ == "svg" else "white",
            metadata={"Date": None} if format_ == "svg" else None,
        )
    return content.getvalue()


def _draw_alpha(figure: "FigureBase", overview: Overview) -> None:
    axes = figure.subplots()
    axes.plot(overview.model.alpha, color=_ACCENT, marker="o", markersize=3, linewidth=1.4)
    axes.set(ylabel="alpha", ylim=(0, None))
    axes.grid(axis="y", linewidth=0.6)
    _number_topics(axes, "x", len(overview.topics))


def _draw_sizes(figure: "FigureBase", overview: Overview) -> None:
    axes = figure.subplots()
    sizes = [100 * topic.size for topic in overview.topics]
    axes.bar(range(len(sizes)), sizes, color=_ACCENT, width=0.7)
    axes.set(ylabel="% of all words", xlabel="topic, the largest first")
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter("{x:g}")
    few = len(sizes) <= FEW_TOPICS  # there is no room for more numbers
    numbers = [str(topic.number) for topic in overview.topics] if few else []
    axes.set_xticks(range(len(numbers)), labels=numbers)


def _draw_beta(figure: "FigureBase", overview: Overview) -> None:
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import MaxNLocator

    cells = stair(overview)
    axes = figure.subplots()
    image = axes.imshow(
        cells,
        aspect="auto",
        interpolation="none",
        cmap=_tints(_ACCENT),
        norm=PowerNorm(0.5, 0, float(cells.max())),
        extent=(0, 1, len(cells) - 0.5, -0.5),
    )
    ticks = MaxNLocator(4)
    figure.colorbar(image, ax=axes, label="probability", ticks=ticks, pad=0.02, aspect=30)
    axes.set(xlabel="words, each with the topic that has most of it", xticks=[])
    _number_topics(axes, "y", len(cells))


def _draw_similarity(figure: "FigureBase", overview: Overview) -> None:
    axes = figure.subplots()
    image = axes.imshow(
        overview.similarity,
        aspect="auto",
        interpolation="none",
        cmap=_tints(_ACCENT),
        vmin=0,
        vmax=1,
    )
    figure.colorbar(image, ax=axes, label="cosine", pad=0.02, aspect=30)
    _number_topics(axes, "x", len(overview.topics))
    _number_topics(axes, "y", len(overview.topics))


def _draw_words(figure: "FigureBase", overview: Overview) -> None:
    """Draw all topics in one pair of axes: axes for each of 100 topics would take a minute."""
    axes = figure.subplots()
    axes.set_axis_off()
    for place, topic in enumerate(overview.topics):
        row, column = divmod(place, _WORD_COLUMNS)
        left, top = 1.8 * column, row * (WORDS + 2.5)
        shares = [word.probability / topic.words[0].probability for word in topic.words]
        heights = [top + 1 + at for at in range(len(shares))]
        axes.barh(heights, shares, left=left, height=0.75, color=_ACCENT)
        axes.text(left, top, f"topic {topic.number}", va="center", fontsize=8)
        for height, word in zip(heights, topic.words, strict=True):
            short = word.word if len(word.word) <= _LONG_WORD else f"{word.word[:_LONG_WORD]}..."
            axes.text(
                left - 0.04,
                height,
                short,
                ha="right",
                va="center",
                fontsize=7,
                color=_MUTED,
                parse_math=False,  # a word with dollar signs is not a formula
            )
    rows = -(-len(overview.topics) // _WORD_COLUMNS)
    axes.set(xlim=(-0.8, 1.8 * _WORD_COLUMNS - 0.7), ylim=(rows * (WORDS + 2.5) - 1, -1))


def _draw_sweep(
    figure: "FigureBase",
    trials: list[Trial],
    frequencies: float,
    found: Recommendation | None,
) -> None:
    """Draw a mark for each number in each panel: a point, or a cross if there is no model."""
    numbers = [trial.num_topics for trial in trials]
    tried = [trial for trial in trials if trial.problem is None]
    failed = [trial for trial in trials if trial.problem is not None]
    grid = figure.subplots(2, 2).ravel()
    for axes, (title, measure) in zip(grid, _SWEEP_PANELS.items(), strict=True):
        if measure:
            means = [trial.mean(measure) for trial in tried]
            values, errors = [mean.value for mean in means], [mean.error for mean in means]
        else:
            values, errors = [trial.seconds or 0 for trial in tried], None
        axes.errorbar(
            [trial.num_topics for trial in tried],
            values,
            errors,
            color=_ACCENT,
            marker="o",
            markersize=4,
            capsize=2,
        )
        axes.plot(
            [trial.num_topics for trial in failed],
            [0.03] * len(failed),
            transform=axes.get_xaxis_transform(),
            color=_INK,
            marker="x",
            linestyle="none",
        )
        axes.set_title(title, fontsize=9, loc="left")
        axes.grid(axis="y", linewidth=0.6)
        axes.set_xscale("log")
        axes.set_xticks(
            numbers, labels=map(str, numbers), rotation=90 if len(numbers) > _FEW_NUMBERS else 0
        )
        axes.set_xticks([], minor=True)
        if found:
            axes.axvline(found.num_topics, color=_MUTED, linestyle=":", linewidth=1)
    grid[0].axhline(frequencies, color=_MUTED, linestyle="--", linewidth=1)
    grid[0].annotate(
        "word frequencies alone",
        (1, frequencies),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7,
        color=_MUTED,
    )
    for axes in grid[2:]:
        axes.set_xlabel("number of topics")
    notes = [f"x  {trial.num_topics}: no model: {trial.problem}" for trial in failed]
    if found:
        notes.insert(0, f"recommended (dotted): {found.num_topics}: {found.reason}")
    lines = [line for note in notes for line in textwrap.wrap(note, _NOTE_LETTERS)]
    figure.suptitle("\n".join(lines), fontsize=7, x=0.02, ha="left", parse_math=False)


def _tints(colour: str) -> "Colormap":
    """Return shades from transparent to a colour, for any background."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    return LinearSegmentedColormap.from_list("tints", [(*to_rgb(colour), 0), (*to_rgb(colour), 1)])


def _number_topics(axes: "Axes", way: str, topics: int) -> None:
    from matplotlib.ticker import FixedLocator, MaxNLocator

    axis = axes.xaxis if way == "x" else axes.yaxis
    few = topics <= FEW_TOPICS
    axis.set_major_locator(FixedLocator(range(topics)) if few else MaxNLocator(8, integer=True))
    axis.set_label_text(axis.get_label_text() or "topic")


_PICTURES = {
    "Alpha": _draw_alpha,
    "Sizes": _draw_sizes,
    "Beta": _draw_beta,
    "Similarity": _draw_similarity,
    "Most probable words": _draw_words,
}
